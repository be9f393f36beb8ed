"""Two judges, or two prompts of one judge, on the same rows: better, worse, or no difference shown.

Always paired. Two judges that rate the same rows err alike, so the interval of the *difference* is far narrower than
two separate intervals suggest, and comparing `0.61 > 0.58` on a few rows says nothing at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, chdtrc, ndtri

from referee.errors import DataError
from referee.statistics.against_people import LABELS, RATES, SCALES, scale_of, undefined_figures
from referee.statistics.columns import Column, Floats, Ints, PairedRows, cluster_codes, dense, paired_rows, score_column
from referee.statistics.estimate import Estimate
from referee.statistics.figures import Pairs
from referee.statistics.intervals import CORRELATION, DIFFERENCE, Scale, estimates
from referee.statistics.means import mean_estimate
from referee.statistics.planning import detectable, rows_from_pilot
from referee.statistics.resampling import support

EXACT_MCNEMAR_BELOW = 25
"""Discordant pairs under which McNemar's test is the exact binomial one."""
CORRELATION_DIFFERENCE = Scale(-2.0, 2.0, lambda values: values, lambda end: min(2.0, max(-2.0, end)))
ERRORS = ("mae", "rmse", "bias")
"""Figures of which less is better; the bias is compared by its size."""
Answer = Literal["better", "worse", "no difference shown", "undefined"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of two judges on the same rows."""

    figure: str
    """The name of the figure for people."""
    first: float | None
    second: float | None
    difference: Estimate
    """First less second, with its interval; undefined with the reason where either is."""
    answer: Answer
    """Whether the first judge is better, worse, or not shown to differ."""
    rows: int
    rows_to_show: int | None
    """Where no difference is shown: the rows that would show one of the size seen, with 80 % chance."""
    detectable: float | None
    """The smallest difference that these rows would show with 80 % chance."""
    p_value: float | None = None
    """Of McNemar's test, where that decides."""

    def __str__(self) -> str:
        if self.first is None or self.second is None or self.answer == "undefined":
            return f"{self.figure}: {self.difference}"
        text = f"{self.figure}: {self.first:.2f} against {self.second:.2f}, difference {self.difference}: {self.answer}"
        if self.answer != "no difference shown":
            return text
        more = f"; about {self.rows_to_show:,} rows would show one of this size" if self.rows_to_show else ""
        return f"{text} at n = {self.rows:,}{more}"


def compare_means(
    first: Column,
    second: Column,
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    higher_is_better: bool = True,
    confidence: float = 0.95,
    power: float = 0.8,
) -> Comparison:
    """Compare the mean scores of the same rows: `d_i = a_i − b_i`, Student's interval, clustered.

    Args:
        first: one score a row; rows where either is missing are left out.
        second: the other score of the same rows.
        clusters: what each row shares with others; by default every row stands alone.
        higher_is_better: which sign of the difference is "better".
        confidence: nominal coverage.
        power: the chance of showing a difference, for `rows_to_show` and `detectable`.

    Raises:
        DataError: lengths differ, or a score is not a number.
    """
    rows = paired_rows(first, second, clusters, ("first", "second"))
    return _of_means("mean", rows.first, rows.second, rows.clusters, higher_is_better, confidence, power)


def _of_means(
    name: str, first: Floats, second: Floats, clusters: Ints, higher_is_better: bool, confidence: float, power: float
) -> Comparison:
    difference = mean_estimate(first - second, clusters, confidence)
    if not first.size:
        return _undefined(name, "no row has both scores", 0, confidence)
    return _decide(
        name, float(first.mean()), float(second.mean()), difference, len(first), higher_is_better, power
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class McNemar:
    """The rows on which two judges differ in being right, and whether that could be chance."""

    only_first: int
    only_second: int
    p_value: float
    exact: bool


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """Test whether rows on which only one judge is right favour one of them; exact under 25 such rows."""
    discordant = only_first + only_second
    if discordant < EXACT_MCNEMAR_BELOW:
        tail = float(bdtr(min(only_first, only_second), discordant, 0.5)) if discordant else 1.0
        return McNemar(only_first, only_second, min(1.0, 2 * tail), exact=True)
    statistic = (only_first - only_second) ** 2 / discordant
    return McNemar(only_first, only_second, float(chdtrc(1, statistic)), exact=False)


def compare_rates(
    first: Column,
    second: Column,
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    confidence: float = 0.95,
    power: float = 0.8,
) -> Comparison:
    """Compare how often two judges are right (1) or not (0) on the same rows.

    McNemar's test decides, with the adjusted interval of Bonett and Price (2012). It takes rows to stand alone; with
    clusters the clustered Student's interval of the difference decides.

    Raises:
        DataError: an outcome is neither 0 nor 1, or the lengths differ.
    """
    rows = paired_rows(first, second, clusters, ("first", "second"))
    for column in (rows.first, rows.second):
        odd = column[(column != 0) & (column != 1)]
        if odd.size:
            raise DataError(f"an outcome is {odd[0]:g}; comparing rates needs outcomes 0 or 1")
    return _of_rates("rate", rows.first, rows.second, rows.clusters, confidence, power)


def _of_rates(name: str, first: Floats, second: Floats, clusters: Ints, confidence: float, power: float) -> Comparison:
    n = len(first)
    if n == 0:
        return _undefined(name, "no row has both scores", 0, confidence)
    if int(clusters.max()) + 1 < n:
        return _of_means(name, first, second, clusters, True, confidence, power)
    only_first, only_second = int(((first == 1) & (second == 0)).sum()), int(((first == 0) & (second == 1)).sum())
    test = mcnemar(only_first, only_second)
    # Bonett and Price: one row added to either kind of discordance.
    a, b, total = only_first + 1, only_second + 1, n + 2
    centre = (a - b) / total
    error = math.sqrt((a + b) / total - centre**2) / math.sqrt(total)
    reach = float(ndtri((1 + confidence) / 2)) * error
    value = (only_first - only_second) / n
    interval = Estimate(
        value, max(-1.0, centre - reach), min(1.0, centre + reach), method="Bonett–Price", confidence=confidence
    )  # fmt: skip
    shown = test.p_value < 1 - confidence
    answer: Answer = "no difference shown" if not shown else "better" if value > 0 else "worse"
    return Comparison(
        figure=name,
        first=float(first.mean()),
        second=float(second.mean()),
        difference=interval,
        answer=answer,
        rows=n,
        rows_to_show=None if shown else rows_from_pilot(n, error, value, confidence=confidence, power=power),
        detectable=detectable(error, confidence=confidence, power=power),
        p_value=test.p_value,
    )


@dataclass(frozen=True, slots=True)
class AgreementComparison:
    """Every agreement figure of two judges against the same people, compared."""

    n: int
    clusters: int
    left_out: int
    """Rows where either judge or the people have no score."""
    figures: dict[str, Comparison]
    confidence: float

    def __iter__(self) -> Iterator[Comparison]:
        return iter(self.figures.values())

    def __str__(self) -> str:
        return "\n".join(map(str, self))


def compare_agreement(
    first: Column,
    second: Column,
    human: Column,
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    categories: Sequence[float] | None = None,
    looks: int = 1,
    confidence: float = 0.95,
    power: float = 0.8,
    draws: int = 2000,
    seed: int = 0,
) -> AgreementComparison:
    """Compare how well two judges agree with people, on the rows that all three scored.

    Each figure's difference is computed on the same resamples (or leave-one-outs) of the clusters for both judges. For
    MAE and RMSE less is better, the bias is compared by its size; exact and within-one agreement go by McNemar's test.

    Args:
        first: the first judge's scores; "better" means that this one is.
        second: the second judge's scores of the same rows.
        human: people's scores of the same rows.
        clusters: what each row shares with others; by default every row stands alone.
        categories: the scores that the scale allows; by default those that occur.
        looks: how many such comparisons are made in all. The intervals are widened for it (Bonferroni), so that the
            chance of any false "better" or "worse" stays at 1 − confidence.
        confidence: nominal coverage, over all looks.
        power: the chance of showing a difference, for `rows_to_show` and `detectable`.
        draws: resamples of the bootstrap, where it is used.
        seed: equal seeds give equal intervals.

    Raises:
        DataError: lengths differ, a score is not a number, or a score is none of `categories`.
    """
    if looks < 1:
        raise DataError(f"looks is {looks}; it counts the comparisons made, at least 1")
    confidence = 1 - (1 - confidence) / looks
    a, b, people = score_column(first, "first"), score_column(second, "second"), score_column(human, "human")
    if not len(a) == len(b) == len(people):
        raise DataError(f"first has {len(a)} rows, second {len(b)} and human {len(people)}; they must be the same rows")
    kept = ~(np.isnan(a) | np.isnan(b) | np.isnan(people))
    codes = dense(cluster_codes(clusters, len(a))[kept])
    triple = _Triple(a[kept], b[kept], people[kept], codes)
    return AgreementComparison(
        n=int(kept.sum()),
        clusters=int(codes.max()) + 1 if codes.size else 0,
        left_out=int((~kept).sum()),
        figures=_compare_figures(triple, categories, confidence, power, draws, seed),
        confidence=confidence,
    )


@dataclass(frozen=True)
class _Triple:
    first: Floats
    second: Floats
    human: Floats
    clusters: Ints

    def sides(self) -> tuple[PairedRows, PairedRows]:
        return (
            PairedRows(self.first, self.human, self.clusters, {}),
            PairedRows(self.second, self.human, self.clusters, {}),
        )


def _compare_figures(
    rows: _Triple, categories: Sequence[float] | None, confidence: float, power: float, number: int, seed: int
) -> dict[str, Comparison]:
    n = len(rows.human)
    if n < 2:
        why = f"{n or 'no'} row{'' if n == 1 else 's'} with all three scores, at least 2 are needed"
        return {name: _undefined(LABELS[name], why, n, confidence) for name in LABELS}
    scale = scale_of((rows.first, rows.second, rows.human), categories)
    reasons: dict[str, str] = {}
    for which, side in zip(("first", "second"), rows.sides(), strict=True):
        for name, why in undefined_figures(side, scale).items():
            reasons.setdefault(name, why.replace("the judge", f"the {which} judge"))
    distinct = support((rows.first, rows.second, rows.human), rows.clusters)
    one, two = (Pairs(distinct.points[:, at], distinct.points[:, 2], distinct.counts, scale) for at in (0, 1))

    def differences(weights: Floats) -> dict[str, Floats]:
        left, right = one.figures(weights), two.figures(weights)
        return {
            name: np.abs(left[name]) - np.abs(right[name]) if name == "bias" else left[name] - right[name]
            for name in left
        }

    scales = {
        name: CORRELATION_DIFFERENCE if scale is CORRELATION else DIFFERENCE
        for name, scale in (*SCALES.items(), ("bias", DIFFERENCE))
        if name not in reasons
    }
    found = estimates(distinct, differences, scales, confidence=confidence, number=number, seed=seed)
    whole = distinct.counts[:, None]
    values = (one.figures(whole), two.figures(whole))
    out: dict[str, Comparison] = {}
    for name, label in LABELS.items():
        if name in reasons:
            out[name] = _undefined(label, reasons[name], n, confidence)
        elif name in RATES:
            hits = [(np.abs(x - rows.human) <= RATES[name]).astype(np.float64) for x in (rows.first, rows.second)]
            out[name] = _of_rates(label, hits[0], hits[1], rows.clusters, confidence, power)
        else:
            left, right = (float(side[name][0]) for side in values)
            out[name] = _decide(label, left, right, found[name], n, name not in ERRORS, power)
    return out


def _decide(
    name: str, first: float, second: float, difference: Estimate, rows: int, higher_is_better: bool, power: float
) -> Comparison:
    if difference.value is None or difference.low is None or difference.high is None:
        # Equal columns differ by nothing, however few rows there are; that is no sign that more would not differ.
        return Comparison(name, first, second, difference, "no difference shown", rows, None, None)
    confidence = difference.confidence
    error = (difference.high - difference.low) / (2 * float(ndtri((1 + confidence) / 2)))
    shown = difference.excludes(0)
    answer: Answer = "no difference shown"
    if shown:
        answer = "better" if (difference.low > 0) == higher_is_better else "worse"
    return Comparison(
        figure=name,
        first=first,
        second=second,
        difference=difference,
        answer=answer,
        rows=rows,
        rows_to_show=None
        if shown
        else rows_from_pilot(rows, error, difference.value, confidence=confidence, power=power),
        detectable=detectable(error, confidence=confidence, power=power),
    )


def _undefined(name: str, why: str, rows: int, confidence: float) -> Comparison:
    return Comparison(name, None, None, Estimate.undefined(why, confidence), "undefined", rows, None, None)
