"""Reading what callers hand in: columns of scores, and which rows belong together.

A missing score is NaN or None and is left out and counted; anything else that is no finite number is an error that
names the row, because a word in a column of numbers means that the wrong column was taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from referee.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Column = Sequence[float | None] | Sequence[float] | NDArray[Any]


def score_column(values: Column, name: str) -> Floats:
    """A column of scores as floats, missing ones as NaN; `name` is what an error calls it."""
    column = np.asarray(values)
    if column.ndim != 1:
        raise DataError(f"{name} has the shape {column.shape}; give one score a row, a single column")
    if column.dtype.kind not in "fiub":
        column = np.fromiter(_numbers(values, name), dtype=np.float64, count=len(column))
    column = column.astype(np.float64)
    infinite = np.flatnonzero(np.isinf(column))
    if infinite.size:
        raise DataError(f"{name} is {column[infinite[0]]} at row {infinite[0]}; a score must be finite (missing: NaN)")
    return column


def _numbers(values: Iterable[Any], name: str) -> Iterable[float]:
    for row, value in enumerate(values):
        if value is None:
            yield math.nan
        elif isinstance(value, (int, float, np.number, np.bool_)):
            yield float(value)
        else:
            raise DataError(f"{name} is {value!r} at row {row}; a score must be a number (missing: NaN or None)")


def cluster_codes(clusters: Sequence[Any] | NDArray[Any] | None, rows: int) -> Ints:
    """The number 0 … C−1 of each row's cluster; without `clusters` every row is its own."""
    if clusters is None:
        return np.arange(rows, dtype=np.int64)
    if len(clusters) != rows:
        raise DataError(f"clusters has {len(clusters)} entries for {rows} rows; give one for each row")
    if isinstance(clusters, np.ndarray) and clusters.dtype.kind == "i":
        return _numbered(clusters)
    codes: dict[Any, int] = {}
    out = np.empty(rows, dtype=np.int64)
    for row, key in enumerate(clusters.tolist() if isinstance(clusters, np.ndarray) else clusters):
        if key is None or key != key:
            raise DataError(f"row {row} has no cluster ({key!r}); name one for every row, or give no clusters")
        out[row] = codes.setdefault(key, len(codes))
    return out


def _numbered(marks: NDArray[Any]) -> Ints:
    """Whole numbers by the order in which they first appear."""
    if np.all(marks[1:] >= marks[:-1]):
        return dense(marks)
    _, first, place = np.unique(marks, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[place.reshape(-1)]


def dense(codes: NDArray[Any]) -> Ints:
    """The same groups numbered 0 … C−1 in ascending order: what is left of them where some rows are not."""
    steps = np.diff(codes)
    if np.all(steps >= 0):  # rows of one group mostly lie together, and then nothing need be sorted
        found = np.zeros(len(codes), dtype=np.int64)
        np.cumsum(steps > 0, out=found[1:])
        return found
    return np.unique(codes, return_inverse=True)[1].reshape(-1).astype(np.int64)


@dataclass(frozen=True)
class PairedRows:
    """The rows where both columns have a score, and the count of the others by reason."""

    first: Floats
    second: Floats
    clusters: Ints
    """For each kept row the number of its cluster, 0 … C−1, in order of appearance."""
    left_out: dict[str, int]

    @property
    def cluster_count(self) -> int:
        return int(self.clusters.max()) + 1 if self.clusters.size else 0


def paired_rows(
    first: Column, second: Column, clusters: Sequence[Any] | NDArray[Any] | None, names: tuple[str, str]
) -> PairedRows:
    """Join two columns row by row, leaving out rows where either is missing.

    Raises:
        DataError: the columns differ in length, or hold something that is not a number.
    """
    a, b = score_column(first, names[0]), score_column(second, names[1])
    if len(a) != len(b):
        raise DataError(f"{names[0]} has {len(a)} rows and {names[1]} has {len(b)}; they must be the same rows")
    codes = cluster_codes(clusters, len(a))
    no_a, no_b = np.isnan(a), np.isnan(b)
    kept = ~(no_a | no_b)
    left_out = {
        f"no {names[0]} score": int((no_a & ~no_b).sum()),
        f"no {names[1]} score": int((no_b & ~no_a).sum()),
        "neither score": int((no_a & no_b).sum()),
    }
    return PairedRows(a[kept], b[kept], dense(codes[kept]), {why: count for why, count in left_out.items() if count})
