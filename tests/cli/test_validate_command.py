"""`referee validate` on its screen: what a person reads, what a script reads, and the answer to every bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from referee.testing import ScriptedEndpoint

HUMAN = [4, 0, 3, 2, 1]
GOOD = [{"id": at, "prompt": f"p{at}", "j": min(4, human + at % 2), "h": human} for at, human in enumerate(HUMAN * 4)]


def write(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


@pytest.fixture
def rows(tmp_path: Path) -> str:
    return write(tmp_path / "judged.jsonl", GOOD)


def test_a_run_says_what_it_is_worth(place, flat):
    place.rows([{"prompt": f"What is {n} + 1?", "response": str(n), "quality": n % 5} for n in range(20)])
    with ScriptedEndpoint([json.dumps({"quality": min(4, n % 5 + n % 2)}) for n in range(20)]) as endpoint:
        place.judge(endpoint.url)
        assert place.evaluate("-c", "1").exit_code == 0
    result = place.run("validate", str(place.out), "--human", "quality")
    assert result.exit_code == 0
    said = flat(result.stdout)
    assert "demo.quality beside people's quality" in said
    assert "20 of 20 rows have both scores" in said
    assert "It orders answers better than chance" in said
    for figure in ("Pearson r", "Spearman rho", "Kendall tau-b", "MAE", "Gwet's AC1", "Krippendorff's alpha, ordinal"):
        assert figure in said
    assert max(map(len, result.stdout.splitlines()[1:])) <= 80  # the first holds a path
    whole = place.run("validate", str(place.out), "--human", "quality", "--json")
    found = json.loads(whole.stdout)
    assert found["n"] == 20
    assert found["exit_code"] == 0
    assert found["agreement"]["pearson"]["low"] < found["agreement"]["pearson"]["value"]
    assert found["cost"]["calls"] == 20


def test_five_rows_are_said_to_be_few(place, tmp_path, flat):
    file = write(tmp_path / "few.jsonl", GOOD[:5])
    result = place.run("validate", file, "--human", "h", "--judge", "j")
    assert result.exit_code == 0
    assert "5 rows are few" in flat(result.stdout)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_rows(place, tmp_path, flat, count):
    file = write(tmp_path / "few.jsonl", [*GOOD[:count], {"j": None, "h": 3}, {"j": 2, "h": None}])
    result = place.run("validate", file, "--human", "h", "--judge", "j")
    assert result.exit_code == 1
    said = flat(result.stdout)
    assert ("One row has both scores" if count else "No row has both scores") in said
    assert "1 no score of the judge" in said
    assert "1 no label" in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"j": 3}, "cannot be asked: the judge gave every row 3"),
        ({"h": 2}, "cannot be asked: people gave every row 2"),
        ({"j": 2, "h": 2}, "cannot be asked: the judge gave every row 2 and people gave every row 2"),
    ],
)
def test_all_equal(place, tmp_path, flat, changed, said):
    file = write(tmp_path / "equal.jsonl", [{**row, **changed} for row in GOOD])
    result = place.run("validate", file, "--human", "h", "--judge", "j")
    assert result.exit_code == 0
    assert said in flat(result.stdout)
    assert "nan" not in result.stdout


@pytest.mark.parametrize("nothing", ["NaN", None, "", "nan"])
def test_missing_scores_are_counted_and_never_a_number(place, tmp_path, flat, nothing):
    file = write(tmp_path / "gaps.jsonl", [{**row, "h": nothing} if at < 3 else row for at, row in enumerate(GOOD)])
    said = flat(place.run("validate", file, "--human", "h", "--judge", "j").stdout)
    assert "17 of 20 rows have both scores: left out 3 no label" in said


@pytest.mark.parametrize(
    ("options", "changed", "said"),
    [
        (["--human", "hh"], {}, "has no field 'hh'; did you mean 'h'?"),
        (["--human", "h", "--judge", "jj"], {}, "has no field 'jj'; did you mean 'j'?"),
        (["--human", "h", "--by", "promt"], {}, "has no field 'promt'; did you mean 'prompt'?"),
        (["--human", "h", "--cluster", "promt"], {}, "has no field 'promt'; did you mean 'prompt'?"),
        (["--human", "h"], {"h": "good"}, "people's 'h' is 'good' at row 7; a score must be a number"),
        (["--human", "h"], {"j": "n/a"}, "the judge's 'j' is 'n/a' at row 7; a score must be a number"),
        (["--human", "h", "--scale", "0-4"], {"h": 9}, "people's 'h' is 9 at row 7, off the judge's scale 0 to 4"),
        (["--human", "h", "--scale", "0-4"], {"j": -1}, "the judge's 'j' is -1 at row 7, off its scale 0 to 4"),
        (["--human", "h", "--scale", "0-4", "--human-scale", "0-3"], {}, "off the scale of --human-scale 0 to 3"),
        (["--human", "h", "--scale", "four"], {}, "scale 'four' is not readable"),
        (["--human", "h", "--scale", "4-0"], {}, "scale is 4 to 0; the first must be below the second"),
        (["--human", "h", "--cluster", "prompt"], {"prompt": None}, "row 7 has no 'prompt'"),
        (["--human", "h,h"], {}, "human names a field twice"),
        (["--human", ""], {}, "name the field with people's score"),
        (["--human", "h", "--key", "id"], {}, "--key id joins a file of labels, and none is given"),
    ],
)
def test_what_cannot_be_used_is_named(place, tmp_path, flat, options, changed, said):
    file = write(tmp_path / "rows.jsonl", [{**row, **changed} if at == 7 else row for at, row in enumerate(GOOD)])
    if "--judge" not in options:
        options = [*options, "--judge", "j"]
    result = place.run("validate", file, *options)
    assert result.exit_code == 1, result.stdout
    assert said in flat(result.stderr)


def test_plain_rows_need_the_judges_column(place, rows, flat):
    result = place.run("validate", rows, "--human", "h")
    assert result.exit_code == 1
    assert "name the column with the judge's scores (--judge COLUMN); its rows have id, prompt, j, h" in flat(
        result.stderr
    )


@pytest.mark.parametrize(
    ("labels", "options", "said"),
    [
        ([{"id": 0, "r": 1}], [], "joined by a field that names a row, never by their order"),
        ([{"id": 0, "r": 1}], ["--key", "idd"], "has no field 'idd'; did you mean 'id'?"),
        ([{"id": 900, "r": 1}], ["--key", "id"], "no label of"),
        ([{"id": 1, "r": 1}, {"id": 1, "r": 2}], ["--key", "id"], "rows 0 and 1 have the same id '1' and different"),
        ([{"id": 1, "x": 1}], ["--key", "id"], "has no field 'r'"),
        ([], ["--key", "id"], "holds no rows"),
    ],
)
def test_label_files_that_do_not_fit(place, rows, tmp_path, flat, labels, options, said):
    file = write(tmp_path / "labels.jsonl", labels)
    result = place.run("validate", rows, "--human", "r", "--judge", "j", "--labels", file, *options)
    assert result.exit_code == 1
    assert said in flat(result.stderr)


def test_a_key_that_names_two_rows(place, tmp_path, flat):
    twice = write(tmp_path / "twice.jsonl", [{**row, "id": at // 2} for at, row in enumerate(GOOD)])
    labels = write(tmp_path / "labels.jsonl", [{"id": 0, "r": 1}])
    result = place.run("validate", twice, "--human", "r", "--judge", "j", "--labels", labels, "--key", "id")
    assert result.exit_code == 1
    assert "rows 0 and 1 have the same id '0'; a key must name one row" in flat(result.stderr)


def test_mixed_scales_are_noticed(place, tmp_path, flat):
    file = write(tmp_path / "mixed.jsonl", [{**row, "j": row["j"] / 4} for row in GOOD])
    said = flat(place.run("validate", file, "--human", "h", "--judge", "j").stdout)
    assert "do not seem to be on one scale" in said


def test_several_scores_must_be_told_apart(place, flat):
    scores = [{"name": name, "minimum": 0, "maximum": 4} for name in ("quality", "tone")]
    place.rows([{"prompt": f"q{n}", "response": str(n), "rating": n % 5, "tone": n % 3} for n in range(6)])
    with ScriptedEndpoint('{"quality": 3, "tone": 1}') as endpoint:
        place.judge(endpoint.url, scores=scores)
        place.evaluate()
    result = place.run("validate", str(place.out), "--human", "rating")
    assert result.exit_code == 1
    assert "has several scores: demo.quality, demo.tone; say which one is meant (--score NAME)" in flat(result.stderr)
    near = place.run("validate", str(place.out), "--human", "rating", "--score", "qualty")
    assert "did you mean 'quality'?" in flat(near.stderr)
    assert "demo.tone beside people's tone" in place.run("validate", str(place.out), "--human", "tone").stdout


def test_a_folder_that_is_no_run(place, tmp_path, flat):
    (tmp_path / "empty").mkdir()
    result = place.run("validate", str(tmp_path / "empty"), "--human", "h")
    assert result.exit_code == 1
    assert "is no run folder" in flat(result.stderr)
    result = place.run("validate", str(tmp_path / "nothing"), "--human", "h")
    assert result.exit_code == 1


def test_unreadable_lines_are_counted_and_do_not_part_the_clusters(place, tmp_path, flat):
    file = tmp_path / "broken.jsonl"
    lines = [json.dumps({**row, "prompt": f"p{row['id'] // 2}"}) for row in GOOD]
    file.write_text("\n".join([*lines[:5], "{broken", *lines[5:], "[1]"]) + "\n")
    said = flat(place.run("validate", str(file), "--human", "h", "--judge", "j").stdout)
    assert "20 of 22 rows have both scores: left out 2 unreadable row" in said
    assert "rows with the same prompt count as one group (10 groups)" in said.lower()
