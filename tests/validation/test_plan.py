"""`plan`: what it asks for reaches the wanted interval."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from referee.errors import DataError
from referee.validation import Plan, estimate, plan, validate
from referee.validation.planning import Need


def rows_of(n: int, seed: int, *, labelled: int | None = None) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 5, n)
    judge = np.where(rng.random(n) < 0.6, truth, rng.integers(0, 5, n))
    return [
        {"j": int(judge[at]), "h": int(truth[at]) if labelled is None or at < labelled else None} for at in range(n)
    ]


def need(found: Plan, question: str) -> Need:
    return next(one for one in found.needs if one.question.startswith(question))


def test_the_labels_it_asks_for_reach_the_width() -> None:
    found = plan(rows_of(80, 0), human="h", judge="j", half_width=0.08)
    asked = need(found, "Pearson r")
    assert asked.need is not None
    assert asked.have == 80 < asked.need
    reached = validate(rows_of(asked.need, 1), human="h", judge="j").agreement
    assert reached is not None
    assert reached.pearson.low is not None
    assert reached.pearson.high is not None
    assert (reached.pearson.high - reached.pearson.low) / 2 == pytest.approx(0.08, rel=0.35)


def test_the_corrected_mean_and_labels_that_are_never_enough() -> None:
    pilot = rows_of(2000, 2, labelled=60)
    asked = need(plan(pilot, human="h", judge="j", half_width=0.15), "the corrected mean").need
    assert asked is not None
    more = rows_of(2000, 3, labelled=asked)
    found = estimate(more, human="h", judge="j", sampled="random").estimate
    assert found.low is not None
    assert found.high is not None
    assert (found.high - found.low) / 2 == pytest.approx(0.15, rel=0.25)
    never = need(plan(rows_of(80, 2, labelled=60), human="h", judge="j", half_width=0.01), "the corrected mean")
    assert never.need is None
    assert "no number of labels is enough" in never.why


def test_repeats_take_out_the_judges_own_noise() -> None:
    rng = np.random.default_rng(4)
    lines = [
        {
            "row_index": at // 4,
            "repeat": at % 4,
            "item": {},
            "sample": {},
            "metrics": {"m": [{"name": "s", "value": float(at // 4 % 5 + rng.normal())}]},
        }
        for at in range(400)
    ]
    asked = need(plan(lines), "the judge's own noise")
    # Items vary by 2 (0 … 4 evenly), the judge by 1: K = 0.9/(2·0.1).
    assert (asked.unit, asked.have) == ("repeats", 4)
    assert asked.need in (4, 5, 6)
    difference = need(plan(lines, difference=0.5), "a difference of 0.5")
    assert difference.need is not None
    assert 50 < difference.need < 120  # (1.96+0.84)²(2·2·½ + 2·¼)/0.25 = 78


def test_without_people_only_rows_are_planned() -> None:
    found = plan([{"j": at % 5} for at in range(50)], judge="j")
    assert {one.unit for one in found.needs} == {"rows"}
    assert found.n == 50


def test_time_of_people_is_added_up() -> None:
    asked = need(plan(rows_of(50, 0), human="h", judge="j", half_width=0.05, minutes_per_label=2), "Pearson r")
    assert asked.need is not None
    assert asked.minutes == 2 * (asked.need - 50)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"half_width": 0}, "half_width is 0; it must be above 0"),
        ({"difference": -1.0}, "difference is -1.0"),
        ({"power": 0.2}, "power is 0.2"),
        ({"judge": "jj"}, "has no field 'jj'"),
    ],
)
def test_what_cannot_be_planned(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        plan(rows_of(20, 0), **{"human": "h", "judge": "j", **arguments})


def test_a_pilot_of_nothing() -> None:
    with pytest.raises(DataError, match="the pilot has 1 rows with a score"):
        plan([{"j": 1}, {"j": None}], judge="j")


def test_everything_can_be_written_as_json() -> None:
    said = json.loads(json.dumps(plan(rows_of(40, 0), human="h", judge="j").to_dict(), allow_nan=False))
    assert said["needs"][0]["question"] == "Pearson r known to ±0.1"
