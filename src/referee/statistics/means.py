"""The mean of a judge's scores, and how much of its error is the judge's own.

Source: Miller 2024, "Adding error bars to evals" (arXiv 2411.00640), for the clustered standard error and for the split
of the variance between items and a judge that does not always say the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from referee.errors import DataError
from referee.statistics.columns import Column, Floats, Ints, cluster_codes, dense, score_column
from referee.statistics.estimate import Estimate
from referee.statistics.intervals import freedom_of, relative_skewness, skewed_limits

LONG_TAIL = "a long tail of which {} show too little; the interval may cover too seldom"
"""What is said of a mean of unbounded scores that are skewed."""
UNSEEN_TAIL = "{} cannot show whether the scores have a long tail; with one the interval covers too seldom"
SKEWED, SHOW_TAILS = 0.07, 30
"""Skewness over √n from which on a tail is warned of, and clusters under which it may be there unseen."""
SKEWED_ERRORS = 0.25
"""The same of errors, which are skewed by nature."""


def mean_score(
    scores: Column,
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """The mean of the scores, with Student's interval; rows of one cluster are allowed to be alike.

    The standard error is `(1/n)·sqrt(C/(C−1)·Σ_c(Σ_{i∈c}(s_i−s̄))²)`, which without clusters is the textbook's. Degrees
    of freedom are C−1, or fewer where a few clusters make most of the error (`intervals.freedom_of`); the ends are
    moved for the skewness of the scores (`intervals.skewed_limits`), as plain t covers too seldom where most scores are
    at an end of the scale.

    Args:
        scores: one a row; missing ones (NaN, None) are left out.
        clusters: what each row shares with others (its prompt); by default every row stands alone.
        confidence: nominal coverage.

    Raises:
        DataError: a score is not a number, or the lengths differ.
    """
    column = score_column(scores, "score")
    kept = ~np.isnan(column)
    codes = dense(cluster_codes(clusters, len(column))[kept])
    return mean_estimate(column[kept], codes, confidence)


def mean_estimate(values: Floats, clusters: Ints, confidence: float, *, bounded: bool = False) -> Estimate:
    """`mean_score` for checked columns: no missing value, clusters 0 … C−1; bounded ones have no long tail."""
    if not values.size:
        return Estimate.undefined("no row has a score", confidence)
    mean = float(values.mean())
    count = int(clusters.max()) + 1
    if count < 2:
        return Estimate(mean, reason="1 row" if len(values) == 1 else "all rows are one cluster", confidence=confidence)
    units = f"{count} {'rows' if count == len(values) else 'clusters'}"
    error, freedom = mean_error(values, clusters)
    sums = cluster_sums(values, clusters)
    if error == 0:
        why = f"all {len(values)} rows score {mean:g}, so they show no error to judge it by"
        return Estimate(mean, reason=why, confidence=confidence)
    low, high = skewed_limits(mean, error, freedom, sums, confidence)
    method = f"Student's t with skewness over {units}"
    warnings = () if bounded else tail_warning(values, sums, units)
    return Estimate(mean, low, high, method=method, warnings=warnings, confidence=confidence)


def mean_error(values: Floats, clusters: Ints) -> tuple[float, float]:
    """The clustered standard error of a mean and its degrees of freedom; at least two clusters."""
    count = int(clusters.max()) + 1
    sums = cluster_sums(values, clusters)
    # Equal scores differ by rounding only: their sums are not exactly 0.
    if np.ptp(values) == 0:
        return 0.0, float(count - 1)
    error = math.sqrt(count / (count - 1) * float((sums**2).sum())) / len(values)
    return error, freedom_of(sums, np.ones(count))


def tail_warning(values: Floats, sums: Floats, units: str, skewed: float = SKEWED) -> tuple[str, ...]:
    """What to say where the values look unbounded and skewed, which no interval of few of them survives.

    Scores on a scale repeat, and bounded ones are covered well however skewed they are. So only columns are meant most
    of whose values differ, with more skewness than normal ones of this number show (two standard errors). Under thirty
    clusters a long tail often does not show at all: of lognormal samples of twenty the ones that look harmless cover
    75 %. There every such column is warned of.

    Args:
        values: the scores.
        sums: what each cluster adds to their sum, less its mean.
        units: the number of rows or clusters, for people.
        skewed: skewness over √n from which on a tail is warned of.
    """
    if len(np.unique(values)) <= len(values) / 2:
        return ()
    if abs(relative_skewness(sums)) > max(skewed, 2 * math.sqrt(6) / len(sums)):
        return (LONG_TAIL.format(units),)
    if len(sums) < SHOW_TAILS and not np.all(values == np.round(values)):
        return (UNSEEN_TAIL.format(units),)
    return ()


def cluster_sums(values: Floats, clusters: Ints) -> Floats:
    """What each cluster adds to the sum of the values' deviations from their mean."""
    return np.bincount(clusters, weights=values - values.mean(), minlength=int(clusters.max()) + 1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class RepeatSplit:
    """How the variance of a mean of repeated judgments falls to items and to the judge."""

    mean: Estimate
    """The mean over items of each item's mean score, with its interval over items."""
    items: int
    repeats: float
    """Scores an item, as the harmonic mean over items where some failed."""
    item_variance: float
    """Var(x): how much the items' own scores differ, without the judge's noise (0 where noise explains all)."""
    judge_variance: float
    """E[σ²]: how much the judge differs from itself on the same item."""
    left_out: int
    """Items without any score."""

    @property
    def judge_share(self) -> float:
        """The part of the mean's variance that more repeats would remove, 0 … 1."""
        judge = self.judge_variance / self.repeats
        total = self.item_variance + judge
        return judge / total if total > 0 else 0.0

    def standard_error(self, items: int, repeats: int) -> float:
        """What the standard error would be with so many items and repeats: `sqrt(Var(x)/n + E[σ²]/(nK))`."""
        if items < 1 or repeats < 1:
            raise DataError(f"{items} items with {repeats} repeats; both must be at least 1")
        return math.sqrt((self.item_variance + self.judge_variance / repeats) / items)


def repeat_split(
    scores: Sequence[Sequence[float | None]] | NDArray[Any],
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    confidence: float = 0.95,
) -> RepeatSplit:
    """Split the variance of a mean between the items and the judge, from repeated judgments of the same items.

    Args:
        scores: one row an item, one entry a repeat; missing ones are NaN or None, rows may differ in length.
        clusters: what each item shares with others; by default every item stands alone.
        confidence: nominal coverage of the mean's interval.

    Raises:
        DataError: fewer than two items have scores, no item has two, or a score is not a number.
    """
    rows = [score_column(row, f"scores[{item}]") for item, row in enumerate(scores)]
    rows = [row[~np.isnan(row)] for row in rows]
    kept = [item for item, row in enumerate(rows) if row.size]
    repeated = [rows[item] for item in kept if rows[item].size > 1]
    if len(kept) < 2 or not repeated:
        raise DataError(
            f"{len(kept)} items have scores and {len(repeated)} of them more than one; to split the variance judge two "
            "items or more, and one of them twice"
        )
    means = np.array([rows[item].mean() for item in kept])
    counts = np.array([rows[item].size for item in kept], dtype=np.float64)
    degrees = sum(row.size - 1 for row in repeated)
    judge_variance = sum(float(((row - row.mean()) ** 2).sum()) for row in repeated) / degrees
    repeats = float(1 / (1 / counts).mean())
    codes = dense(cluster_codes(clusters, len(rows))[kept])
    return RepeatSplit(
        mean=mean_estimate(means, codes, confidence),
        items=len(kept),
        repeats=repeats,
        # The observed variance of the item means holds the judge's noise once, divided by the repeats.
        item_variance=max(0.0, float(means.var(ddof=1)) - judge_variance / repeats),
        judge_variance=judge_variance,
        left_out=len(rows) - len(kept),
    )
