"""`--report FILE.html` of the commands about people."""

from __future__ import annotations

import json
from pathlib import Path

from referee.testing import ScriptedEndpoint


def test_a_run_becomes_a_page_with_the_judges_own_words(place, tmp_path: Path, flat) -> None:
    place.rows([{"prompt": f"What is {n} + 1?", "response": f"It is {n} <b>!", "quality": n % 5} for n in range(20)])
    said = [json.dumps({"quality": min(4, n % 5 + n % 2), "why": f"because of {n}"}) for n in range(20)]
    with ScriptedEndpoint(said) as endpoint:
        place.judge(endpoint.url)
        assert place.evaluate("-c", "1").exit_code == 0
    page = tmp_path / "report.html"
    result = place.run("validate", str(place.out), "--human", "quality", "--report", str(page))
    assert result.exit_code == 0
    assert f"Report: {page}" in flat(result.stdout)
    written = page.read_text(encoding="utf-8")
    assert "It orders answers better than chance" in written
    assert "It is 1 &lt;b&gt;!" in written
    assert "because of 1" in written
    assert "It is 1 <b>" not in written


def test_json_stays_json_and_a_page_that_cannot_be_written_is_said(place, tmp_path: Path, flat) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"j": n % 3, "h": n % 4}) + "\n" for n in range(12)))
    command = ("validate", str(rows), "--judge", "j", "--human", "h")
    result = place.run(*command, "--json", "--report", str(tmp_path / "page.html"))
    assert json.loads(result.stdout)["n"] == 12
    assert (tmp_path / "page.html").stat().st_size > 500_000
    missing = place.run(*command, "--report", str(tmp_path / "none" / "page.html"))
    assert missing.exit_code == 1
    assert "cannot be written: No such file or directory" in flat(missing.stderr)


def test_too_few_rows_are_a_page_too(place, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"j": 1, "h": None}) + "\n" + json.dumps({"j": 2, "h": 3}) + "\n")
    page = tmp_path / "page.html"
    result = place.run("validate", str(rows), "--judge", "j", "--human", "h", "--report", str(page))
    assert result.exit_code == 1
    assert "What was counted" in page.read_text(encoding="utf-8")
