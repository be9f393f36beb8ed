"""`compare`: paired, honest at few rows, and not optimistic about the one that was chosen."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import referee
from referee.errors import DataError
from referee.testing import ScriptedEndpoint
from referee.validation import compare, validate


def noisy(truth: Any, share: float, rng: np.random.Generator) -> Any:
    """A judge that looks at the answer on a share of the rows."""
    return np.where(rng.random(len(truth)) < share, truth, rng.integers(0, 5, len(truth)))


def rows_of(n: int, shares: dict[str, float], seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 5, n)
    judges = {name: noisy(truth, share, rng) for name, share in shares.items()}
    return [
        {"id": at, "h": int(truth[at]), **{name: int(column[at]) for name, column in judges.items()}} for at in range(n)
    ]


class TestTwo:
    def test_the_better_one_is_named_whichever_comes_first(self) -> None:
        rows = rows_of(300, {"a": 0.9, "b": 0.3}, 0)
        found = compare(rows, judge="a,b", human="h", scale="0-4")
        assert found.pairs[0].decided_by.answer == "better"
        assert found.reading[0].startswith("a is better than b: Pearson r")
        other = compare(rows, judge="b,a", human="h", scale="0-4")
        assert other.pairs[0].decided_by.answer == "worse"
        assert other.reading == found.reading
        assert (found.n, found.rows, found.looks, found.choice) == (300, 300, 1, None)

    def test_five_rows_show_no_difference_and_say_how_many_would(self) -> None:
        found = compare(rows_of(5, {"a": 0.7, "b": 0.6}, 1), judge="a,b", human="h", scale="0-4")
        assert found.pairs[0].decided_by.answer == "no difference shown"
        assert "is shown at n = 5" in found.reading[0]
        assert any("5 rows are few" in advice.text for advice in found.advice)

    def test_the_rows_it_asks_for_show_the_difference(self) -> None:
        shares = {"a": 0.7, "b": 0.5}
        found = [compare(rows_of(250, shares, seed), judge="a,b", human="h").pairs[0].decided_by for seed in range(6)]
        assert sum(one.answer == "better" for one in found) >= 3
        assert all(one.rows_to_show > 250 for one in found if one.answer == "no difference shown" and one.rows_to_show)
        pilot = compare(rows_of(40, shares, 2), judge="a,b", human="h").pairs[0].decided_by
        assert pilot.answer == "no difference shown"
        assert pilot.rows_to_show is not None
        assert 40 < pilot.rows_to_show < 1000

    def test_each_judge_is_shown_on_the_common_rows(self) -> None:
        rows = rows_of(50, {"a": 0.8, "b": 0.8}, 1)
        rows[3]["a"], rows[4]["b"], rows[5]["h"] = None, None, None  # type: ignore[assignment]
        found = compare(rows, judge="a,b", human="h")
        assert found.n == 47
        assert found.left_out == {"no score of the judge by a": 1, "no score of the judge by b": 1, "no label": 1}
        assert [judge.n for judge in found.judges] == [47, 47]
        assert all(sum(judge.left_out.values()) == 3 for judge in found.judges)
        kept = [row for row in rows if None not in row.values()]
        assert found.judges[0].agreement == validate(kept, human="h", judge="a").agreement

    def test_runs_are_matched_by_content_in_any_order(self, tmp_path: Path) -> None:
        rows = rows_of(30, {"first": 0.9, "second": 0.2}, 3)
        for name, ordered in (("first", rows), ("second", rows[::-1])):
            replies = [json.dumps({"quality": row[name]}) for row in ordered]
            items = [{"id": row["id"], "response": f"answer {row['id']}", "h": row["h"]} for row in ordered]
            with ScriptedEndpoint(replies) as endpoint:
                judge = referee.Judge(
                    name="rater",
                    model=referee.Model(url=endpoint.url, name="m"),
                    scores=[referee.RangeScore(name="quality", minimum=0, maximum=4)],
                    prompt_template="{{ item.response }}",
                )
                referee.evaluate(judge, items, output=tmp_path / name, concurrency=1)
        found = compare(tmp_path / "first", tmp_path / "second", human="h")
        assert found.names == ("first", "second")
        plain = compare(rows, judge="first,second", human="h", scale="0-4")
        assert found.n == 30
        ours, theirs = (side.pairs[0].decided_by for side in (found, plain))
        assert (ours.first, ours.second) == pytest.approx((theirs.first, theirs.second))
        assert any("very same judge" in advice.text for advice in found.advice)

    def test_verdicts_are_decided_by_exact_agreement(self) -> None:
        rng = np.random.default_rng(0)
        truth = rng.integers(0, 2, 200)
        rows = [
            {"h": "yes" if t else "no", "a": "yes" if t else "no", "b": "yes" if g else "no"}
            for t, g in zip(truth, rng.integers(0, 2, 200), strict=True)
        ]
        found = compare(rows, judge="a,b", human="h")
        assert (found.figure, found.pairs[0].decided_by.answer) == ("exact", "better")
        assert found.judges[1].labels is not None
        assert found.pairs[0].decided_by.second == pytest.approx(found.judges[1].labels.accuracy.value)


class TestSeveral:
    def test_equal_judges_are_rarely_told_apart(self) -> None:
        shares = dict.fromkeys("abc", 0.5)
        wrong = sum(
            any(pair.decided_by.answer in ("better", "worse") for pair in compare(rows, judge="a,b,c", human="h").pairs)
            for rows in (rows_of(60, shares, seed) for seed in range(12))
        )
        assert wrong <= 3  # more has a chance of 0.2 % where 5 % are promised

    def test_the_held_out_figure_of_the_chosen_one_is_not_optimistic(self) -> None:
        shares = dict.fromkeys("abcd", 0.4)
        truth = compare(rows_of(6000, {"a": 0.4, "b": 0.4}, 99), judge="a,b", human="h").pairs[0].decided_by.first
        chosen, held = [], []
        for seed in range(14):
            choice = compare(rows_of(60, shares, seed), judge="a,b,c,d", human="h").choice
            assert choice is not None
            assert (choice.n_chosen_on, choice.n_held_out) == (30, 30)
            chosen.append(choice.chosen_on.value)
            held.append(choice.held_out.value)
        assert statistics.mean(chosen) > truth + 0.05
        assert statistics.mean(held) == pytest.approx(truth, abs=0.1)

    def test_too_few_rows_to_hold_out(self) -> None:
        found = compare(rows_of(12, dict.fromkeys("abc", 0.5), 0), judge="a,b,c", human="h")
        assert found.choice is None
        assert any("too few rows to hold any out" in advice.text for advice in found.advice)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"judge": "a"}, "one judge is given"),
        ({"judge": "a,b", "figure": "person"}, "figure is 'person'"),
        ({"judge": "a,b", "names": ["x", "x"]}, "give 2 different ones"),
        ({"judge": "a,zz"}, "has no field 'zz'"),
        ({"judge": "a,"}, "name columns by commas"),
        ({"judge": "a,b", "held_out_share": 1.0}, "held_out_share is 1.0"),
    ],
)
def test_what_cannot_be_compared(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        compare(rows_of(20, {"a": 0.5, "b": 0.5}, 0), human="h", **arguments)


def test_rows_that_are_not_the_same() -> None:
    one, two = rows_of(20, {"a": 0.5}, 0), rows_of(20, {"a": 0.5}, 1)
    with pytest.raises(DataError, match="have no row in common"):
        compare(one, [{**row, "more": 1} for row in two], judge="a", human="h")
    with pytest.raises(DataError, match="the runs hold different labels"):
        compare(one, two, judge="a", human="h", key="id")
    with pytest.raises(DataError, match="a key must name one row"):
        compare([{**row, "id": 1} for row in one], two, judge="a", human="h", key="id")
    found = compare(one, [{**row, "more": 1} for row in one[:12]], judge="a", human="h", key="id")
    assert (found.n, found.left_out) == (12, {"not in every run": 8})


def test_everything_can_be_written_as_json() -> None:
    found = compare(rows_of(30, dict.fromkeys("abc", 0.5), 0), judge="a,b,c", human="h")
    said = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(said["pairs"]) == 3
    assert said["choice"]["held_out"]["low"] is not None
