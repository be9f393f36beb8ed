"""The bootstrap over clusters, without copying a row.

A figure never needs the rows themselves, only how often each *distinct* row occurs: on a scale of 0 to 4 two columns
have at most 25 distinct rows, however many there are. So a resample is one weight for each distinct row, and figures
are computed for many such weightings together.

Clusters (rows that share a prompt, a conversation, a document) are drawn, and left out, whole. What intervals are made
of the draws is the business of `intervals`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from referee.statistics.columns import Floats, Ints

CELLS_AT_ONCE = 250_000
"""Weights held at a time: memory does not grow with the number of draws, and 2 MB stay in the processor's cache."""
DRAWN_AT_ONCE = 20_000
"""Rows drawn at a time, where resamples are small."""
JACKKNIFE_GROUPS = 400
"""Above this many clusters they are left out in groups, which the acceleration can bear (noise about 0.4/groups)."""
JACKKNIFE_CELLS, FEWEST_GROUPS = 50_000_000, 40
"""Of very many distinct rows fewer groups are left out, so that the cost grows no faster than the rows: 40 groups still
make an interval that is 3 % wider than needed, by Student's t."""


@dataclass(frozen=True)
class Support:
    """The distinct rows of some columns, and how many of each every cluster holds."""

    points: Floats
    """Distinct rows, (m, columns)."""
    counts: Floats
    """How often each occurs, (m,)."""
    row_kind: Ints
    """For each row, the number of its distinct row, (n,)."""
    clusters: Ints
    """For each row, the number of its cluster, (n,)."""
    cluster_count: int
    clusters_are_rows: bool

    def spread(self, cluster_weights: Floats) -> Floats:
        """Weights of clusters (C, D) as weights of distinct rows (m, D)."""
        n, m = len(self.row_kind), len(self.counts)
        # Duplicates add up: entry (k, c) is how many rows of kind k the cluster c holds.
        membership: Any = sparse.csr_array((np.ones(n), (self.row_kind, self.clusters)), shape=(m, self.cluster_count))
        return np.asarray(membership @ cluster_weights)


def support(columns: Sequence[Floats], clusters: Ints) -> Support:
    """The distinct rows of `columns` (each of length n) with the clusters 0 … C−1 of the rows."""
    points, kind = _distinct(columns, len(clusters))
    counts = np.bincount(kind, minlength=len(points))
    cluster_count = int(clusters.max()) + 1 if clusters.size else 0
    return Support(points, counts.astype(np.float64), kind, clusters, cluster_count, cluster_count == len(clusters))


def _distinct(columns: Sequence[Floats], rows: int) -> tuple[Floats, Ints]:
    """The distinct rows in ascending order, and the number of each row's; numbers are sorted in place of rows."""
    code, found = np.zeros(rows, dtype=np.int64), np.empty((min(rows, 1), 0))
    for column in columns:
        values, place = np.unique(column, return_inverse=True)
        # At most rows² codes, so they fit: each column's codes are dense before the next is joined on.
        codes, code = np.unique(code * len(values) + place.reshape(-1), return_inverse=True)
        code = code.reshape(-1)
        before, own = np.divmod(codes, len(values)) if len(values) else (codes, codes)
        found = np.column_stack([found[before], values[own]])
    return found, code


def draws(rows: Support, number: int, rng: np.random.Generator) -> Iterator[Floats]:
    """`number` resamples of the clusters, as blocks of weights of the distinct rows, (m, block)."""
    m, c = len(rows.counts), rows.cluster_count
    block = max(1, CELLS_AT_ONCE // max(m, c if not rows.clusters_are_rows else 1))
    for start in range(0, number, block):
        size = min(block, number - start)
        if is_table(rows):
            yield np.ascontiguousarray(rng.multinomial(c, rows.counts / c, size=size).T.astype(np.float64))
        elif rows.clusters_are_rows:
            yield _index_draws(rows.row_kind, m, size, rng)
        else:
            yield rows.spread(_index_draws(np.arange(c), c, size, rng))


def is_table(rows: Support) -> bool:
    """Whether a resample is one draw of a table of counts, whatever the number of rows."""
    # Drawing a multinomial costs about eight times as much a category as drawing one cluster's index does.
    return rows.clusters_are_rows and len(rows.counts) * 8 <= rows.cluster_count


def _index_draws(kind: Ints, kinds: int, size: int, rng: np.random.Generator) -> Floats:
    """Draw `len(kind)` clusters with replacement, `size` times, and count the kinds drawn: (kinds, size)."""
    weights = np.empty((kinds, size))
    # Few rows are drawn for many resamples at a time: else most of the time goes into calls.
    together = max(1, DRAWN_AT_ONCE // len(kind))
    for start in range(0, size, together):
        number = min(together, size - start)
        picked = kind[rng.integers(0, len(kind), (number, len(kind)))]
        picked += np.arange(number)[:, None] * kinds
        counts = np.bincount(picked.ravel(), minlength=number * kinds)
        weights[:, start : start + number] = counts.reshape(number, kinds).T
    return weights


@dataclass(frozen=True)
class Jackknife:
    """Figures with one cluster (or one group of clusters) left out, and how many such leave-outs are alike."""

    values: dict[str, Floats]
    multiplicity: Floats


def jackknife(rows: Support, compute: Callable[[Floats], dict[str, Floats]], rng: np.random.Generator) -> Jackknife:
    """Compute the figures leaving out each cluster in turn, or up to 400 random groups of clusters where there are
    more."""
    counts, m = rows.counts[:, None], len(rows.counts)
    if rows.clusters_are_rows and m <= JACKKNIFE_GROUPS:
        # Leaving out either of two equal rows is the same: one evaluation stands for all of them.
        found = compute(counts - np.eye(m))
        return Jackknife(found, rows.counts)
    groups = min(rows.cluster_count, JACKKNIFE_GROUPS, max(FEWEST_GROUPS, JACKKNIFE_CELLS // m))
    group_of = np.arange(rows.cluster_count) % groups
    if groups < rows.cluster_count:
        rng.shuffle(group_of)
    group_of_row = group_of.astype(np.int16)[rows.clusters]  # so small they are sorted without being compared
    order = np.argsort(group_of_row, kind="stable")
    starts = np.searchsorted(group_of_row[order], np.arange(groups + 1))
    block = max(1, CELLS_AT_ONCE // m)
    parts: list[dict[str, Floats]] = []
    for at in range(0, groups, block):
        size = min(block, groups - at)
        inside = order[starts[at] : starts[at + size]]
        cell = rows.row_kind[inside] * size + (group_of_row[inside] - at)
        left_out = np.bincount(cell, minlength=m * size).astype(np.float64)
        parts.append(compute(counts - left_out.reshape(m, size)))
    return Jackknife({name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, np.ones(groups))
