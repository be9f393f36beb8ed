"""The mean of a judge's scores, corrected by a few human labels.

A judge's own mean with its own interval can cover the truth 0 % of the time: the interval is narrow and about the wrong
number. Two corrections, each under an assumption that is said in the result, and refused where the data contradict it:

- PPI++ (Angelopoulos et al. 2023, arXiv 2311.01453): the labelled rows are a random sample of all rows.
- Rogan–Gladen with a calibrated interval (arXiv 2511.21140): binary verdicts; the labelled rows may have another base
  rate (a policy in training moves it at every step), but the judge's sensitivity and specificity carry over.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from referee.errors import DataError, EstimatorError
from referee.statistics.columns import Column, Floats, Ints, cluster_codes, dense, paired_rows, score_column
from referee.statistics.estimate import Estimate
from referee.statistics.means import mean_error, mean_estimate
from referee.statistics.rates import effective_rows, rate_estimate
from referee.statistics.shift import Shift, shift_test

SHIFT_ALPHA = 0.01
"""A shift at least this unlikely by chance refutes the assumption of a random sample."""
Sampled = Literal["random", "shifted"]


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected mean beside the two that it stands between."""

    estimate: Estimate
    method: Literal["PPI++", "Rogan–Gladen"]
    assumption: str
    """What must hold for the interval to cover, as a sentence."""
    standard_error: float
    uncorrected: Estimate
    """The judge's own mean over the unlabelled rows; its interval knows nothing of the judge's bias."""
    humans_only: Estimate
    """The mean of the human labels alone."""
    labelled: int
    unlabelled: int
    shift: Shift
    weight: float | None = None
    """PPI++: λ, how much the judge is relied on, 0 (humans only) … 1."""
    label_variance: float | None = None
    """PPI++: Var(Y − λF), what more labels reduce; see `planning.labels_for_width`."""
    sensitivity: Estimate | None = None
    """Rogan–Gladen: the judge's pass rate on rows that people pass."""
    specificity: Estimate | None = None
    """Rogan–Gladen: the judge's fail rate on rows that people fail."""

    def __str__(self) -> str:
        return (
            f"{self.estimate} ({self.method}; {self.labelled} labelled and {self.unlabelled} unlabelled rows)\n"
            f"judge alone {self.uncorrected}, people alone {self.humans_only}\n{self.assumption}"
        )


@dataclass(frozen=True)
class _Rows:
    human: Floats
    judge: Floats
    clusters: Ints
    others: Floats
    other_clusters: Ints
    shift: Shift
    confidence: float

    @property
    def binary(self) -> bool:
        return all(bool(np.isin(column, (0, 1)).all()) for column in (self.human, self.judge, self.others))


def corrected_mean(
    human: Column,
    judge: Column,
    judge_unlabelled: Column,
    *,
    sampled: Sampled | None = None,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    unlabelled_clusters: Sequence[Any] | NDArray[Any] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Corrected:
    """The mean that people would have given all unlabelled rows, by the estimator that the data allow.

    Args:
        human: people's scores of the labelled rows.
        judge: the judge's scores of the same rows; rows where either is missing are left out.
        judge_unlabelled: the judge's scores of the rows that people did not score.
        sampled: how the labelled rows came about: "random" (drawn at random from all rows), "shifted" (from elsewhere,
            or chosen), or None to let the judge's scores on both parts decide.
        clusters: what each labelled row shares with others; by default every row stands alone.
        unlabelled_clusters: the same for the unlabelled rows.
        confidence: nominal coverage.
        seed: of the shift test's permutations.

    Raises:
        EstimatorError: no estimator is right for these rows; the message says why and what to do.
        DataError: fewer than two rows on either side, lengths differ, or a score is not a number.
    """
    rows = _read(human, judge, judge_unlabelled, clusters, unlabelled_clusters, confidence, seed)
    if sampled == "random" or (sampled is None and not rows.shift.shown(SHIFT_ALPHA)):
        return _ppi(rows, asserted=sampled == "random", check=True)
    if not rows.binary:
        why = "they come from elsewhere" if sampled == "shifted" else f"they are no random sample: {rows.shift}"
        raise EstimatorError(
            f"the labelled rows cannot correct these scores: {why}; and the correction for that (Rogan–Gladen) is for "
            "verdicts 0 or 1. Label a random sample of the rows, or turn the score into a verdict by a threshold"
        )
    return _rogan_gladen(rows)


def ppi(
    human: Column,
    judge: Column,
    judge_unlabelled: Column,
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    unlabelled_clusters: Sequence[Any] | NDArray[Any] | None = None,
    check: bool = True,
    confidence: float = 0.95,
    seed: int = 0,
) -> Corrected:
    """PPI++: any numeric score, labelled rows a random sample of the same population. Arguments as `corrected_mean`.

    `λ = clip_[0,1](Cov(Y,F)/((1+n/N)·Var F))`, `θ̂ = λ·mean(F̃) + mean(Y−λF)`, `Var = λ²Var(F̃)/N + Var(Y−λF)/n`. The
    interval is Student's with Welch's degrees of freedom, and the second variance has one degree less, for the λ fitted
    to it.

    Args:
        check: refuse where the judge's scores show the labelled rows to be no random sample.

    Raises:
        EstimatorError: a shift is shown, and `check` is on.
        DataError: as `corrected_mean`.
    """
    rows = _read(human, judge, judge_unlabelled, clusters, unlabelled_clusters, confidence, seed)
    return _ppi(rows, asserted=True, check=check)


def rogan_gladen(
    human: Column,
    judge: Column,
    judge_unlabelled: Column,
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    unlabelled_clusters: Sequence[Any] | NDArray[Any] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Corrected:
    """Rogan–Gladen: binary verdicts, labelled rows of any base rate. Arguments as `corrected_mean`.

    `θ̂ = clip((p+q₀−1)/(q₀+q₁−1))` from the judge's pass rate p, sensitivity q₁ and specificity q₀, with an interval
    from smoothed rates (arXiv 2511.21140). With clusters, the effective number of rows stands for each count.

    Raises:
        EstimatorError: a verdict is neither 0 nor 1, people passed all or no labelled rows, or the judge is no better
            than chance (q₀+q₁ ≤ 1).
        DataError: as `corrected_mean`.
    """
    return _rogan_gladen(_read(human, judge, judge_unlabelled, clusters, unlabelled_clusters, confidence, seed))


def _read(
    human: Column,
    judge: Column,
    judge_unlabelled: Column,
    clusters: Sequence[Any] | NDArray[Any] | None,
    unlabelled_clusters: Sequence[Any] | NDArray[Any] | None,
    confidence: float,
    seed: int,
) -> _Rows:
    labelled = paired_rows(human, judge, clusters, ("human", "judge"))
    others = score_column(judge_unlabelled, "judge_unlabelled")
    kept = ~np.isnan(others)
    if len(labelled.first) < 2 or kept.sum() < 2:
        raise DataError(
            f"{len(labelled.first)} labelled rows have both scores and {kept.sum()} unlabelled rows have the judge's; "
            "a correction needs at least two of each"
        )
    codes = dense(cluster_codes(unlabelled_clusters, len(others))[kept])
    shift = shift_test(
        labelled.second, others[kept], clusters=labelled.clusters, unlabelled_clusters=codes, seed=seed
    )  # fmt: skip
    return _Rows(labelled.first, labelled.second, labelled.clusters, others[kept], codes, shift, confidence)


def _ppi(rows: _Rows, *, asserted: bool, check: bool) -> Corrected:
    if check and rows.shift.shown(SHIFT_ALPHA):
        raise EstimatorError(
            f"PPI++ needs labelled rows that are a random sample of all rows, and these are none: {rows.shift}. "
            + (
                "Use Rogan–Gladen, which allows another base rate"
                if rows.binary
                else "Label a random sample of the rows"
            )
        )
    y, f, others = rows.human, rows.judge, rows.others
    n = len(y)
    pooled = float(np.concatenate([f, others]).var(ddof=1))
    weight = 0.0
    if pooled > 0:
        covariance = float(((y - y.mean()) * (f - f.mean())).sum()) / (n - 1)
        weight = min(1.0, max(0.0, covariance / ((1 + n / len(others)) * pooled)))
    rest = y - weight * f
    value = weight * float(others.mean()) + float(rest.mean())
    label_error, label_freedom = mean_error(rest, rows.clusters) if _many(rows.clusters) else (math.nan, 1.0)
    judge_error, judge_freedom = mean_error(others, rows.other_clusters) if _many(rows.other_clusters) else (0.0, 1.0)
    clusters = int(rows.clusters.max()) + 1
    # λ was fitted to the very rows whose spread this is.
    label_part = label_error**2 * (clusters - 1) / max(1, clusters - 2) if weight > 0 else label_error**2
    judge_part = (weight * judge_error) ** 2
    error = math.sqrt(label_part + judge_part)
    if not error > 0:
        why = "all labelled rows are one cluster" if not _many(rows.clusters) else "people and judge never vary"
        estimate = Estimate(value, reason=why, confidence=rows.confidence)
    else:
        freedom = error**4 / (label_part**2 / max(1.0, label_freedom) + judge_part**2 / max(1.0, judge_freedom))
        reach = float(stdtrit(freedom, (1 + rows.confidence) / 2)) * error
        low, high = value - reach, value + reach
        if rows.binary:
            value, low, high = (min(1.0, max(0.0, end)) for end in (value, low, high))
        estimate = Estimate(value, low, high, method="PPI++, Student's t", confidence=rows.confidence)
    assumed = (
        "assumes that the labelled rows are a random sample of all rows"
        if asserted
        else f"takes the labelled rows for a random sample of all rows, as no shift was shown: {rows.shift}"
    )
    return Corrected(
        estimate=estimate,
        method="PPI++",
        assumption=assumed,
        standard_error=error,
        uncorrected=_judge_alone(rows),
        humans_only=mean_estimate(y, rows.clusters, rows.confidence),
        labelled=n,
        unlabelled=len(others),
        shift=rows.shift,
        weight=weight,
        label_variance=label_part * n,
    )


def _many(clusters: Ints) -> bool:
    return int(clusters.max()) > 0


def _judge_alone(rows: _Rows) -> Estimate:
    if rows.binary:
        return rate_estimate(rows.others, rows.other_clusters, rows.confidence)
    return mean_estimate(rows.others, rows.other_clusters, rows.confidence)


def _rogan_gladen(rows: _Rows) -> Corrected:
    if not rows.binary:
        raise EstimatorError("Rogan–Gladen is for verdicts 0 or 1; correct other scores with PPI++ and a random sample")
    passed, failed = rows.human == 1, rows.human == 0
    if not passed.any() or not failed.any():
        raise EstimatorError(
            f"people {'passed' if passed.any() else 'failed'} every labelled row, so the judge's error on the other "
            f"kind is unknown; label some rows that people would {'fail' if passed.any() else 'pass'}"
        )
    sensitivity = _rate_of(rows.judge, rows.clusters, passed, rows.confidence)
    specificity = _rate_of(1 - rows.judge, rows.clusters, failed, rows.confidence)
    q1, m1, q0, m0 = *sensitivity[1:], *specificity[1:]
    if q0 + q1 <= 1:
        raise EstimatorError(
            f"the judge is no better than chance on the labelled rows (sensitivity {q1:.2f} + specificity {q0:.2f} "
            "≤ 1); its pass rate says nothing about people's"
        )
    n = effective_rows(rows.others, rows.other_clusters)
    value = min(1.0, max(0.0, (float(rows.others.mean()) + q0 - 1) / (q0 + q1 - 1)))
    low, high, error = calibrated_limits(float(rows.others.mean()), n, q1, m1, q0, m0, rows.confidence)
    gain = q0 + q1 - 1
    warnings = (f"the judge hardly tells the two apart (q₀+q₁−1 = {gain:.2f})",) if gain < 0.2 else ()
    return Corrected(
        estimate=Estimate(
            value, low, high, method="Rogan–Gladen, calibrated", warnings=warnings, confidence=rows.confidence
        ),
        method="Rogan–Gladen",
        assumption="assumes that the judge's sensitivity and specificity on the labelled rows hold on all rows",
        standard_error=error,
        uncorrected=_judge_alone(rows),
        humans_only=rate_estimate(rows.human, rows.clusters, rows.confidence),
        labelled=len(rows.human),
        unlabelled=len(rows.others),
        shift=rows.shift,
        sensitivity=sensitivity[0],
        specificity=specificity[0],
    )


def _rate_of(
    outcomes: Floats, clusters: Ints, where: NDArray[np.bool_], confidence: float
) -> tuple[Estimate, float, float]:
    """The rate among the rows `where`, its value, and how many rows standing alone it is worth."""
    codes = dense(clusters[where])
    chosen = outcomes[where]
    return rate_estimate(chosen, codes, confidence), float(chosen.mean()), effective_rows(chosen, codes)


def calibrated_limits(
    p: float, n: float, q1: float, m1: float, q0: float, m0: float, confidence: float
) -> tuple[float, float, float]:
    """The interval of the Rogan–Gladen estimate and its standard error, by arXiv 2511.21140.

    Rates are first smoothed (`p` towards ½ by z²/2 successes of z², the others by one of two), which keeps the interval
    honest where few rows are labelled; `δ` recentres it.

    Args:
        p: the judge's pass rate on `n` unlabelled rows.
        q1: its sensitivity on `m1` labelled positives.
        q0: its specificity on `m0` labelled negatives.
    """
    z = float(ndtri((1 + confidence) / 2))
    p, q1, q0 = (n * p + z * z / 2) / (n + z * z), (m1 * q1 + 1) / (m1 + 2), (m0 * q0 + 1) / (m0 + 2)
    n, m1, m0 = n + z * z, m1 + 2, m0 + 2
    gain = q0 + q1 - 1
    if gain <= 0:
        return 0.0, 1.0, math.inf
    theta = min(1.0, max(0.0, (p + q0 - 1) / gain))
    negatives, positives = q0 * (1 - q0) / m0, q1 * (1 - q1) / m1
    centre = theta + 2 * z * z * (theta * positives - (1 - theta) * negatives)
    error = math.sqrt(p * (1 - p) / n + (1 - theta) ** 2 * negatives + theta**2 * positives) / gain
    return min(1.0, max(0.0, centre - z * error)), min(1.0, max(0.0, centre + z * error)), error
