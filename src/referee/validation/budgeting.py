"""`plan`: how many labels, rows and repeats reach a wanted interval, worked out from a pilot run."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from referee.errors import DataError, EstimatorError
from referee.statistics import (
    Estimate,
    RepeatSplit,
    agreement,
    label_agreement,
    mean_score,
    ppi,
    repeat_split,
    rows_to_show,
)
from referee.statistics.planning import labels_for_width
from referee.validation.agreement import Cost
from referee.validation.asking import Question, read_scale
from referee.validation.joined import Joined, join
from referee.validation.planning import Need, Plan
from referee.validation.reading import more_to_show, round_up
from referee.validation.validating import Table, table_of

ALIKE = 0.5
"""How far the scores of two prompts on one row are taken to correlate, where nothing is known of the second."""
SMALL_SHARE = 0.1
"""Repeats are enough where the judge's own noise makes so little of a mean's variance."""


def plan(
    results: Any,
    *,
    human: str | Sequence[str] | None = None,
    half_width: float = 0.1,
    difference: float | None = None,
    labels: Any = None,
    key: str | None = None,
    judge: str | None = None,
    score: str | None = None,
    cluster: str | None = None,
    scale: tuple[float, float] | str | None = None,
    human_scale: tuple[float, float] | str | None = None,
    minutes_per_label: float | None = None,
    confidence: float = 0.95,
    power: float = 0.8,
    seed: int = 0,
) -> Plan:
    """Say what a wanted interval takes, from what a pilot shows.

    Args:
        results, human, labels, key, judge, score, cluster, scale, human_scale, confidence, seed: as `validate`; without
            `human` only rows and repeats are planned, and no labels.
        half_width: how far an interval may reach to either side, on the scale of each figure: points for means and
            bias, correlation for Pearson's r, a share for exact agreement.
        difference: a difference of two mean scores on the same rows that should be shown, in points.
        minutes_per_label: what a label takes a person, to add up their time.
        power: the chance of showing a difference of the size asked about.

    Raises:
        DataError: the pilot cannot be used, or a number asked for is no width, difference or power.
        MissingExtraError: the extra `statistics` is not installed.
    """
    for what, value in (
        ("half_width", half_width),
        ("difference", difference),
        ("minutes_per_label", minutes_per_label),
    ):
        if value is not None and not value > 0:
            raise DataError(f"{what} is {value}; it must be above 0")
    if not 0.5 <= power < 1:
        raise DataError(f"power is {power}; it is the chance of showing a difference, from 0.5 to under 1")
    question = Question(
        results=results, human=human or (), judge=judge, score=score, labels=labels, key=key, cluster=cluster
    )
    opened, people, clustered = question.open()
    joined = join(opened, people, cluster=clustered)
    table = table_of(joined, read_scale(scale, "scale"), read_scale(human_scale, "human_scale"))
    pilot = _Pilot(joined, table, opened.cost, half_width, minutes_per_label, confidence, power, seed)
    needs = [*pilot.about_agreement(), *pilot.about_means(), *pilot.about_repeats()]
    if difference is not None:
        needs.append(pilot.about_difference(difference))
    if not needs:
        raise DataError(
            f"the pilot has {pilot.scored} rows with a score, which say nothing of how scores differ; judge some 20 "
            "rows"
        )
    return Plan(
        judge=opened.name,
        score=opened.score,
        source=opened.source,
        half_width=half_width,
        n=pilot.n if people.fields else pilot.scored,
        needs=tuple(needs),
        cost=opened.cost,
        reading=tuple(_said(need) for need in needs),
        confidence=confidence,
        power=power,
    )


@dataclass
class _Pilot:
    joined: Joined
    table: Table
    cost: Cost | None
    half_width: float
    minutes_per_label: float | None
    confidence: float
    power: float
    seed: int

    def __post_init__(self) -> None:
        sides = self.table.sides
        self._judged = ~np.isnan(sides.judge)
        self._both = self._judged & ~np.isnan(sides.human)
        self.n, self.scored = int(self._both.sum()), int(self._judged.sum())
        # One prompt may have several rows: rows are what is planned, in clusters as large as the pilot's.
        self._marks = self.joined.marks

    def about_agreement(self) -> list[Need]:
        """Labels for the figures of agreement."""
        if self.n < 3:
            return []
        x, y = self.table.sides.judge[self._both], self.table.sides.human[self._both]
        marks = self._marks(self._both)
        if self.table.kind == "labels":
            names = [[self.table.names[int(code)] for code in column] for column in (x, y)]
            exact = label_agreement(names[0], names[1], clusters=marks, confidence=self.confidence).accuracy
            return [self._width("exact agreement", exact)]
        found = agreement(x, y, clusters=marks, confidence=self.confidence, seed=self.seed)
        out = [self._width(name, one) for name, one in (
            ("Pearson r", found.pearson), ("bias (judge − human)", found.bias), ("exact agreement", found.exact),
        )]  # fmt: skip
        more = more_to_show(found.pearson, 0.0, self.n, self.power)
        if more is not None:
            out.append(self._need(
                "that it orders answers better than chance shown", "labels", self.n, self.n + more,
                f"if r is the {found.pearson.value:.2f} that it seems to be",
            ))  # fmt: skip
        return out

    def about_means(self) -> list[Need]:
        """Rows for the judge's own mean, and labels for the corrected one."""
        if self.table.kind == "labels" or self.scored < 3:
            return []
        scores = self.table.sides.judge[self._judged]
        own = mean_score(scores, clusters=self._marks(self._judged), confidence=self.confidence)
        out = [self._width("the judge's own mean", own, unit="rows", have=self.scored)]
        corrected = self._corrected()
        return [*out, *([corrected] if corrected else [])]

    def _corrected(self) -> Need | None:
        unlabelled = self._judged & ~self._both
        if self.n < 3 or unlabelled.sum() < 3:
            return None
        sides = self.table.sides
        try:
            found = ppi(
                sides.human[self._both],
                sides.judge[self._both],
                sides.judge[unlabelled],
                clusters=self._marks(self._both),
                unlabelled_clusters=self._marks(unlabelled),
                confidence=self.confidence,
                seed=self.seed,
            )
        except (EstimatorError, DataError) as refused:
            question = f"the corrected mean known to ±{self.half_width:g}"
            return Need(question, "labels", self.n, None, None, None, f"not by these labels: {refused}")
        judge_part = (found.weight or 0.0) ** 2 * float(sides.judge[unlabelled].var(ddof=1))
        need = labels_for_width(
            found.label_variance or 0.0, judge_part, int(unlabelled.sum()), self.half_width, confidence=self.confidence
        )
        why = (
            f"with {int(unlabelled.sum()):,} rows that the judge alone scored; the pilot has {found.estimate}"
            if need is not None
            else f"no number of labels is enough: the judge's {int(unlabelled.sum()):,} other rows are too few"
        )
        return self._need(f"the corrected mean known to ±{self.half_width:g}", "labels", self.n, need, why)

    def about_repeats(self) -> list[Need]:
        """Repeats, where the pilot judged rows more than once."""
        split = self._split()
        if split is None or split.judge_variance == 0:
            return []
        have = max(1, round(split.repeats))
        need: int | None = 1
        if split.item_variance > 0:
            need = math.ceil(split.judge_variance * (1 - SMALL_SHARE) / (split.item_variance * SMALL_SHARE))
        else:
            need = None
        why = (
            f"now its noise makes {split.judge_share:.0%} of the variance of a mean; more rows take out the rest"
            if need is not None
            else "the rows do not differ beyond the judge's own noise"
        )
        return [Need("the judge's own noise under a tenth of a mean's variance", "repeats", have,
                     None if need is None else max(1, need), None, None, why)]  # fmt: skip

    def _split(self) -> RepeatSplit | None:
        if self.joined.repeats < 2 or self.table.kind == "labels":
            return None
        rows: dict[int, list[float]] = defaultdict(list)
        for index, value in zip(self.joined.index, self.table.sides.judge.tolist(), strict=True):
            if value == value:
                rows[index].append(value)
        try:
            return repeat_split(list(rows.values()), confidence=self.confidence)
        except DataError:
            return None

    def about_difference(self, difference: float) -> Need:
        """Rows that show a difference of two mean scores."""
        question = f"a difference of {difference:g} between two mean scores shown"
        if self.table.kind == "labels" or self.scored < 3:
            return Need(question, "rows", self.scored, None, None, None, "the verdicts are no scores with a mean")
        split = self._split()
        repeats = max(1, round(split.repeats)) if split is not None else 1
        noise = split.judge_variance if split is not None else 0.0
        own = split.item_variance if split is not None else float(self.table.sides.judge[self._judged].var(ddof=1))
        need = rows_to_show(
            difference,
            2 * own * (1 - ALIKE),
            judge_variances=(noise, noise),
            repeats=(repeats, repeats),
            confidence=self.confidence,
            power=self.power,
        )
        noted = f" and {repeats} judgments of each row" if split is not None else ""
        why = (
            f"with both on the same rows, their scores correlated by {ALIKE:g}{noted}; of two runs that are there "
            "referee compare says it"
        )
        return self._need(question, "rows", self.scored, need, why)

    def _width(
        self, name: str, one: Estimate, *, unit: Literal["labels", "rows"] = "labels", have: int | None = None
    ) -> Need:
        have = self.n if have is None else have
        question = f"{name} known to ±{self.half_width:g}"
        if one.value is None or one.low is None or one.high is None:
            return Need(question, unit, have, None, None, None, f"the pilot cannot say: {one.reason}")
        reach = (one.high - one.low) / 2
        need = max(2, math.ceil(have * (reach / self.half_width) ** 2))
        return self._need(question, unit, have, need, f"the pilot's {have:,} reach ±{reach:.2f}: {one}")

    def _need(self, question: str, unit: Literal["labels", "rows"], have: int, need: int | None, why: str) -> Need:
        dollars = minutes = None
        if need is not None:
            if self.cost is not None and self.cost.dollars is not None and self.cost.rows:
                dollars = max(0, need - self.scored) * self.cost.dollars / self.cost.rows
            if self.minutes_per_label is not None and unit == "labels":
                minutes = max(0, need - have) * self.minutes_per_label
        return Need(question, unit, have, need, dollars, minutes, why)


def _said(need: Need) -> str:
    question = need.question[0].upper() + need.question[1:]
    if need.need is None:
        return f"{question}: {need.why}."
    if need.need <= need.have:
        return f"{question}: reached by the {need.have:,} {need.unit} there are."
    extra = ""
    if need.dollars:
        extra += f", ${need.dollars:,.2f} of calls"
    if need.minutes:
        extra += f", {need.minutes / 60:,.1f} hours of people"
    return f"{question}: about {round_up(need.need)} {need.unit}, {need.have:,} are there{extra}."
