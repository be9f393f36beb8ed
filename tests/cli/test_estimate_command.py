"""`referee estimate` on its screen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    rows: list[dict[str, Any]] = [{"id": n, "j": (n * 7) % 10 < 4} for n in range(400)]
    labels = [{"id": n, "ok": (n * 7) % 10 < 3} for n in range(0, 400, 3)]
    for name, lines in (("rows", rows), ("labels", labels)):
        (tmp_path / f"{name}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return str(tmp_path / "rows.jsonl"), str(tmp_path / "labels.jsonl")


def test_a_pass_rate_is_corrected(place, files, tmp_path, flat):
    command = ("estimate", files[0], "--judge", "j", "--human", "ok", "--labels", files[1], "--key", "id")
    result = place.run(*command)
    assert result.exit_code == 0
    said = flat(result.stdout)
    assert "134 labelled rows and 266 others" in said
    assert "People would have passed" in said
    assert "The judge alone says" in said
    assert max(map(len, result.stdout.splitlines()[1:])) <= 80
    page = tmp_path / "page.html"
    found = json.loads(place.run(*command, "--json", "--report", str(page)).stdout)
    assert found["method"] == "PPI++"
    assert page.stat().st_size > 100_000


def test_the_wrong_estimator_is_refused(place, files, flat):
    command = ("estimate", files[0], "--judge", "j", "--human", "ok", "--labels", files[1], "--key", "id")
    result = place.run(*command, "--method", "ppi", "--sampled", "shifted")
    assert result.exit_code == 1
    assert "PPI++ needs labelled rows that are a random sample" in flat(result.stderr)
    result = place.run(*command, "--passes", "high")
    assert result.exit_code == 1
    assert "passes is 'high'" in flat(result.stderr)
