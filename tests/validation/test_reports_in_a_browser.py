"""Reports in a real browser: every chart is drawn, nothing complains, nothing of the data runs."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sample_answers import a_comparison, a_correction, a_label_validation, a_ranking, a_validation

from referee.validation.agreement import Disagreement
from referee.validation.reports import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
HOSTILE = "</script><script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="there is no chromium on the PATH"),
]
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic",
    "--no-first-run", "--disable-dev-shm-usage", "--virtual-time-budget=20000", "--enable-logging=stderr",
)  # fmt: skip


def hostile() -> Any:
    found = a_validation(name=HOSTILE)
    case = Disagreement(0, 4.0, 0.0, HOSTILE, HOSTILE, HOSTILE)
    groups = tuple(replace(group, name=HOSTILE) for group in found.subgroups)
    return replace(found, disagreements=(case,), subgroups=groups, left_out={HOSTILE: 1})


@pytest.mark.parametrize(
    "make",
    [a_validation, lambda: a_validation(5), a_label_validation, a_comparison, a_correction, a_ranking, hostile],
    ids=["validate", "five rows", "labels", "compare", "estimate", "rank", "hostile"],
)
def test_every_chart_is_drawn_and_nothing_complains(make: Callable[[], Any], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write_report(page, make(), title="A report")
    assert BROWSER is not None
    done = subprocess.run(
        [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=250, check=True,
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert complaints == []
    wanted = page.read_text(encoding="utf-8").count("<figure")
    assert wanted > 0
    assert re.search(r'<html[^>]* data-charts="(\d+)"', done.stdout).group(1) == str(wanted)  # type: ignore[union-attr]
    assert done.stdout.count('class="marks"') == wanted
    assert "<title>A report</title>" in done.stdout
