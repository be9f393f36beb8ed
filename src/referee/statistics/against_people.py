"""Agreement between a judge and people: every figure the field asks for, together, each with its interval.

One figure alone deceives: a judge may order answers well and rate each a point too high, or agree on 90 % of rows
because 90 % of rows are the same. So all are computed at once, beside the base rate and what a constant answer reaches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from referee.errors import DataError
from referee.statistics.columns import Column, Floats, PairedRows, paired_rows
from referee.statistics.estimate import Estimate
from referee.statistics.figures import EQUAL_WITHIN, LABEL_LIMIT, Pairs
from referee.statistics.intervals import CORRELATION, MEAN_ERROR, SQUARED_ERROR, estimates
from referee.statistics.means import SKEWED, SKEWED_ERRORS, cluster_sums, mean_estimate, tail_warning
from referee.statistics.rates import rate_estimate
from referee.statistics.resampling import support

FEW_INFORMATIVE = 3
FEW_FOR_SQUARES = 30
LARGEST_SHARE = 0.25
BY_DISTANCE = ("quadratic_kappa", "alpha_interval")
"""Figures that weigh by squared distances, on which a long tail tells as on errors."""
CORRELATIONS = ("pearson", "spearman", "kendall")
LABEL_FIGURES = ("kappa", "ac1", "alpha_nominal", "alpha_ordinal")
RATES = {"exact": EQUAL_WITHIN, "within_one": 1 + EQUAL_WITHIN}
LABELS = {
    "pearson": "Pearson r",
    "spearman": "Spearman rho",
    "kendall": "Kendall tau-b",
    "mae": "MAE",
    "rmse": "RMSE",
    "bias": "bias (judge − human)",
    "exact": "exact agreement",
    "within_one": "within one",
    "kappa": "Cohen's kappa",
    "quadratic_kappa": "quadratic-weighted kappa",
    "ac1": "Gwet's AC1",
    "alpha_nominal": "Krippendorff's alpha, nominal",
    "alpha_ordinal": "Krippendorff's alpha, ordinal",
    "alpha_interval": "Krippendorff's alpha, interval",
}
"""The figures in the order of a report, by the name of their field, with the name that people know them by."""
SCALES = {name: CORRELATION for name in LABELS if name not in (*RATES, "bias")} | {
    "mae": MEAN_ERROR,
    "rmse": SQUARED_ERROR,
}
"""The figures that are computed for resamples. The bias is a mean, exact and within-one agreement are rates."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the best constant answers would reach on the same rows: a judge below these tells nothing."""

    commonest: float
    """The commonest human score."""
    exact: float
    """Exact agreement of always answering it: the base rate."""
    median: float
    mae: float
    """Mean absolute error of always answering the median human score."""
    mean: float
    rmse: float
    """Root mean squared error of always answering the mean human score."""

    def __str__(self) -> str:
        return (
            f"constant answers would reach: exact {self.exact:.2f} (always {self.commonest:g}), MAE {self.mae:.2f} "
            f"(always {self.median:g}), RMSE {self.rmse:.2f} (always {self.mean:.2f})"
        )


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a judge's scores agree with people's, on the rows that have both."""

    n: int
    """Rows with both scores."""
    clusters: int
    """Groups of rows that belong together; equal to n where none were named."""
    left_out: dict[str, int]
    """Rows left out, by reason."""
    pearson: Estimate
    spearman: Estimate
    kendall: Estimate
    mae: Estimate
    rmse: Estimate
    bias: Estimate
    exact: Estimate
    within_one: Estimate
    kappa: Estimate
    quadratic_kappa: Estimate
    ac1: Estimate
    alpha_nominal: Estimate
    alpha_ordinal: Estimate
    alpha_interval: Estimate
    baseline: Baseline | None
    """None where no row has both scores."""
    draws: int
    seed: int
    confidence: float

    def figures(self) -> Iterator[tuple[str, str, Estimate]]:
        """Each figure as (field name, name for people, estimate), in the order of a report."""
        for field in fields(self):
            if field.name in LABELS:
                yield field.name, LABELS[field.name], getattr(self, field.name)

    def __str__(self) -> str:
        width = max(map(len, LABELS.values()))
        lines = [f"{label:<{width}}  {estimate}" for _, label, estimate in self.figures()]
        groups = "" if self.clusters == self.n else f" in {self.clusters} clusters"
        left = "".join(f", {count} left out ({why})" for why, count in self.left_out.items())
        constant = [] if self.baseline is None else [str(self.baseline)]
        notes = dict.fromkeys(
            f"{label}: {warning}" for _, label, estimate in self.figures() for warning in estimate.warnings
        )
        return "\n".join([*lines, *constant, f"n = {self.n}{groups}{left}", *notes])


def agreement(
    judge: Column,
    human: Column,
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    categories: Sequence[float] | None = None,
    bounds: tuple[float, float] | None = None,
    names: Sequence[Any] | None = None,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Compare a judge's scores with people's, row by row.

    Args:
        judge: one score a row; NaN or None where there is none.
        human: people's score of the same rows, in the same order.
        clusters: what each row shares with others (its prompt, its document), of any hashable type. The bootstrap draws
            clusters whole. By default every row stands alone.
        categories: the scores that the scale allows. By default those that occur, which matters to Gwet's AC1 alone.
        bounds: the ends of the scale, where they are known and the categories do not say them. No error is larger than
            the scale is wide, so no interval of one goes further; and scores between bounds have no long tail.
        names: what the categories 0, 1, … are called in reasons and warnings, where they stand for labels.
        confidence: nominal coverage of the intervals.
        draws: resamples of the bootstrap, where it is used.
        seed: equal seeds give equal intervals.

    Figures on which categories are ordered weigh them by their *values*: quadratic weights are `(x − y)²`, which on a
    scale of equal steps is the textbook's `(i − j)²/(k − 1)²`.

    Intervals are BCa bootstraps from 300 clusters on and jackknife t-intervals below (`intervals` says why), Wilson's
    for exact and within-one agreement. Where a resample or a leave-one-out has a constant column, which leaves a
    correlation undefined, it counts against both ends of the interval.

    Raises:
        DataError: lengths differ, a score is not a number, or a score is none of `categories`.
    """
    if not 0 < confidence < 1:
        raise DataError(f"confidence is {confidence}; it must lie between 0 and 1, such as 0.95")
    rows = paired_rows(judge, human, clusters, ("judge", "human"))
    if bounds is None and categories is not None and len(categories):
        bounds = float(min(categories)), float(max(categories))
    width = None if bounds is None else bounds[1] - bounds[0]
    scale = scale_of((rows.first, rows.second), categories)
    estimates = _estimates(rows, scale, width, names, confidence, draws, seed)
    return Agreement(
        n=len(rows.first),
        clusters=rows.cluster_count,
        left_out=rows.left_out,
        baseline=_baseline(rows.second),
        draws=draws,
        seed=seed,
        confidence=confidence,
        **estimates,
    )


def _estimates(
    rows: PairedRows,
    categories: Floats | None,
    width: float | None,
    names: Sequence[Any] | None,
    confidence: float,
    number: int,
    seed: int,
) -> dict[str, Estimate]:
    n = len(rows.first)
    if n < 2:
        why = "no row has both scores" if n == 0 else "only 1 row has both scores, at least 2 are needed"
        return {name: Estimate.undefined(why, confidence) for name in LABELS}
    distinct = support((rows.first, rows.second), rows.clusters)
    pairs = Pairs(distinct.points[:, 0], distinct.points[:, 1], distinct.counts, categories)
    reasons = undefined_figures(rows, categories, names)
    out = {name: Estimate.undefined(why, confidence) for name, why in reasons.items()}
    scales = {name: scale for name, scale in SCALES.items() if name not in reasons}
    found = estimates(distinct, pairs.figures, scales, confidence=confidence, number=number, seed=seed)
    warnings = {
        CORRELATION: _few_informative(rows, names),
        MEAN_ERROR: _long_tail(rows, np.abs(rows.first - rows.second), width),
        SQUARED_ERROR: _uneven_errors(rows, width),
    }
    distances = _long_tail(rows, (rows.first - rows.second) ** 2, width) if n < FEW_FOR_SQUARES else ()
    for name, estimate in found.items():
        more = distances if name in BY_DISTANCE else ()
        out[name] = replace(estimate, warnings=(*estimate.warnings, *warnings.get(scales[name], ()), *more))
    difference = rows.first - rows.second
    out["bias"] = mean_estimate(difference, rows.clusters, confidence, bounded=width is not None)
    if width is not None:
        out |= {name: _within(out[name], 0.0 if name != "bias" else -width, width) for name in ("mae", "rmse", "bias")}
    for name, tolerance in RATES.items():
        hits = (np.abs(difference) <= tolerance).astype(np.float64)
        out[name] = rate_estimate(hits, rows.clusters, confidence)
    return out


def _within(estimate: Estimate, lowest: float, highest: float) -> Estimate:
    """The same with an interval that goes no further than the figure can."""
    if estimate.low is None or estimate.high is None:
        return estimate
    return replace(estimate, low=max(lowest, estimate.low), high=min(highest, estimate.high))


def _called(value: float, names: Sequence[Any] | None) -> str:
    return f"{value:g}" if names is None else str(names[int(value)])


def undefined_figures(
    rows: PairedRows, categories: Floats | None, names: Sequence[Any] | None = None
) -> dict[str, str]:
    """Which figures these rows leave undefined, with the reason to print; `names` are of labels 0, 1, …"""
    reasons: dict[str, str] = {}
    judge_constant, human_constant = np.ptp(rows.first) == 0, np.ptp(rows.second) == 0
    if categories is None:
        distinct = len(np.unique(np.concatenate([rows.first, rows.second])))
        why = f"the scores take {distinct} different values; this figure is for labels or a discrete scale"
        reasons |= dict.fromkeys(LABEL_FIGURES, why)
    if not (judge_constant or human_constant):
        return reasons
    judge_says = f"the judge gave every row {_called(rows.first[0], names)}"
    people_say = f"people gave every row {_called(rows.second[0], names)}"
    if judge_constant and human_constant:
        why = f"{judge_says} and {people_say}"
    else:
        why = judge_says if judge_constant else people_say
    # Both kappas are 0 for any constant judge, whatever people said: a number that tells nothing is not reported.
    reasons |= dict.fromkeys((*CORRELATIONS, "quadratic_kappa"), why)
    reasons.setdefault("kappa", why)
    if judge_constant and human_constant and rows.first[0] == rows.second[0]:
        for name in ("alpha_nominal", "alpha_ordinal", "alpha_interval"):
            reasons.setdefault(name, why)
        if categories is not None and len(categories) < 2:
            reasons["ac1"] = why
    return reasons


def _few_informative(rows: PairedRows, names: Sequence[Any] | None) -> tuple[str, ...]:
    """Warn of a column that hardly varies: with under three clusters off its commonest score intervals under-cover."""
    warnings: list[str] = []
    for name, column in (("judge", rows.first), ("human", rows.second)):
        values, counts = np.unique(column, return_counts=True)
        commonest = values[counts.argmax()]
        informative = np.count_nonzero(np.bincount(rows.clusters[column != commonest]))
        if informative < FEW_INFORMATIVE:
            units = "row" if rows.cluster_count == len(column) else "cluster"
            has = f"1 {units} has" if informative == 1 else f"{informative or 'no'} {units}s have"
            what = "score" if names is None else "label"
            than = _called(commonest, names)
            warnings.append(f"{has} a {name} {what} other than {than}: too few to trust the interval")
    return tuple(warnings)


def _uneven_errors(rows: PairedRows, width: float | None) -> tuple[str, ...]:
    """Warn of an RMSE that a few large errors make: how often those come, few rows cannot tell."""
    units = "rows" if rows.cluster_count == len(rows.first) else "clusters"
    if rows.cluster_count < FEW_FOR_SQUARES:
        return (f"large errors are too rare for {rows.cluster_count} {units} to show how often they come",)
    errors = (rows.first - rows.second) ** 2
    squares = np.bincount(rows.clusters, weights=errors)
    share = float(squares.max() / squares.sum()) if squares.any() else 0.0
    if share > LARGEST_SHARE:
        return (f"one of {rows.cluster_count} {units} makes {share:.0%} of the squared error",)
    return _long_tail(rows, errors, width)


def _long_tail(rows: PairedRows, errors: Floats, width: float | None) -> tuple[str, ...]:
    """Warn of scores without a bound whose errors, or which themselves, have a long tail."""
    if width is not None:
        return ()
    units = f"{rows.cluster_count} {'rows' if rows.cluster_count == len(errors) else 'clusters'}"
    columns = ((errors, SKEWED_ERRORS), (rows.first, SKEWED), (rows.second, SKEWED))
    said = (tail_warning(x, cluster_sums(x, rows.clusters), units, most) for x, most in columns)
    return next(filter(None, said), ())


def scale_of(columns: Sequence[Floats], categories: Sequence[float] | None) -> Floats | None:
    """The categories of a discrete scale, None where the scores are continuous.

    Scores are discrete if they take at most 50 values and are whole numbers, or at least twice as many as their values.
    """
    seen = np.unique(np.concatenate(columns))
    if categories is not None:
        scale = np.unique(np.asarray(categories, dtype=np.float64))
        foreign = seen[~np.isin(seen, scale)]
        if foreign.size:
            raise DataError(f"a score is {foreign[0]:g}, which is none of the categories {scale.tolist()}")
        return scale
    whole = bool(np.all(seen == np.round(seen)))
    discrete = len(seen) <= LABEL_LIMIT and (whole or len(seen) <= len(columns[0]) / 2)
    return seen if discrete else None


def _baseline(human: Floats) -> Baseline | None:
    if not human.size:
        return None
    values, counts = np.unique(human, return_counts=True)
    median, mean = float(np.median(human)), float(human.mean())
    return Baseline(
        commonest=float(values[counts.argmax()]),
        exact=float(counts.max() / len(human)),
        median=median,
        mae=float(np.abs(human - median).mean()),
        mean=mean,
        rmse=float(human.std()),
    )
