"""From resamples to an interval, and which method may be used where.

Two methods, each in the domain in which simulation showed it to cover (`benchmarks/simulate_coverage.py` prints the
table):

- From 300 clusters on, the BCa bootstrap (Efron 1987), unless a few of them make most of the error, or there are so
  many (20,000, on a scale with many values or with several rows in a cluster) that it costs much and says the same.
- Else, Student's t around the jackknife error, on a scale on which the figure's error hardly depends on its size
  (Fisher's z for correlations and kappas, log-odds for shares, the square root or logarithm for errors), with
  Satterthwaite's degrees of freedom for the variance of the leave-one-out values. On 20 to 60 rows it covers about 95 %
  where BCa covers 87–93 %: the bootstrap sees only the tail that the rows happen to hold, and has no Student correction
  for that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri, stdtrit

from referee.statistics.columns import Floats
from referee.statistics.estimate import Estimate
from referee.statistics.resampling import Support, draws, is_table, jackknife

BOOTSTRAP_FROM = 300
"""Clusters from which on the bootstrap is used …"""
BOOTSTRAP_FREEDOM = 100
"""… where the jackknife error has at least so many degrees of freedom. Resamples cannot show a tail that the rows lack:
on 300 long-tailed rows BCa covered 87 %, the jackknife 97 %."""
BOOTSTRAP_TO, MOST_DRAWN = 20_000, 300_000_000
"""Clusters, and clusters drawn in all resamples together, above which the jackknife is used again where a resample is
not one draw of a table: both give the same interval there, and resamples would take most of the time."""
Figures = Callable[[Floats], dict[str, Floats]]
"""Weights of the distinct rows (m, D) to the value of each figure for each weighting, (D,)."""


@dataclass(frozen=True)
class Scale:
    """The range a figure can have, and the scale on which its error is nearly constant."""

    lowest: float
    highest: float
    forward: Callable[[Floats], Floats]
    back: Callable[[float], float]


def _fisher(values: Floats) -> Floats:
    # A leave-one-out value of exactly 1 would be infinite; at this distance from 1 it already gives the full range.
    return np.arctanh(np.clip(values, -1 + 1e-9, 1 - 1e-9))


def _log(values: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.log(values)


def _unchanged(values: Floats) -> Floats:
    return values


CORRELATION = Scale(-1.0, 1.0, _fisher, math.tanh)
MEAN_ERROR = Scale(0.0, math.inf, np.sqrt, lambda root: max(root, 0.0) ** 2)
SQUARED_ERROR = Scale(0.0, math.inf, _log, lambda power: math.exp(min(power, 700.0)))
PROBABILITY = Scale(0.0, 1.0, lambda share: logit(np.clip(share, 1e-9, 1 - 1e-9)), lambda end: float(expit(end)))
DIFFERENCE = Scale(-math.inf, math.inf, _unchanged, float)


def estimates(
    rows: Support,
    figures: Figures,
    scales: dict[str, Scale],
    *,
    confidence: float,
    number: int,
    seed: int,
) -> dict[str, Estimate]:
    """The estimate of every figure named in `scales`; each must be defined on the rows themselves.

    Args:
        rows: the distinct rows with their clusters.
        figures: computes all figures for a block of weightings at once.
        scales: the figures wanted, with their scales.
        confidence: nominal coverage.
        number: resamples of the bootstrap, where it is used.
        seed: of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    found = figures(rows.counts[:, None])
    values = {name: float(found[name][0]) for name in scales}
    if rows.cluster_count < 2:
        one = "all rows are one cluster"
        return {name: Estimate(value, reason=one, confidence=confidence) for name, value in values.items()}
    left_out = jackknife(rows, figures, rng)
    out: dict[str, Estimate] = {}
    bootstrapped: list[str] = []
    clusters = rows.cluster_count
    affordable = is_table(rows) or (clusters <= BOOTSTRAP_TO and clusters * number <= MOST_DRAWN)
    resampled = affordable and clusters >= BOOTSTRAP_FROM
    for name, scale in scales.items():
        error = _error(values[name], left_out.values[name], left_out.multiplicity, scale)
        if resampled and isinstance(error, Spread) and error.freedom >= BOOTSTRAP_FREEDOM:
            bootstrapped.append(name)
        else:
            out[name] = _jackknife_estimate(values[name], error, scale, rows, confidence)
    if bootstrapped:
        blocks = [figures(weights) for weights in draws(rows, number, rng)]
        for name in bootstrapped:
            drawn = np.concatenate([block[name] for block in blocks])
            accelerated = acceleration(left_out.values[name], left_out.multiplicity)
            out[name] = _bootstrap_estimate(values[name], drawn, accelerated, scales[name], rows, confidence)
    return out


@dataclass(frozen=True)
class Spread:
    """The jackknife's standard error and its degrees of freedom."""

    error: float
    freedom: float


@dataclass(frozen=True)
class Hanging:
    """How many clusters, left out alone, leave the figure undefined; 0 where none of them changes it at all."""

    clusters: int


def _error(value: float, left_out: Floats, multiplicity: Floats, scale: Scale) -> Spread | Hanging:
    if np.all(np.abs(left_out - left_out[0]) < 1e-12):
        return Hanging(0)
    moved = scale.forward(left_out)
    undefined = ~np.isfinite(moved)
    return Hanging(int(multiplicity[undefined].sum())) if undefined.any() else jackknife_error(moved, multiplicity)


def _units(rows: Support) -> str:
    return f"{rows.cluster_count} {'rows' if rows.clusters_are_rows else 'clusters'}"


def _jackknife_estimate(
    value: float, error: Spread | Hanging, scale: Scale, rows: Support, confidence: float
) -> Estimate:
    method = f"jackknife t over {_units(rows)}"
    if isinstance(error, Spread):
        centre = float(scale.forward(np.array([value]))[0])
        reach = float(stdtrit(error.freedom, (1 + confidence) / 2)) * error.error
        low, high = scale.back(centre - reach), scale.back(centre + reach)
        return Estimate(value, low, high, method=method, confidence=confidence)
    if not error.clusters:
        why = f"leaving out any one of {_units(rows)} gives the same, so they show no error to judge it by"
        return Estimate(value, reason=why, confidence=confidence)
    # Without the cluster that makes it defined the figure could be anything, so nothing is excluded.
    unit = "row" if rows.clusters_are_rows else "cluster"
    hanging = f"a single {unit}" if error.clusters == 1 else f"any of {error.clusters} {unit}s"
    warning = f"it hangs on {hanging}, so the interval is the whole range"
    return Estimate(value, scale.lowest, scale.highest, method=method, warnings=(warning,), confidence=confidence)


def jackknife_error(values: Floats, multiplicity: Floats) -> Spread:
    """The spread of leave-one-out values, as the error of the figure."""
    n = float(multiplicity.sum())
    deviations = values - np.average(values, weights=multiplicity)
    square = float((multiplicity * deviations**2).sum())
    return Spread(math.sqrt((n - 1) / n * square), freedom_of(deviations, multiplicity))


def freedom_of(deviations: Floats, multiplicity: Floats) -> float:
    """The degrees of freedom of a variance that is a sum of squared deviations with mean 0.

    Satterthwaite: `2n/(κ − (n−3)/(n−1))` with the kurtosis κ of the deviations, at least 1 and at most n−1. Few
    clusters that make most of the error (an outlier, one large cluster) leave few.
    """
    n = float(multiplicity.sum())
    square = float((multiplicity * deviations**2).sum())
    if not square > 0:
        return n - 1
    kurtosis = n * float((multiplicity * deviations**4).sum()) / square**2
    excess = kurtosis - (n - 3) / (n - 1)
    return n - 1 if excess <= 0 else min(n - 1, max(1.0, 2 * n / excess))


def skewed_limits(
    value: float, error: float, freedom: float, deviations: Floats, confidence: float
) -> tuple[float, float]:
    """Student's limits of a mean, moved half of the way that Hall's transformation moves them for skewness.

    The whole way covers best for long-tailed scores and too seldom for symmetric ones, whose sample skewness is mere
    noise; half of it covers 94–97 % of both from 20 clusters on (Hall 1992, "On the removal of skewness by
    transformation").

    Args:
        deviations: what each cluster adds to the sum, less its mean.
    """
    quantile = float(stdtrit(freedom, (1 + confidence) / 2))
    skew = relative_skewness(deviations)

    def hall(point: float) -> float:
        return point if abs(skew) < 1e-6 else 3 / skew * (math.cbrt(1 + skew * (point - skew / 6)) - 1)

    return value - error * (quantile + hall(quantile)) / 2, value + error * (quantile - hall(-quantile)) / 2


def relative_skewness(deviations: Floats) -> float:
    """The skewness of the deviations divided by √n: how far a mean of them still is from normal."""
    square = float((deviations**2).sum())
    return float((deviations**3).sum()) / square**1.5 if square > 0 else 0.0


def _bootstrap_estimate(
    value: float, drawn: Floats, accelerated: float, scale: Scale, rows: Support, confidence: float
) -> Estimate:
    low, high = bca_limits(value, drawn, accelerated, (scale.lowest, scale.highest), confidence)
    method = f"BCa bootstrap over {_units(rows)}"
    if low == high:
        why = f"all {len(drawn)} resamples of {_units(rows)} give the same, so they show no error to judge it by"
        return Estimate(value, reason=why, confidence=confidence)
    undefined = int(np.isnan(drawn).sum())
    warnings = (
        (f"undefined in {undefined} of {len(drawn)} resamples (a constant column), counted against both ends",)
        if undefined
        else ()
    )
    return Estimate(value, low, high, method=method, warnings=warnings, confidence=confidence)


def acceleration(values: Floats, multiplicity: Floats) -> float:
    """BCa's acceleration from leave-one-out values; 0 where they do not vary or are undefined."""
    if not np.isfinite(values).all():
        return 0.0
    deviations = np.average(values, weights=multiplicity) - values
    square = float((multiplicity * deviations**2).sum())
    cube = float((multiplicity * deviations**3).sum())
    return cube / (6.0 * square**1.5) if square > 0 else 0.0


def bca_limits(
    value: float, drawn: Floats, accelerated: float, possible: tuple[float, float], confidence: float
) -> tuple[float, float]:
    """The BCa interval from the figure's draws.

    A draw in which the figure is undefined (a resample with a constant column) could have been anything. It counts as
    the lowest possible value for the lower end and as the highest possible for the upper end, so that it widens the
    interval. Dropping it would condition on luck, calling it 0 would invent agreement or its absence.
    """
    undefined = np.isnan(drawn)
    below = (drawn < value).sum() + 0.5 * ((drawn == value).sum() + undefined.sum())
    # Half a draw at each end keeps the correction finite where all draws lie on one side.
    share = float(np.clip(below / len(drawn), 0.5 / len(drawn), 1 - 0.5 / len(drawn)))
    shift = float(ndtri(share))
    ends: list[float] = []
    for tail, extreme in (((1 - confidence) / 2, possible[0]), ((1 + confidence) / 2, possible[1])):
        z = shift + float(ndtri(tail))
        level = float(ndtr(shift + z / (1 - accelerated * z)))
        filled = np.where(undefined, extreme, drawn)
        # Neighbouring order statistics are not averaged: with an infinite extreme among them that would give NaN.
        ends.append(float(np.quantile(filled, level, method="lower" if not ends else "higher")))
    return ends[0], ends[1]
