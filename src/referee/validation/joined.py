"""Judge and people side by side: one pass over the results into columns, with what was left out and why.

A million rows are some hundred megabytes here and never their items: what is kept of a row are its scores, the hash of
what it shares with others, and the number of words of its answer.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson

from referee.errors import DataError
from referee.exchange import excerpt
from referee.statistics.columns import Floats
from referee.validation.agreement import Scale
from referee.validation.people import Cell, HumanScale, People, cell
from referee.validation.results import ABSENT, LOOKED_AT, JudgedRow, Results, lookup, no_field

CLUSTER_FIELDS = (
    "conversation_id",
    "conversation",
    "document_id",
    "document",
    "article",
    "prompt_id",
    "prompt",
    "question",
    "query",
    "instruction",
    "problem",
    "messages",
)
"""Fields that are looked at, in this order, for values that repeat; nothing else is taken for a cluster unasked."""
ANSWER_FIELDS = ("response", "output", "answer", "completion", "generation")
ALONE = "none"
"""As a cluster field: every row stands alone."""
MOST_GROUPS = 50


@dataclass
class Joined:
    """The rows of the results with a score from the judge, from people, or from neither; arrays of equal length."""

    results: Results
    people: People
    judge: list[Cell]
    """As it stands: numbers, or texts where verdicts are labels."""
    label: list[str | None]
    """The judge's rubric label beside its value; empty lists where no row has one."""
    human: list[tuple[Cell, ...]]
    missing: list[str | None]
    index: array[int]
    clusters: list[int] | None = None
    cluster_field: str | None = None
    detected: bool = False
    by: list[str | None] | None = None
    words: list[int | None] = field(default_factory=list[int | None])
    masses: list[float] = field(default_factory=list[float])
    consistent: list[float | None] = field(default_factory=list[float | None])
    repeats: int = 1
    keys: list[bytes] = field(default_factory=list[bytes])

    def __len__(self) -> int:
        return len(self.judge)


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
    found = Joined(results, people, [], [], [], [], array("q"))
    fields = [cluster] if cluster not in (None, ALONE) else list(CLUSTER_FIELDS) if cluster is None else []
    columns = _ClusterColumns(fields)
    groups: list[str | None] = []
    known: dict[str, None] = {}
    seen: Counter[int] = Counter()
    for row in results:
        _take(found, row, people)
        columns.take(row)
        seen[row.index] += 1
        if by is not None:
            value = lookup(row.item, by)
            groups.append(None if value is ABSENT or value is None else str(value))
            if row.position < LOOKED_AT:
                known.update(dict.fromkeys(row.item))
        if keyed is not None:
            found.keys.append(_key(row, keyed))
    people.check(results.source)
    if by is not None:
        found.by = _groups(groups, by, known, results.source)
    found.repeats = max(seen.values(), default=1)
    _cluster(found, columns, cluster)
    return found


def _take(found: Joined, row: JudgedRow, people: People) -> None:
    value = cell(row.value)
    found.judge.append(value)
    found.label.append(row.label)
    found.human.append(tuple(cell(one) for one in people.of(row)))
    found.missing.append(row.missing or ("no score of the judge" if value is None else None))
    found.index.append(row.index)
    found.words.append(_word_count(row))
    agreed = None
    if row.details:
        mass, agreed = row.details.get("mass"), row.details.get("consistent")
        if isinstance(mass, float | int):
            found.masses.append(float(mass))
    found.consistent.append(float(agreed) if isinstance(agreed, float | int) else None)


def _word_count(row: JudgedRow) -> int | None:
    if row.answer:
        return len(row.answer.split())
    for name in ANSWER_FIELDS:
        text = row.item.get(name)
        if isinstance(text, str):
            return len(text.split())
    return None


class _ClusterColumns:
    """The hashes of the fields that may mark clusters; a field that the first row lacks is not looked at."""

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = tuple(fields)
        self._begun = False
        self.columns: dict[str, array[int]] = {}
        self.known: dict[str, None] = {}

    def take(self, row: JudgedRow) -> None:
        if not self._begun:
            self._begun = True
            self.columns = {
                name: array("q")
                for name in self._fields
                if len(self._fields) == 1 or lookup(row.item, name) not in (ABSENT, None, "", [])
            }
        if row.position < LOOKED_AT:
            self.known.update(dict.fromkeys(row.item))
        for name, column in self.columns.items():
            value = lookup(row.item, name)
            if value is ABSENT or value is None:
                column.append(-1 - len(column))  # stands alone
            else:
                column.append(_hash(value))


def _hash(value: Any) -> int:
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else orjson.dumps(value)
    # Positive, so that it is never the number of a row that stands alone.
    return int.from_bytes(blake2b(data, digest_size=8).digest()) >> 1


def _key(row: JudgedRow, name: str) -> bytes:
    if not name:
        return blake2b(orjson.dumps(row.item, option=orjson.OPT_SORT_KEYS), digest_size=12).digest()
    value = lookup(row.item, name)
    if value is ABSENT and name == "row_index":
        value = row.index
    return b"" if value is ABSENT or value is None else str(value).encode("utf-8", "surrogatepass")


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


def _cluster(found: Joined, columns: _ClusterColumns, wanted: str | None) -> None:
    if wanted is not None and wanted != ALONE:
        column = columns.columns[wanted]
        if all(mark < 0 for mark in column):
            raise no_field(wanted, columns.known, found.results.source)
        # A row that has no score anyway needs no cluster.
        gap = next((at for at, mark in enumerate(column) if mark < 0 and found.missing[at] is None), None)
        if gap is not None:
            raise DataError(
                f"row {found.index[gap]} has no {wanted!r}, which marks the rows that belong together: name a field "
                f"that every row has, or --cluster {ALONE}"
            )
        found.clusters, found.cluster_field = list(column), wanted
        return
    if wanted is None:
        for name, column in columns.columns.items():
            count = len(set(column))
            if 1 < count < len(column):
                found.clusters, found.cluster_field, found.detected = list(column), name, True
                return
    if found.repeats > 1:
        # Judgments of one row are never independent of each other.
        found.clusters, found.cluster_field, found.detected = list(found.index), "row_index", True


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
    width = max((len(row) for row in found.human), default=0)
    ratings = np.full((len(found), width), np.nan)
    names = found.people.fields
    for person in range(width):
        column = [row[person] if person < len(row) else None for row in found.human]
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
    for label, value in zip(found.label, found.judge, strict=True):
        if label is not None and isinstance(value, float):
            out.setdefault(label, value)
    return out


def _numbers(column: Sequence[Cell], labels: Mapping[str, float], what: str, found: Joined, side: str) -> Floats:
    out = np.full(len(column), np.nan)
    for row, value in enumerate(column):
        if isinstance(value, float | int):
            out[row] = value
        elif value is not None:
            number = labels.get(value.strip().casefold())
            if number is None:
                raise _word(value, row, what, labels, found, side)
            out[row] = number
    return out


def _word(value: str, row: int, what: str, labels: Mapping[str, float], found: Joined, side: str) -> DataError:
    where = f"{what} is {excerpt(value, 40)} at row {found.index[row]}"
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
