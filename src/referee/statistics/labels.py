"""Agreement on labels: the confusion matrix and what is read off it.

For verdicts such as pass and fail, or COMPLIED, REFUSED and PARTIAL. Sensitivity and specificity come first: together
they say how much of the truth a binary judge lets through as a reward (`E[r̂] = (q₀+q₁−1)·r + (1−q₀)`), which accuracy
hides.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from referee.errors import DataError
from referee.statistics.against_people import agreement
from referee.statistics.columns import Floats, Ints, cluster_codes, dense
from referee.statistics.estimate import Estimate
from referee.statistics.intervals import CORRELATION, PROBABILITY, estimates
from referee.statistics.rates import rate_estimate
from referee.statistics.resampling import support


@dataclass(frozen=True, slots=True)
class OneLabel:
    """One label against all others, people's label being the truth."""

    hits: int
    """Both gave the label."""
    false_alarms: int
    """Only the judge gave it."""
    misses: int
    """Only people gave it."""
    rejections: int
    """Neither gave it."""
    base_rate: Estimate
    """How often people gave it."""
    sensitivity: Estimate
    """Of the rows that people gave it, the share where the judge did (recall, q₁)."""
    specificity: Estimate
    """Of the others, the share where the judge did not (q₀)."""
    precision: Estimate
    """Of the rows that the judge gave it, the share where people did."""
    f1: Estimate
    balanced_accuracy: Estimate
    signal_retained: Estimate
    """q₀+q₁−1: the factor by which this judge shrinks a difference in the true rate; 0 for a judge at chance."""

    @property
    def recall(self) -> Estimate:
        return self.sensitivity


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """How a judge's labels agree with people's."""

    labels: tuple[Any, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Rows by people's label (outer) and the judge's (inner), both in the order of `labels`."""
    by_label: dict[Any, OneLabel]
    accuracy: Estimate
    kappa: Estimate
    ac1: Estimate
    alpha: Estimate
    """Krippendorff's, nominal."""
    macro_f1: Estimate
    """The mean of the labels' F1, each label counting alike."""
    n: int
    left_out: dict[str, int]


def label_agreement(
    judge: Sequence[Hashable | None],
    human: Sequence[Hashable | None],
    *,
    labels: Sequence[Hashable] | None = None,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> LabelAgreement:
    """Compare a judge's labels with people's, row by row.

    Args:
        judge: one label a row, None where there is none.
        human: people's label of the same rows.
        labels: all labels there are, in the order to show them; by default those that occur, in order of appearance
            in the human column.
        clusters: what each row shares with others; by default every row stands alone.
        confidence, draws, seed: as `agreement`.

    Raises:
        DataError: lengths differ, or a label is none of `labels`.
    """
    if len(judge) != len(human):
        raise DataError(f"judge has {len(judge)} rows and human has {len(human)}; they must be the same rows")
    names = tuple(labels) if labels is not None else tuple(dict.fromkeys(x for x in (*human, *judge) if x is not None))
    number = {name: at for at, name in enumerate(names)}
    columns = [_codes(column, number, which) for column, which in ((judge, "judge"), (human, "human"))]
    found = agreement(
        columns[0], columns[1], clusters=clusters, categories=range(len(names)) if names else None, names=names,
        confidence=confidence, draws=draws, seed=seed,
    )  # fmt: skip
    kept = ~(np.isnan(columns[0]) | np.isnan(columns[1]))
    said, truth = (column[kept].astype(np.int64) for column in columns)
    codes = dense(cluster_codes(clusters, len(kept))[kept])
    confusion = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(confusion, (truth, said), 1)
    composed = _composed(said, truth, codes, len(names), confidence, draws, seed)
    return LabelAgreement(
        labels=names,
        confusion=tuple(tuple(int(count) for count in line) for line in confusion),
        by_label={name: _one_label(at, said, truth, codes, composed, confidence) for name, at in number.items()},
        accuracy=found.exact,
        kappa=found.kappa,
        ac1=found.ac1,
        alpha=found.alpha_nominal,
        macro_f1=composed["macro"],
        n=found.n,
        left_out=found.left_out,
    )


def _codes(column: Sequence[Hashable | None], number: dict[Any, int], which: str) -> Floats:
    known: dict[Any, float] = {None: math.nan, **number}
    codes = np.fromiter(map(known.get, column, repeat(math.inf)), dtype=np.float64, count=len(column))
    foreign = np.flatnonzero(np.isinf(codes))
    if foreign.size:
        row = int(foreign[0])
        raise DataError(f"{which} is {column[row]!r} at row {row}, which is none of the labels {list(number)}")
    return codes


def _one_label(
    at: int, said: Ints, truth: Ints, codes: Ints, composed: dict[str, Estimate], confidence: float
) -> OneLabel:
    yes, real = said == at, truth == at

    def share(outcome: NDArray[np.bool_], where: NDArray[np.bool_], none: str) -> Estimate:
        if not where.any():
            return Estimate.undefined(none, confidence)
        within = dense(codes[where])
        return rate_estimate(outcome[where].astype(np.float64), within, confidence)

    return OneLabel(
        hits=int((yes & real).sum()),
        false_alarms=int((yes & ~real).sum()),
        misses=int((~yes & real).sum()),
        rejections=int((~yes & ~real).sum()),
        base_rate=share(real, np.ones_like(real), "no row has both labels"),
        sensitivity=share(yes, real, "people never gave this label"),
        specificity=share(~yes, ~real, "people gave this label to every row"),
        precision=share(real, yes, "the judge never gave this label"),
        f1=composed[f"f1 {at}"],
        balanced_accuracy=composed[f"balanced {at}"],
        signal_retained=composed[f"signal {at}"],
    )


def _composed(
    said: Ints, truth: Ints, codes: Ints, labels: int, confidence: float, draws: int, seed: int
) -> dict[str, Estimate]:
    """The figures composed of several rates, by the same resamples: F1, balanced accuracy, signal retained, macro
    F1."""
    keys = [f"{kind} {at}" for at in range(labels) for kind in ("f1", "balanced", "signal")]
    if len(said) < 2:
        why = "no row has both labels" if not len(said) else "only 1 row has both labels, at least 2 are needed"
        return {key: Estimate.undefined(why, confidence) for key in (*keys, "macro")}
    rows = support([said.astype(np.float64), truth.astype(np.float64)], codes)
    yes = (rows.points[:, :1] == np.arange(labels)).T.astype(np.float64)
    real = (rows.points[:, 1:] == np.arange(labels)).T.astype(np.float64)

    def figures(weights: Floats) -> dict[str, Floats]:
        hits, given, true = (yes * real) @ weights, yes @ weights, real @ weights
        total = weights.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            f1 = 2 * hits / (given + true)
            sensitivity, specificity = hits / true, 1 - (given - hits) / (total - true)
        out: dict[str, Floats] = {"macro": np.nanmean(f1, axis=0)}
        for at in range(labels):
            out[f"f1 {at}"] = f1[at]
            out[f"balanced {at}"] = (sensitivity[at] + specificity[at]) / 2
            out[f"signal {at}"] = sensitivity[at] + specificity[at] - 1
        return out

    whole = figures(rows.counts[:, None])
    scales = {key: CORRELATION if key.startswith("signal") else PROBABILITY for key in (*keys, "macro")}
    defined = {key: scale for key, scale in scales.items() if np.isfinite(whole[key][0])}
    out = estimates(rows, figures, defined, confidence=confidence, number=draws, seed=seed)
    why = {"f1": "neither gave this label", "balanced": "people gave this label to all rows or to none"}
    for key in scales.keys() - defined.keys():
        out[key] = Estimate.undefined(why.get(key.split()[0], why["balanced"]), confidence)
    return out
