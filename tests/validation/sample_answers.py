"""Answers of every kind, made of real figures on drawn rows, for the tests of reports."""

from __future__ import annotations

from typing import Any

import numpy as np

from referee.statistics import (
    agreement,
    compare_agreement,
    corrected_mean,
    label_agreement,
    mean_score,
)
from referee.validation import Comparison, Correction, Plan, Validation, rank
from referee.validation.agreement import (
    Advice,
    Calibration,
    Clusters,
    Columns,
    Cost,
    Disagreement,
    Level,
    Scale,
    Subgroup,
    Trivial,
)
from referee.validation.comparison import Choice, Pair
from referee.validation.planning import Need
from referee.validation.ranking import Ranked

ALONE = Clusters(None, 0, False, "every row stands alone")


def drawn(n: int, noise: float, seed: int = 0) -> tuple[list[float], list[float]]:
    """A judge's and people's scores on 0 … 4."""
    people = np.random.default_rng(1).integers(0, 5, n).astype(float)
    judge = np.clip(np.rint(people + np.random.default_rng(seed).normal(0.4, noise, n)), 0, 4)
    return judge.tolist(), people.tolist()


def a_validation(n: int = 60, name: str = "a judge", noise: float = 1.0, seed: int = 2, **fields: Any) -> Validation:
    """A judge of scores 0 … 4 with everything that a report can show."""
    judge, people = drawn(n, noise, seed)
    found = agreement(judge, people, categories=range(5), draws=200)
    levels = [
        Level(float(value), f"{value}", sum(x == value for x in judge), sum(y == value for y in people))
        for value in range(5)
    ]
    calibration = [
        Calibration(float(value), mean_score(given), len(given))
        for value in range(5)
        if (given := [y for x, y in zip(judge, people, strict=True) if x == value])
    ]
    apart = sorted(range(n), key=lambda row: -abs(judge[row] - people[row]))[:6]
    disagreements = [
        Disagreement(row, judge[row], people[row], f"question {row}", f"answer {row}", f"words of the judge on {row}")
        for row in apart
    ]
    always = agreement([2.0] * n, people, draws=2)
    words = agreement(np.random.default_rng(9).normal(size=n), people, draws=200)
    subgroups: list[Subgroup] = []
    for group in (0, 1):
        part = agreement(judge[group::2], people[group::2], draws=200)
        subgroups.append(
            Subgroup(
                f"part {group}", part.n, part.pearson, part.spearman, part.mae, part.bias, part.exact, part.kappa, None
            )
        )
    given: dict[str, Any] = {
        "judge": name,
        "score": "helpfulness",
        "human": ("rated",),
        "source": "out",
        "judge_hash": "0123456789abcdef",
        "kind": "numbers",
        "scale": Scale(0.0, 4.0, True, {}, True),
        "rows": n + 5,
        "n": n,
        "left_out": {"unclear": 3, "failed (timeout)": 2},
        "clusters": Clusters(None, n, False, "every row stands alone"),
        "agreement": found,
        "labels": label_agreement([str(int(x)) for x in judge], [str(int(y)) for y in people], draws=100),
        "ceiling": found,
        "people_alpha": found.alpha_ordinal,
        "within": None,
        "trivial": (
            Trivial("always 2", always.pearson, always.spearman, always.mae, always.exact, None),
            Trivial("number of words", words.pearson, words.spearman, words.mae, words.exact, None),
        ),
        "alignment": None,
        "by": "part",
        "subgroups": tuple(subgroups),
        "levels": tuple(levels),
        "calibration": tuple(calibration),
        "disagreements": tuple(disagreements),
        "cost": Cost(n, n, 300 * n, 40 * n, 0.0123),
        "mass": 0.97,
        "repeats": 1,
        "reading": ("It orders answers better than chance.", "It rates too high."),
        "advice": (Advice("good", "Good."), Advice("note", "Mind this."), Advice("warn", "Careful with that.")),
        "labels_to_tell": None,
        "confidence": 0.95,
        "columns": Columns(judge, people, np.arange(n), np.arange(n)),
    }
    return Validation(**(given | fields))


def a_label_validation() -> Validation:
    """A judge whose verdicts are labels without an order."""
    labels = ["COMPLIED", "REFUSED", "PARTIAL"]
    rng = np.random.default_rng(3)
    people = [labels[at] for at in rng.choice(3, 80, p=[0.5, 0.4, 0.1])]
    judge = [said if rng.random() < 0.85 else "COMPLIED" for said in people]
    found = label_agreement(judge, people, labels=labels, draws=100)
    levels = tuple(Level(float(at), label, judge.count(label), people.count(label)) for at, label in enumerate(labels))
    disagreements = (Disagreement(3, "COMPLIED", "PARTIAL", "asked", "answered", "[[COMPLIED]]"),)
    return a_validation(
        kind="labels", labels=found, agreement=None, levels=levels, n=80, rows=80, left_out={}, calibration=(),
        trivial=(), ceiling=None, subgroups=(), disagreements=disagreements, scale=Scale(0, 2, True, {}, True),
        columns=Columns(np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)),
    )  # fmt: skip


def a_comparison(n: int = 60, noises: tuple[float, ...] = (0.6, 1.0, 2.0)) -> Comparison:
    """Judges of growing noise on the same rows."""
    judges = [a_validation(n, f"prompt {at}", noise, seed=at + 2) for at, noise in enumerate(noises)]
    pairs: list[Pair] = []
    for at, first in enumerate(judges):
        for second in judges[at + 1 :]:
            found = compare_agreement(
                first.columns.judge, second.columns.judge, first.columns.human, categories=range(5), draws=100
            )
            decided = found.figures["pearson"]
            pairs.append(Pair(first.judge, second.judge, found, decided, f"{first.judge}: {decided}"))
    choice = None
    if len(judges) > 2:
        figure = judges[0].agreement
        assert figure is not None
        choice = Choice(
            "prompt 0", figure.pearson, figure.spearman, n // 2, n - n // 2, "prompt 1", pairs[0].decided_by
        )
    return Comparison(
        figure="pearson", figure_label="Pearson r", judges=tuple(judges), rows=n + 4, n=n, left_out={"unclear": 4},
        clusters=ALONE, pairs=tuple(pairs), looks=len(pairs), choice=choice, reading=("prompt 0 is better.",),
        advice=(), confidence=0.95,
    )  # fmt: skip


def a_correction() -> Correction:
    """A pass rate corrected by 80 labels."""
    rng = np.random.default_rng(5)
    people = (rng.random(1_080) < 0.4).astype(float)
    judge = np.where(people == 1, rng.random(1_080) < 0.9, rng.random(1_080) < 0.25).astype(float)
    found = corrected_mean(people[:80], judge[:80], judge[80:])
    return Correction(
        judge="a judge", score="passed", human=("label",), source="out", labels="labels.csv", judge_hash=None,
        quantity="pass rate", estimate=found.estimate, uncorrected=found.uncorrected, humans_only=found.humans_only,
        method=found.method, assumption=found.assumption, refused=None, shift=found.shift, labelled=80,
        unlabelled=1_000, left_out={"unclear": 7}, clusters=ALONE, labels_to_halve=600,
        reading=("People would pass about 40 % of the rows.",), advice=(Advice("note", "Label more."),),
        confidence=0.95, detail=found,
    )  # fmt: skip


def a_plan() -> Plan:
    """What a narrower interval takes."""
    needs = (
        Need("Pearson r known to ±0.10", "labels", 60, 240, 0.42, 180.0, "the error shrinks with the root of n"),
        Need("mean known to ±0.001", "labels", 60, None, None, None, "the judge's own error is larger than that"),
    )
    return Plan(
        judge="a judge", score="helpfulness", source="out", half_width=0.1, n=60, needs=needs,
        cost=Cost(60, 60, 18_000, 2_400, None), reading=("It takes 180 more labels.",), confidence=0.95, power=0.8,
    )  # fmt: skip


def a_ranking() -> Ranked:
    """Three players, judged in both orders by a judge that likes length and the first place."""
    rng = np.random.default_rng(6)
    players = ["strong", "middling", "weak"]
    rows: list[dict[str, Any]] = []
    for at in range(150):
        one, two = rng.choice(3, 2, replace=False)
        words = rng.integers(5, 60, 2)
        edge = 0.7 * (two - one) + 0.02 * (words[0] - words[1])
        first, swapped = (float(rng.random() < 1 / (1 + np.exp(-(edge + place)))) for place in (0.4, -0.4))
        rows.append(
            {"prompt": f"question {at // 2}", "one": players[one], "two": players[two], "given": first,
             "swapped": swapped, "a": "word " * words[0], "b": "word " * words[1]}
        )  # fmt: skip
    return rank(rows, judge="given,swapped", players="one,two", answers="a,b", draws=100)
