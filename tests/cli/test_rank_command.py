"""`referee rank` on its screen."""

from __future__ import annotations

import json


def test_a_ranking(place, tmp_path, flat):
    file = tmp_path / "matches.jsonl"
    rows = [
        {"one": "x" if n % 2 else "y", "two": "z" if n % 3 else "x" if n % 2 == 0 else "y", "v": "A" if n % 5 else "B"}
        for n in range(60)
    ]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    result = place.run("rank", str(file), "--judge", "v", "--players", "one,two")
    assert result.exit_code == 0, result.stderr
    said = flat(result.stdout)
    assert "60 of 60 pairs have a verdict" in said
    assert "The answers in one win 80.0%" in said
    assert "Bradley–Terry" in said
    assert max(map(len, result.stdout.splitlines()[1:])) <= 80
    found = json.loads(place.run("rank", str(file), "--judge", "v", "--json").stdout)
    assert (found["wins"], found["losses"]) == (48, 12)


def test_verdicts_that_must_be_explained(place, tmp_path, flat):
    file = tmp_path / "matches.jsonl"
    file.write_text('{"v": "left"}\n{"v": "right"}\n')
    result = place.run("rank", str(file), "--judge", "v")
    assert result.exit_code == 1
    assert "the verdicts are left, right: say by which of them the first answer wins" in flat(result.stderr)
    assert place.run("rank", str(file), "--judge", "v", "--first-wins", "left").exit_code == 0
