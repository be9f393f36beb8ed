"""`referee compare` on its screen."""

from __future__ import annotations

import json
from pathlib import Path


def write(path: Path, count: int) -> str:
    rows = [{"id": n, "h": n % 5, "a": min(4, n % 5 + n % 2), "b": (n * 7 + 3) % 5, "c": n % 3} for n in range(count)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def test_two_judges(place, tmp_path, flat):
    result = place.run("compare", write(tmp_path / "x.jsonl", 60), "--judge", "a,b", "--human", "h", "--scale", "0-4")
    assert result.exit_code == 0
    said = flat(result.stdout)
    assert "60 of 60 rows were scored by all and by people" in said
    assert "a is better than b: Pearson r" in said
    assert "Pearson r decides" in said
    assert max(map(len, result.stdout.splitlines()[1:])) <= 80


def test_three_judges_and_what_a_script_reads(place, tmp_path, flat):
    file = write(tmp_path / "x.jsonl", 60)
    said = flat(place.run("compare", file, "--judge", "a,b,c", "--human", "h").stdout)
    assert "a did best on 30 rows it was chosen by" in said
    assert "Quote the latter." in said
    found = json.loads(place.run("compare", file, "--judge", "a,b,c", "--human", "h", "--json").stdout)
    assert found["choice"]["name"] == "a"
    assert found["looks"] == 3
    page = tmp_path / "page.html"
    result = place.run("compare", file, "--judge", "a,b,c", "--human", "h", "--report", str(page))
    assert result.exit_code == 0
    assert "Quote the latter." in page.read_text(encoding="utf-8")


def test_nothing_to_compare(place, tmp_path, flat):
    file = write(tmp_path / "x.jsonl", 1)
    result = place.run("compare", file, "--judge", "a,b", "--human", "h")
    assert result.exit_code == 1
    assert "Fewer than two rows were scored by all judges and by people" in flat(result.stdout)
    result = place.run("compare", file, "--judge", "a", "--human", "h")
    assert result.exit_code == 1
    assert "one judge is given" in flat(result.stderr)
