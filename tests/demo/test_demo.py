"""The demo on its first answers, with the real embedded model, and again over what it left."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from referee.cli import app
from referee.demo.run import ITEMS


def test_each_question_has_an_answer_of_each_quality() -> None:
    items = [json.loads(line) for line in ITEMS.read_text(encoding="utf-8").splitlines()]
    known = {"complete": 4, "gap": 3, "wrong_fact": 2, "off_topic": 1, "empty": 0}
    assert Counter(item["construction"] for item in items) == dict.fromkeys(known, 10)
    assert all(item["helpfulness"] == known[item["construction"]] for item in items)
    assert all((item["response"] == "") == (item["construction"] == "empty") for item in items)


@pytest.mark.local
@pytest.mark.usefixtures("one_core")
def test_the_demo_measures_four_judges_and_writes_its_report(weights: str, tmp_path: Path) -> None:
    first = CliRunner().invoke(app, ["demo", "-o", str(tmp_path), "--limit", "2"])
    assert first.exit_code == 0, first.output
    for judge in ("constant", "answer length", "read as JSON", "probabilities", "longer prompt"):
        assert judge in first.output
    assert "undefined" in first.output
    assert "report.html" in first.output
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "vegaEmbed" in page
    assert "src=" not in page.split("<script>")[0]  # nothing is loaded from anywhere
    records = (tmp_path / "short" / "journal.jsonl").read_bytes()
    again = CliRunner().invoke(app, ["demo", "-o", str(tmp_path), "--limit", "2"])
    assert again.exit_code == 0, again.output
    assert (tmp_path / "short" / "journal.jsonl").read_bytes() == records
