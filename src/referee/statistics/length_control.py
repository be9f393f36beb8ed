"""The win rate at equal length: judges favour long answers, and this takes that out.

Source: length-controlled AlpacaEval (Dubois et al. 2024, arXiv 2404.04475).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from referee.statistics.columns import Column, Floats, cluster_codes, dense, score_column
from referee.statistics.estimate import Estimate
from referee.statistics.intervals import DIFFERENCE, PROBABILITY
from referee.statistics.logistic import (
    check_credit,
    covariate,
    estimates_or_reason,
    fit_logistic,
    squashed,
)
from referee.statistics.pairwise import credit_estimate
from referee.statistics.resampling import support


@dataclass(frozen=True, slots=True)
class LengthControlled:
    """A win rate with and without what length does."""

    rate: Estimate
    """The predicted win rate at equal length, over both orders."""
    raw: Estimate
    length_effect: Estimate
    """Log-odds that a length difference of one standard deviation gains (through tanh)."""
    n: int
    left_out: int


def length_controlled_win_rate(
    credit: Column,
    length_difference: Column,
    *,
    order: Column | None = None,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> LengthControlled:
    """The win rate of A over B that the judge would give at equal length: the model's prediction with Δlength = 0.

    Args:
        credit: what A won of each pair: 1, 0, or ½ for a tie.
        length_difference: A's length less B's.
        order: 1 where A was shown first, −1 where B was, 0 where both orders were merged.
        clusters, confidence, draws, seed: as `bradley_terry`.

    Raises:
        DataError: a credit lies outside 0 … 1, or lengths differ.
    """
    won = score_column(credit, "credit")
    difference = covariate("length_difference", length_difference, len(won))
    turns = [] if order is None else [covariate("order", order, len(won))]
    kept = np.asarray(~np.isnan(np.column_stack([won, difference, *turns])).any(axis=1))
    check_credit(won[kept])
    codes = dense(cluster_codes(clusters, len(won))[kept])
    raw = credit_estimate(won[kept], codes, confidence)
    left_out = int((~kept).sum())
    if not kept.any() or np.ptp(difference[kept]) == 0:
        why = "no pair has a verdict" if not kept.any() else "every pair has the same difference of length"
        undefined = Estimate.undefined(why, confidence)
        return LengthControlled(undefined, raw, undefined, int(kept.sum()), left_out)
    columns = [won, squashed(difference, kept), *turns]
    rows = support([column[kept] for column in columns], codes)
    design = np.column_stack([np.ones(len(rows.counts)), rows.points[:, 1:]])

    def figures(weights: Floats) -> dict[str, Floats]:
        theta = fit_logistic(design, rows.points[:, 0], weights)
        return {"rate": np.asarray(expit(theta[0])), "length": theta[1]}

    scales = {"rate": PROBABILITY, "length": DIFFERENCE}
    found = estimates_or_reason(rows, figures, scales, confidence, draws, seed)
    return LengthControlled(found["rate"], raw, found["length"], int(kept.sum()), left_out)
