"""`rank`: win rates over both orders, strengths of players, and what length and place do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import referee
from referee.errors import DataError
from referee.testing import ScriptedEndpoint
from referee.validation import rank

DATA = Path(__file__).parents[3] / "shared" / "data" / "llmbar" / "llmbar_gold_and_winners.jsonl"


def matches(n: int, seed: int) -> list[dict[str, Any]]:
    """Three players of known strengths, each prompt answered by two of them."""
    rng = np.random.default_rng(seed)
    strength = {"strong": 1.0, "middling": 0.0, "weak": -1.0}
    rows: list[dict[str, Any]] = []
    for at in range(n):
        one, two = rng.permutation(list(strength))[:2]
        chance = 1 / (1 + np.exp(strength[two] - strength[one]))
        first = rng.random() < chance
        rows.append({"prompt": f"q{at // 3}", "one": one, "two": two, "verdict": "A" if first else "B"})
    return rows


def test_players_come_in_the_order_of_their_strengths() -> None:
    found = rank(matches(600, 0), judge="verdict", players="one,two")
    assert found.ranking is not None
    assert list(found.ranking.strengths) == ["strong", "middling", "weak"]
    assert found.reading[0].startswith("strong comes first of 3")
    assert "is better" not in " ".join(found.reading)  # the first answer is everybody's in turn
    best = found.ranking.strengths["strong"]
    assert best.low is not None
    assert best.high is not None
    assert best.low < 1.0 < best.high
    assert found.clusters.field == "prompt"
    assert found.inconsistent is None
    assert any("judged in one order" in advice.text for advice in found.advice)


def test_a_player_that_never_lost_makes_no_ranking() -> None:
    rows = [
        {"one": one, "two": two, "verdict": "A"} for one, two in [("x", "y"), ("x", "z"), ("y", "z"), ("z", "y")] * 5
    ]
    found = rank(rows, judge="verdict", players="one,two")
    assert found.reading[0] == "There is no ranking: x never lost to or tied with any of the others."


def test_both_orders_in_two_columns_and_a_favourite_place() -> None:
    rng = np.random.default_rng(1)
    better = rng.random(300) < 0.7
    always_first = rng.random(300) < 0.4
    rows = [
        {"given": "A" if first or good else "B", "swapped": "B" if first else ("A" if good else "B")}
        for good, first in zip(better, always_first, strict=True)
    ]
    found = rank(rows, judge="given,swapped")
    assert found.inconsistent is not None
    assert found.inconsistent.value == pytest.approx(float(always_first.mean()))
    assert found.first_position is not None
    assert found.first_position.excludes(0.5)
    assert any("has a favourite place" in text for text in found.reading)
    assert found.ties == int(always_first.sum())
    assert found.rate.value == pytest.approx((found.wins + found.ties / 2) / 300)


def test_a_run_that_swaps(tmp_path: Path) -> None:
    texts = [("long and wordy indeed", "short"), ("x y z", "w")] * 10
    items = [{"prompt": f"p{at}", "output_1": one, "output_2": two} for at, (one, two) in enumerate(texts)]
    # Always A, whichever stands there: the first pairs are inconsistent; then a judge that keeps to output_1.
    replies = ["A", "A"] * 10 + ["A", "B"] * 10
    with ScriptedEndpoint(replies) as endpoint:
        judge = referee.Judge(
            name="pairwise",
            model=referee.Model(url=endpoint.url, name="m"),
            scores=[
                referee.RubricScore(
                    name="winner",
                    rubric=[{"label": "A", "value": 1}, {"label": "B", "value": 0}],  # type: ignore[list-item]
                    parser=referee.LabelParser(),
                )
            ],
            protocol=referee.Swap(fields=("output_1", "output_2"), mirror={"A": "B", "B": "A"}),
            prompt_template="{{ item.prompt }}: A {{ item.output_1 }} B {{ item.output_2 }}",
        )
        referee.evaluate(judge, items, output=tmp_path / "out", concurrency=1)
    found = rank(tmp_path / "out")
    assert (found.first, found.second) == ("output_1", "output_2")
    assert (found.wins, found.ties, found.losses) == (10, 10, 0)
    assert found.rate.value == pytest.approx(0.75)
    assert found.inconsistent is not None
    assert found.inconsistent.value == pytest.approx(0.5)
    assert found.first_position is not None
    assert found.first_position.value == pytest.approx(0.75)  # of the twenty the first ten went to the place
    assert found.length is not None
    assert any("turned 50% of the verdicts" in advice.text for advice in found.advice)
    json.dumps(found.to_dict(), allow_nan=False)


def test_length_is_taken_out() -> None:
    rng = np.random.default_rng(2)
    rows: list[dict[str, Any]] = []
    for _ in range(500):
        difference = int(rng.integers(-10, 11))
        wins = rng.random() < 1 / (1 + np.exp(-difference / 3))
        rows.append({"a": "w " * (30 + difference), "b": "w " * 30, "verdict": "A" if wins else "B"})
    rows += [{"a": "w " * 40, "b": "w " * 30, "verdict": "A"} for _ in range(300)]
    found = rank(rows, judge="verdict", answers="a,b")
    assert found.rate.excludes(0.5)
    assert found.length is not None
    assert found.length.rate.value == pytest.approx(0.5, abs=0.08)
    assert any("favours longer answers" in text for text in found.reading)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"judge": "verdict", "players": "one"}, "name two fields"),
        ({"judge": "verdict", "players": "one,tow"}, "has no field 'tow'; did you mean 'two'?"),
        ({"judge": "verdict", "answers": "x,y"}, "has no field 'x'"),
        ({"judge": "one"}, "say by which of them the first answer wins"),
        ({"judge": "unsure"}, "the verdict 'unsure' is no win of either answer that is known, and no tie"),
        ({"judge": "unsure", "first_wins": "A"}, "only one of 'b' and 'unsure' can be a win of the second"),
        ({"judge": "verdict", "first_wins": "C"}, "first_wins is 'C', and the verdicts are a, b"),
        ({"judge": "a,b,c"}, "name one column, or two"),
    ],
)
def test_what_cannot_be_ranked(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        rank(
            [row | {"unsure": "unsure" if row["one"] == "weak" else row["verdict"]} for row in matches(20, 3)],
            **arguments,
        )


@pytest.mark.shared
@pytest.mark.skipif(not DATA.exists(), reason=f"the recorded judgments are not at {DATA}")
def test_the_published_line_of_gpt4_on_llmbar_natural() -> None:
    rows: list[dict[str, Any]] = []
    with DATA.open(encoding="utf-8") as file:
        for line in map(json.loads, file):
            if line["subset"] == "Natural":
                both, gold = line["judges"]["GPT-4/Vanilla_NoRules"], str(line["label"])
                rows.append({name: float(both[name] == gold) for name in ("noswap", "swap")})
    found = rank(rows, judge="noswap,swap")
    assert found.rate.value == pytest.approx(0.935, abs=5e-4)
    assert found.inconsistent is not None
    assert found.inconsistent.value == pytest.approx(0.03, abs=5e-4)
