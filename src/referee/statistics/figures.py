"""The agreement figures, each computed for many weightings of the same distinct rows at once.

Weights have the shape (m, D): m distinct (judge, human) rows, D weightings (the data itself, resamples, or the data
less one cluster). Every figure answers with D numbers, NaN where it is undefined for that weighting. What a figure
needs is gathered once for each block: moments by one matrix product, marginals and mid-ranks by sums along sorted rows.
So all figures together cost a few passes over the weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from referee.statistics.columns import Floats, Ints

EXACT_KENDALL = 2_000
"""Up to this many distinct rows Kendall's tau is exact in every resample: a quadratic form of m² terms. Beyond it the
numerator is replaced by its first-order part (the Hájek projection), whose error is of the order 1/m."""
EQUAL_WITHIN = 1e-9
"""Scores closer than this are the same score: 0.1 + 0.2 and 0.3."""
LABEL_LIMIT = 50
"""Figures for labels need a discrete scale; more distinct values than this are not labels."""


@dataclass(frozen=True)
class Groups:
    """How the distinct rows fall into groups of equal value, by sorting once."""

    order: Ints
    starts: Ints
    of_row: Ints
    values: Floats

    @classmethod
    def of(cls, column: Floats) -> Groups:
        values, of_row = np.unique(column, return_inverse=True)
        order = np.argsort(column, kind="stable")
        starts = np.searchsorted(column[order], values)
        return cls(order, starts, of_row.reshape(-1), values)

    def sums(self, weights: Floats) -> Floats:
        """The weight of each value, (values, D)."""
        return np.add.reduceat(weights[self.order], self.starts, axis=0)


def midranks(sums: Floats) -> Floats:
    """Mid-ranks of the values, less the mean rank (so that their weighted mean is 0), from the weight of each value."""
    ranks = np.cumsum(sums, axis=0)
    ranks -= sums / 2
    ranks -= sums.sum(axis=0) / 2
    return ranks


class Pairs:
    """What is prepared once for the distinct rows (x, y): centred moments, sort orders, concordance."""

    def __init__(self, x: Floats, y: Floats, counts: Floats, categories: Floats | None) -> None:
        self.x, self.y = Groups.of(x), Groups.of(y)
        self.pooled = Groups.of(np.concatenate([x, y]))
        self.categories = categories
        difference = x - y
        self.equal = np.abs(difference) <= EQUAL_WITHIN
        centre = float(np.average(np.concatenate([x, y]), weights=np.concatenate([counts, counts])))
        u, v = x - centre, y - centre
        self.moments = np.stack(
            [np.ones_like(x), u, v, u * u, v * v, u * v, np.abs(difference), difference**2, difference,
             self.equal.astype(np.float64), (np.abs(difference) <= 1 + EQUAL_WITHIN).astype(np.float64)]
        )  # fmt: skip
        self.concordance = _concordance(x, y) if len(x) <= EXACT_KENDALL else None
        self.counts = counts
        self.projection = _net_concordance(x, y, counts) if self.concordance is None else None

    def figures(self, weights: Floats) -> dict[str, Floats]:
        """All figures for each weighting; a name's value has the shape (D,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._figures(weights)

    def _figures(self, weights: Floats) -> dict[str, Floats]:
        n, sx, sy, sxx, syy, sxy, absolute, squared, signed, same, near = self.moments @ weights
        of_x, of_y = self.x.sums(weights), self.y.sums(weights)
        constant_x, constant_y = (of_x > 0).sum(axis=0) < 2, (of_y > 0).sum(axis=0) < 2
        constant = constant_x | constant_y
        var_x, var_y, cov = sxx / n - (sx / n) ** 2, syy / n - (sy / n) ** 2, sxy / n - sx * sy / n**2
        out = {
            "pearson": _undefined(np.clip(cov / np.sqrt(var_x * var_y), -1, 1), constant),
            "spearman": _undefined(self._spearman(weights, of_x, of_y), constant),
            "kendall": _undefined(self._kendall(weights, of_x, of_y, n), constant),
            "mae": absolute / n,
            "rmse": np.sqrt(squared / n),
            "bias": signed / n,
            "exact": same / n,
            "within_one": near / n,
            # Expected squared difference under independence: both variances and the squared difference of the means.
            "quadratic_kappa": 1 - (squared / n) / (var_x + var_y + ((sx - sy) / n) ** 2),
        }
        pooled_square = sxx + syy - (sx + sy) ** 2 / (2 * n)
        out["alpha_interval"] = _alpha(squared / n, 2 * pooled_square / (2 * n - 1))
        out.update(self._label_figures(weights, same / n, n))
        both_constant = constant_x & constant_y & (same == n)
        for name in ("alpha_interval", "alpha_nominal", "alpha_ordinal"):
            if name in out:
                out[name] = _undefined(out[name], both_constant)
        # Both kappas are 0 for any constant column, whatever the other says: a number that tells nothing.
        for name in ("kappa", "quadratic_kappa"):
            if name in out:
                out[name] = _undefined(out[name], constant)
        return out

    def _spearman(self, weights: Floats, of_x: Floats, of_y: Floats) -> Floats:
        rank_x, rank_y = midranks(of_x), midranks(of_y)
        cross = np.einsum("md,md,md->d", weights, rank_x[self.x.of_row], rank_y[self.y.of_row])
        square_x = np.einsum("md,md,md->d", of_x, rank_x, rank_x)
        square_y = np.einsum("md,md,md->d", of_y, rank_y, rank_y)
        return np.clip(cross / np.sqrt(square_x * square_y), -1, 1)

    def _kendall(self, weights: Floats, of_x: Floats, of_y: Floats, n: Floats) -> Floats:
        if self.concordance is not None:
            net = np.einsum("md,md->d", self.concordance @ weights, weights)
        else:
            assert self.projection is not None
            # Σ w_i w_j s_ij to first order about the data's own weights, scaled to the size of the resample.
            net = (2 * (self.projection @ weights) / n - self.projection @ self.counts / self.counts.sum()) * (
                n**2 / self.counts.sum()
            )
        pairs = n * n
        untied_x, untied_y = pairs - (of_x * of_x).sum(axis=0), pairs - (of_y * of_y).sum(axis=0)
        return np.clip(net / np.sqrt(untied_x * untied_y), -1, 1)

    def _label_figures(self, weights: Floats, same: Floats, n: Floats) -> dict[str, Floats]:
        if self.categories is None:
            return {}
        both = np.concatenate([weights, weights])
        pooled = self.pooled.sums(both)
        share = pooled / (2 * n)
        share_x, share_y = self._shares(weights, n)
        by_chance = (share_x * share_y).sum(axis=0)
        pairs = 2 * n * (2 * n - 1)
        differ = 1 - (pooled * (pooled - 1)).sum(axis=0) / pairs
        ranks = midranks(pooled)
        m = weights.shape[0]
        gap = ranks[self.pooled.of_row[:m]] - ranks[self.pooled.of_row[m:]]
        rank_observed = np.einsum("md,md,md->d", weights, gap, gap) / n
        rank_expected = 2 * np.einsum("md,md,md->d", pooled, ranks, ranks) / (2 * n - 1)
        out = {
            "kappa": (same - by_chance) / (1 - by_chance),
            "alpha_nominal": _alpha(1 - same, differ),
            "alpha_ordinal": _alpha(rank_observed, rank_expected),
        }
        if len(self.categories) > 1:
            gwet = (share * (1 - share)).sum(axis=0) / (len(self.categories) - 1)
            out["ac1"] = (same - gwet) / (1 - gwet)
        return out

    def _shares(self, weights: Floats, n: Floats) -> tuple[Floats, Floats]:
        """Each side's share of every pooled value, (values, D) each."""
        shares: list[Floats] = []
        m = weights.shape[0]
        for half in (self.pooled.of_row[:m], self.pooled.of_row[m:]):
            member = (half[None, :] == np.arange(len(self.pooled.values))[:, None]).astype(np.float64)
            shares.append(member @ weights / n)
        return shares[0], shares[1]


def _undefined(values: Floats, where: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Floats:
    return np.where(where, np.nan, values)


def _alpha(observed: Floats, expected: Floats) -> Floats:
    return 1 - observed / expected


def _concordance(x: Floats, y: Floats) -> Floats:
    return np.sign(x[:, None] - x[None, :]) * np.sign(y[:, None] - y[None, :])


def _net_concordance(x: Floats, y: Floats, weights: Floats) -> Floats:
    """For each row, the weight of rows concordant with it less that of discordant ones, without comparing all pairs.

    Rows that are smaller in both are counted; the other three quarters follow from how many are smaller in one.
    """
    in_x, in_y = Groups.of(x), Groups.of(y)
    below_both = _dominated(x, y, weights)
    below_x, same_x = _below(in_x.of_row, weights)
    below_y, same_y = _below(in_y.of_row, weights)
    # Within equal y, the weight that is smaller in x; within equal x, the weight that is smaller in y.
    below_x_same_y, same = _below_within(in_y.of_row, in_x.of_row, weights)
    same_x_below_y, _ = _below_within(in_x.of_row, in_y.of_row, weights)
    below_x_above_y = below_x - below_both - below_x_same_y
    above_x_below_y = below_y - below_both - same_x_below_y
    above_x = weights.sum() - below_x - same_x
    above_both = above_x - above_x_below_y - (same_y - same - below_x_same_y)
    return below_both + above_both - below_x_above_y - above_x_below_y


def _below(of_row: Ints, weights: Floats) -> tuple[Floats, Floats]:
    """For each row, the weight of rows with a smaller value, and of those with the same."""
    sums = np.bincount(of_row, weights=weights).astype(np.float64)
    return (np.cumsum(sums) - sums)[of_row], sums[of_row]


def _below_within(group: Ints, value: Ints, weights: Floats) -> tuple[Floats, Floats]:
    """The same among the rows of the same group."""
    levels = int(value.max()) + 1
    code = np.unique(group * levels + value, return_inverse=True)[1]
    below, same = _below(code.reshape(-1), weights)
    whole, _ = _below(group, weights)
    return below - whole, same


def _dominated(x: Floats, y: Floats, weights: Floats) -> Floats:
    """For each row, the weight of the rows that are smaller in both x and y.

    Rows are put in order of x; then each bit of the rank of y parts the rows into groups, in which those with the bit
    count the ones before them without it. That is m·log²m, where comparing all pairs would be m².
    """
    # Of equal x the larger y comes first, and of equal y the later row ranks lower: so neither is counted as smaller.
    place = np.lexsort((-y, x))
    rank = np.empty(len(x), dtype=np.int64)
    rank[np.lexsort((-np.arange(len(x)), y[place]))] = np.arange(len(x))
    own = weights[place]
    smaller = np.zeros(len(x))
    bit = 1
    while bit < len(x):
        group = rank // (2 * bit)
        order = np.argsort(group, kind="stable")
        high = (rank[order] & bit) != 0
        low = np.where(high, 0.0, own[order])
        before = np.cumsum(low) - low
        starts = np.searchsorted(group[order], group[order])
        smaller[order] += np.where(high, before - before[starts], 0.0)
        bit *= 2
    out = np.empty(len(x))
    out[place] = smaller
    return out
