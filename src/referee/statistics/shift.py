"""Do the labelled rows look like the others to the judge? The test that decides which correction may be used.

A few labelled rows stand for all only if they were drawn like all. People rarely see how the rows were drawn, but the
judge scored both parts, so its score distributions can be compared. A shift shown refutes a random sample; no shift
shown does not prove one, and the answer says how large a difference the test could have seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from referee.errors import DataError
from referee.statistics.columns import Column, Floats, Ints, cluster_codes, dense, score_column
from referee.statistics.figures import LABEL_LIMIT
from referee.statistics.planning import detectable

PERMUTATIONS = 2_000


@dataclass(frozen=True, slots=True)
class Shift:
    """A comparison of the judge's scores on labelled and unlabelled rows."""

    p_value: float
    """Chance of a difference this large between two random parts of the same rows."""
    labelled_mean: float
    unlabelled_mean: float
    detectable: float
    """The difference of means that the test would show with 80 % chance; smaller ones may be there unseen."""
    method: str

    def shown(self, alpha: float) -> bool:
        return self.p_value < alpha

    def __str__(self) -> str:
        return (
            f"the judge's mean is {self.labelled_mean:.2f} on labelled rows and {self.unlabelled_mean:.2f} on the "
            f"others (p = {self.p_value:.2g}, {self.method}; differences under {self.detectable:.2f} often go unseen)"
        )


def shift_test(
    labelled: Column,
    unlabelled: Column,
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    unlabelled_clusters: Sequence[Any] | NDArray[Any] | None = None,
    seed: int = 0,
) -> Shift:
    """Test whether the judge's scores are distributed alike on two sets of rows.

    On a discrete scale Pearson's chi-square, by permutation of whole clusters where rows are clustered or cells hold
    few; on a continuous one Kolmogorov and Smirnov's test (a permutation of the difference of means with clusters).

    Args:
        labelled: the judge's scores of the labelled rows; missing ones are left out.
        unlabelled: its scores of the others.
        clusters: what each labelled row shares with others.
        unlabelled_clusters: the same for the other rows.
        seed: of the permutations.

    Raises:
        DataError: fewer than two scores on either side.
    """
    sides = [score_column(labelled, "labelled"), score_column(unlabelled, "unlabelled")]
    kept = [~np.isnan(side) for side in sides]
    if min(part.sum() for part in kept) < 2:
        raise DataError(
            f"the judge scored {kept[0].sum()} labelled and {kept[1].sum()} unlabelled rows; to compare them takes two "
            "of each"
        )
    keys = [
        cluster_codes(named, len(side))[mask]
        for named, side, mask in zip((clusters, unlabelled_clusters), sides, kept, strict=True)
    ]
    a, b = (side[mask] for side, mask in zip(sides, kept, strict=True))
    # A cluster with rows on both sides is two clusters here: which of its rows were labelled is what is tested.
    units = np.concatenate([keys[0], keys[1] + keys[0].max() + 1])
    units = dense(units)
    p, method = _test(a, b, units, np.random.default_rng(seed))
    spread = math.sqrt(float(a.var(ddof=1)) / len(a) + float(b.var(ddof=1)) / len(b))
    return Shift(p, float(a.mean()), float(b.mean()), detectable(spread, confidence=0.95, power=0.8), method)


def _test(a: Floats, b: Floats, units: Ints, rng: np.random.Generator) -> tuple[float, str]:
    both = np.concatenate([a, b])
    values, kind = np.unique(both, return_inverse=True)
    alone = int(units.max()) + 1 == len(both)
    if len(values) == 1:
        return 1.0, "every score is the same"
    if len(values) > LABEL_LIMIT:
        if alone:
            # Importing scipy.stats takes longer than everything else here together, and few scales need it.
            from scipy.stats import ks_2samp

            test: Any = ks_2samp(a, b)
            return float(test.pvalue), "Kolmogorov–Smirnov"
        return _permuted(both[:, None], units, len(a), rng, _mean_gap), "permuted clusters"
    kind = kind.reshape(-1)
    if alone:
        return _of_counts(np.bincount(kind[: len(a)], minlength=len(values)), np.bincount(kind), len(a), rng)
    cells = np.zeros((len(both), len(values)))
    cells[np.arange(len(both)), kind] = 1.0
    return _permuted(cells, units, len(a), rng, _chi_square), "chi-square, permuted clusters"


def _of_counts(first: Ints, total: Ints, size: int, rng: np.random.Generator) -> tuple[float, str]:
    """Chi-square of rows that stand alone; where a cell would hold under five, by drawing the first side at random."""
    n, whole = int(total.sum()), total.astype(np.float64)[:, None]
    sizes = np.array([float(size)])
    seen = float(_chi_square(first.astype(np.float64)[:, None], whole, sizes, n)[0])
    if total.min() * min(size, n - size) / n >= 5:
        return float(chdtrc(len(total) - 1, seen)), "chi-square"
    drawn = rng.multivariate_hypergeometric(total, size, PERMUTATIONS, method="marginals")
    larger = int((_chi_square(drawn.T.astype(np.float64), whole, sizes, n) >= seen - 1e-9).sum())
    return (larger + 1) / (PERMUTATIONS + 1), "chi-square, permuted rows"


def _permuted(cells: Floats, units: Ints, first_rows: int, rng: np.random.Generator, statistic: Any) -> float:
    """The share of permutations of the clusters between the two sides that differ at least as much as the rows do."""
    count, n = int(units.max()) + 1, len(units)
    sums = np.stack([np.bincount(units, weights=column, minlength=count) for column in cells.T])
    sizes = np.bincount(units, minlength=count).astype(np.float64)
    first_units = int(units[:first_rows].max()) + 1
    total = sums.sum(axis=1, keepdims=True)
    seen = statistic(sums[:, :first_units].sum(axis=1, keepdims=True), total, sizes[:first_units].sum(keepdims=True), n)
    larger, block = 0, max(1, 4_000_000 // count)
    for start in range(0, PERMUTATIONS, block):
        number = min(block, PERMUTATIONS - start)
        order = rng.permuted(np.broadcast_to(np.arange(count), (number, count)), axis=1)[:, :first_units]
        member = np.zeros((count, number))
        member[order.T, np.arange(number)[None, :]] = 1.0
        drawn = statistic(sums @ member, total, sizes @ member, n)
        larger += int((drawn >= seen[0] - 1e-9).sum())
    return (larger + 1) / (PERMUTATIONS + 1)


def _chi_square(first: Floats, total: Floats, size: Floats, n: int) -> Floats:
    """Pearson's statistic of (values, D) counts on the first side, the rest being on the other."""
    expected = total * size / n
    return ((first - expected) ** 2 / expected + (first - expected) ** 2 / (total - expected)).sum(axis=0)


def _mean_gap(first: Floats, total: Floats, size: Floats, n: int) -> Floats:
    return np.abs(first / size - (total - first) / (n - size))[0]
