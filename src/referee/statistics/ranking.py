"""Ranking by pairwise verdicts: Bradley and Terry's model, with what position and length do taken out.

`P(i ≻ j) = σ(β_i − β_j + γ·order + η·style)`, ties as half a win for either. Fitted by Newton's method for every
resample of the clusters, so that a strength carries the same kind of interval as all else here.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from referee.errors import DataError
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
from referee.statistics.resampling import Support, support

Player = TypeVar("Player", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Bradley–Terry strengths, best first."""

    strengths: dict[Any, Estimate]
    """β of each player, as log-odds against the average player (their mean is 0)."""
    win_probability: dict[Any, Estimate]
    """The mean chance of each player against every other, at equal style and without a favoured position."""
    order_effect: Estimate | None
    """γ: log-odds that the player shown first gains; None where order was not given."""
    style_effect: Estimate | None
    """η: log-odds that one standard deviation more of style gains; None where style was not given."""
    n: int
    left_out: int
    """Matches without a verdict."""


def bradley_terry(
    first: Sequence[Player],
    second: Sequence[Player],
    credit: Column,
    *,
    order: Column | None = None,
    style: Column | None = None,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Ranking:
    """Fit the strengths of players from matches.

    Args:
        first: one player of each match, of any hashable type.
        second: the other player of each match.
        credit: what the first one won: 1, 0, or ½ for a tie; NaN or None without a verdict.
        order: 1 where the first one was shown first, −1 where the second one was, 0 where both orders were merged.
        style: first less second in some measure, such as length. It enters as `tanh(style/sd)`, as in length-controlled
            AlpacaEval (arXiv 2404.04475), so that extreme differences do not govern the fit.
        clusters: what each match shares with others (its prompt); by default every match stands alone.
        confidence: nominal coverage.
        draws: resamples of the bootstrap, where it is used.
        seed: equal seeds give equal intervals.

    Raises:
        DataError: a player meets itself, a credit lies outside 0 … 1, or lengths differ.
    """
    won = score_column(credit, "credit")
    names = list(dict.fromkeys([*first, *second]))
    if not len(first) == len(second) == len(won):
        raise DataError(
            f"{len(first)} first players, {len(second)} second and {len(won)} credits; give one for each match"
        )
    number = {name: at for at, name in enumerate(names)}
    i, j = (np.array([number[name] for name in side], dtype=np.float64) for side in (first, second))
    if (i == j).any():
        raise DataError(f"{names[int(i[i == j][0])]!r} meets itself; a match needs two players")
    covariates = {"order": order, "style": style}
    extra = {name: covariate(name, column, len(won)) for name, column in covariates.items() if column is not None}
    kept = np.asarray(~np.isnan(np.column_stack([won, *extra.values()])).any(axis=1))
    check_credit(won[kept])
    if "style" in extra:
        extra["style"] = squashed(extra["style"], kept)
    codes = dense(cluster_codes(clusters, len(won))[kept])
    rows = support([column[kept] for column in (i, j, won, *extra.values())], codes)
    fitted = _fit(rows, names, list(extra), confidence, draws, seed)
    by_strength = sorted(names, key=lambda name: -(fitted[f"strength {number[name]}"].value or 0.0))
    return Ranking(
        strengths={name: fitted[f"strength {number[name]}"] for name in by_strength},
        win_probability={name: fitted[f"wins {number[name]}"] for name in by_strength},
        order_effect=fitted.get("order"),
        style_effect=fitted.get("style"),
        n=int(kept.sum()),
        left_out=int((~kept).sum()),
    )


def _fit(
    rows: Support, names: Sequence[Any], extra: Sequence[str], confidence: float, draws: int, seed: int
) -> dict[str, Estimate]:
    players, m = len(names), len(rows.counts)
    keys = [f"{kind} {at}" for kind in ("strength", "wins") for at in range(players)]
    reason = _unlinked(rows, names)
    if reason is not None:
        return {key: Estimate.undefined(reason, confidence) for key in (*keys, *extra)}
    design = np.zeros((m, players + len(extra)))
    i, j = rows.points[:, 0].astype(np.int64), rows.points[:, 1].astype(np.int64)
    design[np.arange(m), i], design[np.arange(m), j] = 1.0, -1.0
    design[:, players:] = rows.points[:, 3:]

    def figures(weights: Floats) -> dict[str, Floats]:
        # The first player stands at 0 while fitting; strengths are told from their mean.
        theta = fit_logistic(design[:, 1:], rows.points[:, 2], weights)
        strength = np.concatenate([np.zeros((1, theta.shape[1])), theta[: players - 1]])
        strength = strength - strength.mean(axis=0)
        chances = np.asarray(expit(strength[:, None, :] - strength[None, :, :]))
        against_others = (chances.sum(axis=1) - 0.5) / (players - 1)
        out = {f"strength {at}": strength[at] for at in range(players)}
        out |= {f"wins {at}": against_others[at] for at in range(players)}
        return out | {name: theta[players - 1 + at] for at, name in enumerate(extra)}

    scales = {key: PROBABILITY if key.startswith("wins") else DIFFERENCE for key in (*keys, *extra)}
    return estimates_or_reason(rows, figures, scales, confidence, draws, seed)


def _unlinked(rows: Support, names: Sequence[Any]) -> str | None:
    """Why strengths have no finite values: some players never lost to, or never met, the others."""
    if not rows.counts.size:
        return "no match has a verdict"
    i, j, won = rows.points[:, 0].astype(np.int64), rows.points[:, 1].astype(np.int64), rows.points[:, 2]
    beat = np.zeros((len(names), len(names)))
    np.add.at(beat, (i, j), won)
    np.add.at(beat, (j, i), 1 - won)
    parts: tuple[int, NDArray[np.int32]] = connected_components(
        sparse.csr_array(beat > 0), directed=True, connection="strong"
    )
    if parts[0] == 1:
        return None
    for part in range(parts[0]):
        inside = parts[1] == part
        won_out, lost_in = beat[np.ix_(inside, ~inside)].any(), beat[np.ix_(~inside, inside)].any()
        some = ", ".join(str(name) for name, within in zip(names, inside, strict=True) if within)
        if not lost_in:
            return f"{some} never {'lost to or tied with' if won_out else 'met'} any of the others"
    return "some players never met the others"
