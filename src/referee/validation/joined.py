"""Judge and people side by side: one pass over the results into columns, with what was left out and why.

A million rows are some fifty megabytes here and never their items: what is kept of a row are its scores and the hash of
what it shares with others.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from sys import intern
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from referee.errors import DataError
from referee.exchange import excerpt
from referee.statistics.columns import Floats, Ints, cluster_codes
from referee.validation.agreement import Scale
from referee.validation.cells import Cells, Ratings, WordCounts
from referee.validation.clusters import ALONE, ClusterColumns
from referee.validation.fields import ABSENT, lookup_all, no_field
from referee.validation.judged_rows import NO_RESULT, JudgedRows
from referee.validation.people import HumanScale, People
from referee.validation.results import Results

ANSWER_FIELDS = ("response", "output", "answer", "completion", "generation")
DETAILS = ("mass", "consistent", "first", "second")
"""Figures about a score that are kept: probability mass captured; of a swapped pair whether both orders agree, and what
each of them said."""
MOST_GROUPS = 50


@dataclass
class Joined:
    """The rows of the results with a score from the judge, from people, or from neither; columns of equal length."""

    results: Results
    people: People
    judge: Cells = field(default_factory=Cells)
    label: list[str | None] = field(default_factory=list[str | None])
    """The judge's rubric label beside its value."""
    human: Ratings = field(default_factory=Ratings)
    missing: dict[int, str] = field(default_factory=dict[int, str])
    """Why there is no score of the judge, by row in their order."""
    index: array[int] = field(default_factory=lambda: array("q"))
    clusters: Ints | None = None
    cluster_field: str | None = None
    detected: bool = False
    by: list[str | None] | None = None
    words: WordCounts = field(default_factory=WordCounts)
    details: dict[str, array[float]] = field(default_factory=dict[str, "array[float]"])
    """Figures about the score (`mass`, `consistent`, `first`, `second`), NaN where a row has none; see `DETAILS`."""
    repeats: int = 1
    keys: list[bytes] = field(default_factory=list[bytes])

    def __len__(self) -> int:
        return len(self.judge)

    def marks(self, where: NDArray[np.bool_]) -> Ints | None:
        """The clusters of some of the rows; None where every row stands alone."""
        return None if self.clusters is None else self.clusters[where]

    def detail(self, name: str) -> Floats:
        """A figure about the score for every row; NaN where there is none."""
        found = self.details.get(name)
        return np.full(len(self), np.nan) if found is None else np.array(found, dtype=np.float64)


def join(
    results: Results, people: People, *, cluster: str | None = None, by: str | None = None, keyed: str | None = None
) -> Joined:
    """Read the results once.

    Args:
        results: the judge's scores.
        people: people's.
        cluster: the field that marks rows that belong together; `none` for none; by default it is looked for.
        by: the field of subgroups.
        keyed: keep for each row what it is found again by in another run: the hash of this field, or of the whole item
            where it is "".

    Raises:
        DataError: a field is in no row, a cluster is missing in some, or the results cannot be read.
    """
    found = Joined(results, people)
    columns = ClusterColumns(None if cluster == ALONE else cluster, look=cluster is None)
    groups: list[str | None] = []
    known: dict[str, None] = {}
    for rows in results:
        found.judge.extend(rows.values)
        found.human.extend(people.of(rows), len(rows))
        found.label += rows.labels
        found.missing.update(rows.missing)
        found.index.extend(rows.index)
        for position, details in rows.details.items():
            _take_details(found, position, details)
        _count_words(found.words, rows)
        columns.extend(rows.items)
        if by is not None:
            groups += [
                None if value is ABSENT or value is None else intern(str(value)) for value in lookup_all(rows.items, by)
            ]
        if keyed is not None:
            found.keys += _keys(rows, keyed)
        known.update(rows.first_fields())
    for column in found.details.values():
        _fill(column, len(found))
    people.check(results.source, known)
    found.missing = _all_missing(found)
    if by is not None:
        found.by = _groups(groups, by, known, results.source)
    odd = [at for at, why in found.missing.items() if why in NO_RESULT]
    found.repeats = _most_repeats(np.delete(np.array(found.index), odd))
    _cluster(found, columns, cluster, known)
    return found


def _all_missing(found: Joined) -> dict[int, str]:
    """The reasons of all rows that have no score, also of those whose rows do not say why."""
    none = [at for at in np.flatnonzero(np.isnan(found.judge.numbers())).tolist() if at not in found.judge.texts]
    return {at: found.missing.get(at, "no score of the judge") for at in none}


def _take_details(found: Joined, row: int, details: Mapping[str, Any]) -> None:
    for name in DETAILS:
        value = details.get(name)
        if isinstance(value, float | int):
            column = found.details.setdefault(name, array("d"))
            _fill(column, row)
            column.append(value)


def _fill(column: array[float], rows: int) -> None:
    column.extend([math.nan] * (rows - len(column)))


def _count_words(words: WordCounts, rows: JudgedRows) -> None:
    first = rows.positions[0]
    while (row := words.wanted(first)) < rows.positions[0] + len(rows):
        at = row - rows.positions[0]
        item = rows.items[at]
        own = (text for name in ANSWER_FIELDS if isinstance(text := item.get(name), str))
        words.take(row, rows.answer(at) or next(own, None))
        first = row + 1


def _most_repeats(index: NDArray[Any]) -> int:
    if not index.size or np.all(index[1:] > index[:-1]):
        return 1
    return int(np.unique(index, return_counts=True)[1].max())


def _keys(rows: JudgedRows, name: str) -> list[bytes]:
    if not name:
        return [blake2b(orjson.dumps(item, option=orjson.OPT_SORT_KEYS), digest_size=12).digest()
                for item in rows.items]  # fmt: skip
    values = lookup_all(rows.items, name)
    if name == "row_index":
        values = [index if value is ABSENT else value for value, index in zip(values, rows.index, strict=True)]
    return [b"" if value is ABSENT or value is None else str(value).encode("utf-8", "surrogatepass")
            for value in values]  # fmt: skip


def _groups(groups: list[str | None], by: str, known: Mapping[str, None], source: str) -> list[str | None]:
    different = {name for name in groups if name is not None}
    if not different:
        raise no_field(by, known, source)
    if len(different) > MOST_GROUPS:
        raise DataError(
            f"{by!r} has {len(different):,} different values, which are no subgroups; give a field with at most "
            f"{MOST_GROUPS}"
        )
    return groups


def _cluster(found: Joined, columns: ClusterColumns, wanted: str | None, known: Mapping[str, None]) -> None:
    if wanted is not None and wanted != ALONE:
        column = columns.column(wanted)
        if (column < 0).all():
            raise no_field(wanted, known, found.results.source)
        # A row that has no score anyway needs no cluster.
        gap = next((int(at) for at in np.flatnonzero(column < 0) if int(at) not in found.missing), None)
        if gap is not None:
            raise DataError(
                f"row {found.index[gap]} has no {wanted!r}, which marks the rows that belong together: name a field "
                f"that every row has, or --cluster {ALONE}"
            )
        found.clusters, found.cluster_field = cluster_codes(column, len(column)), wanted
        return
    if wanted is None:
        name = columns.repeated()
        if name is not None:
            found.clusters = cluster_codes(columns.column(name), len(found))
            found.cluster_field, found.detected = name, True
            return
    if found.repeats > 1:
        # Judgments of one row are never independent of each other.
        found.clusters = cluster_codes(np.array(found.index, dtype=np.int64), len(found))
        found.cluster_field, found.detected = "row_index", True


@dataclass(frozen=True)
class Sides:
    """The two columns as numbers, where they are numbers; rows in the order of the results."""

    judge: Floats
    """NaN where there is none."""
    human: Floats
    """The mean of the people who rated the row, NaN where nobody did."""
    ratings: Floats
    """(rows, people)."""
    scale: Scale


def number_sides(found: Joined, scale: Scale | None, human_scale: HumanScale | None) -> Sides:
    """The columns as numbers on the judge's scale.

    Raises:
        DataError: a word among the numbers, or a score off its scale; the row and the mend are named.
    """
    values = dict(scale.labels) if scale else {}
    if not values:
        values = _labels_seen(found)
    folded = {label.strip().casefold(): value for label, value in values.items()}
    judge = _numbers(found.judge, folded, f"the judge's {found.results.score!r}", found, "judge")
    width = len(found.human.people)
    ratings = np.full((len(found), width), np.nan)
    names = found.people.fields
    for person, column in enumerate(found.human.people):
        name = names[person] if person < len(names) and len(names) == width else ", ".join(names)
        ratings[:, person] = _numbers(column, folded, f"people's {name!r}", found, "human")
    if scale is None:
        scale = _seen_scale(judge, ratings, values)
    if human_scale is not None:
        _within(ratings, human_scale.low, human_scale.high, found, "--human-scale")
        ratings = scale.low + (ratings - human_scale.low) * (scale.high - scale.low) / (
            human_scale.high - human_scale.low
        )
    elif scale.known:
        _within(ratings, scale.low, scale.high, found, None)
    if scale.known:
        off = np.flatnonzero((judge < scale.low - 1e-9) | (judge > scale.high + 1e-9))
        if off.size:
            raise DataError(
                f"the judge's {found.results.score!r} is {judge[off[0]]:g} at row {found.index[off[0]]}, off its scale "
                f"{scale.low:g} to {scale.high:g} (as {off.size:,} of its scores are): give the scale it has (--scale)"
            )
    rated = ~np.isnan(ratings)
    total = np.where(rated, ratings, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        mean = np.where(rated.any(axis=1), total / rated.sum(axis=1), np.nan)
    return Sides(judge, mean, ratings, scale)


def _labels_seen(found: Joined) -> dict[str, float]:
    """The labels that stand beside values in the results, with their values; for results without a judge's file."""
    out: dict[str, float] = {}
    if any(found.label):
        for label, value in zip(found.label, found.judge, strict=True):
            if label is not None and isinstance(value, float):
                out.setdefault(label, value)
    return out


def _numbers(column: Cells, labels: Mapping[str, float], what: str, found: Joined, side: str) -> Floats:
    out = column.numbers()
    for row, text in column.texts.items():
        number = labels.get(text.strip().casefold())
        if number is None:
            raise _word(text, row, what, labels, found, side)
        out[row] = number
    return out


def _word(value: str, row: int, what: str, labels: Mapping[str, float], found: Joined, side: str) -> DataError:
    where = f"{what} is {excerpt(value, 40)!r} at row {found.index[row]}"
    if labels:
        return DataError(f"{where}, which is none of the judge's labels {', '.join(labels)}, and no number")
    option = "--human" if side == "human" else "--judge"
    return DataError(f"{where}; a score must be a number (nothing there: null or empty). Is {option} the right field?")


def _within(ratings: Floats, low: float, high: float, found: Joined, option: str | None) -> None:
    off = np.argwhere((ratings < low - 1e-9) | (ratings > high + 1e-9))
    if not off.size:
        return
    row, person = (int(at) for at in off[0])
    names = found.people.fields
    name = names[person] if person < len(names) else names[-1]
    seen = ratings[~np.isnan(ratings)]
    scale = "the scale of --human-scale" if option else "the judge's scale"
    mend = (
        "give the scale that people used"
        if option
        else "if people used another scale, say so (--human-scale LOW-HIGH) and their scores are carried over; "
        "else correct the labels"
    )
    raise DataError(
        f"people's {name!r} is {ratings[row, person]:g} at row {found.index[row]}, off {scale} {low:g} to {high:g} "
        f"({len(off):,} of {seen.size:,} labels are; they reach from {seen.min():g} to {seen.max():g}); {mend}"
    )


def _seen_scale(judge: Floats, ratings: Floats, labels: dict[str, float]) -> Scale:
    seen = np.concatenate([judge[~np.isnan(judge)], ratings[~np.isnan(ratings)]])
    if not seen.size:
        return Scale(0.0, 1.0, False, labels, False)
    whole = bool((seen == np.round(seen)).all())
    return Scale(float(seen.min()), float(seen.max()), whole, labels, False)
