"""Intervals of a rate: Wilson's, the exact one at 0 or n successes, and both with clusters by their design effect.

Source: Wilson 1927; Clopper and Pearson 1934; for clusters Korn and Graubard 1998 (the effective number of rows).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

from referee.errors import DataError
from referee.statistics.columns import Column, Floats, Ints, cluster_codes, dense, score_column
from referee.statistics.estimate import Estimate


def wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for `successes` of `n`."""
    z = float(ndtri((1 + confidence) / 2))
    rate = successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def clopper_pearson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval for `successes` of `n`; it never covers less than nominal, and is wide."""
    tail = (1 - confidence) / 2
    low = 0.0 if successes <= 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes >= n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return low, high


def rate(
    outcomes: Column,
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """The share of rows with outcome 1, with Wilson's interval, exact where none or all are 1.

    Args:
        outcomes: 0 or 1 (or booleans) a row; missing ones (NaN, None) are left out.
        clusters: what each row shares with others (its prompt); by default every row stands alone.

    Raises:
        DataError: an outcome is neither 0 nor 1, or the lengths differ.
    """
    column = score_column(outcomes, "outcome")
    kept = ~np.isnan(column)
    codes = cluster_codes(clusters, len(column))[kept]
    column = column[kept]
    odd = np.flatnonzero((column != 0) & (column != 1))
    if odd.size:
        raise DataError(f"an outcome is {column[odd[0]]:g}; a rate needs outcomes 0 or 1")
    if not column.size:
        return Estimate.undefined("no row has an outcome", confidence)
    return rate_estimate(column, dense(codes), confidence)


def rate_estimate(outcomes: Floats, clusters: Ints, confidence: float) -> Estimate:
    """`rate` for checked columns: outcomes 0 or 1, clusters 0 … C−1."""
    n = len(outcomes)
    value = float(outcomes.mean())
    effective = effective_rows(outcomes, clusters)
    exact = value in (0.0, 1.0)
    low, high = (clopper_pearson if exact else wilson)(value * effective, effective, confidence)
    name = "Clopper–Pearson" if exact else "Wilson"
    alone = effective == n
    method = f"{name} over {n} rows" if alone else f"{name} over {effective:.1f} effective rows of {n}"
    return Estimate(value, low, high, method=method, confidence=confidence)


def effective_rows(outcomes: Floats, clusters: Ints) -> float:
    """How many rows that stand alone would tell as much as these clustered ones.

    n divided by the design effect, which is never taken to be below 1. Where all outcomes are equal the data cannot
    show how alike the rows of a cluster are; then each cluster counts once.
    """
    n, count = len(outcomes), int(clusters.max()) + 1
    if count == n:
        return float(n)
    value = outcomes.mean()
    if value in (0.0, 1.0) or count < 2:
        return float(count)
    sums = np.bincount(clusters, weights=outcomes - value, minlength=count)
    clustered = count / (count - 1) * float((sums**2).sum()) / n**2
    alone = value * (1 - value) / n
    return min(float(n), n * alone / clustered) if clustered > 0 else float(n)
