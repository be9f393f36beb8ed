"""The rows that several judges were run on, found in each run by a key or by their content, never by their order."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from referee.errors import DataError
from referee.statistics.columns import Floats, Ints
from referee.validation.joined import Joined
from referee.validation.validating import Table, categories_of, table_of


@dataclass
class Matched:
    """The rows that all judges were run on, in the order of the first one's results."""

    joined: list[Joined]
    names: list[str]
    at: list[NDArray[np.int64]]
    """For each judge, where in its results each common row is."""
    total: int
    missing: int
    """Rows that some judge was not run on."""
    tables: list[Table]
    judges: list[Floats]
    human: Floats
    kept: NDArray[np.bool_]
    clusters: Ints | None
    categories: Sequence[float] | None

    def chosen(self) -> list[NDArray[np.int64]]:
        """For each judge, where the rows are that all scored."""
        return [places[self.kept] for places in self.at]

    def left_out(self) -> dict[str, int]:
        """Why the other rows do not count; a row that several judges lack is counted by the first."""
        counts: Counter[str] = Counter()
        if self.missing:
            counts["not in every run"] = self.missing
        for row in np.flatnonzero(~self.kept):
            lacking = [
                (name, joined.missing.get(int(places[row])))
                for name, joined, places in zip(self.names, self.joined, self.at, strict=True)
            ]
            why = next((f"{why} by {name}" for name, why in lacking if why is not None), "no label")
            counts[why] += 1
        return dict(counts.most_common())

    def part(self, where: NDArray[np.bool_]) -> tuple[list[Floats], Floats, Ints | None]:
        """Judges, people and clusters of some of the rows that count."""
        rows = np.flatnonzero(self.kept)[where]
        clusters = None if self.clusters is None else self.clusters[rows]
        return [column[rows] for column in self.judges], self.human[rows], clusters


def match(columns: list[Joined], names: Sequence[str] | None, key: str | None) -> Matched:
    """Find each row of the first run in the others."""
    named = _names(columns, names)
    places: list[dict[tuple[bytes, int], int]] = []
    for name, joined in zip(named, columns, strict=True):
        seen: Counter[bytes] = Counter()
        own: dict[tuple[bytes, int], int] = {}
        for at, mark in enumerate(joined.keys):
            if key is not None and not mark:
                raise DataError(f"row {joined.index[at]} of {name} has no {key!r}, by which rows are matched")
            if key is not None and seen[mark] and joined.repeats == 1:
                first = joined.index[own[(mark, 0)]]
                raise DataError(
                    f"rows {first} and {joined.index[at]} of {name} have the same {key} "
                    f"{mark.decode(errors='replace')!r}; a key must name one row"
                )
            own[(mark, seen[mark])] = at
            seen[mark] += 1
        places.append(own)
    common = [mark for mark in places[0] if all(mark in other for other in places[1:])]
    if not common:
        by = f"by {key}" if key else "by their whole content"
        raise DataError(
            f"{named[0]} and {named[1]} have no row in common (matched {by}); comparing takes the same rows. If a "
            "field names them in both, give it: --key FIELD"
        )
    total = len({mark for own in places for mark in own})
    at = [np.array([own[mark] for mark in common], dtype=np.int64) for own in places]
    nothing = np.zeros(len(common), dtype=np.bool_)
    return Matched(columns, named, at, total, total - len(common), [], [], np.zeros(0), nothing, None, None)


def _names(columns: list[Joined], names: Sequence[str] | None) -> list[str]:
    if names is not None:
        if len(names) != len(columns) or len(set(names)) < len(names):
            raise DataError(f"names are {', '.join(names)}; give {len(columns)} different ones")
        return list(names)
    own = [joined.results.name for joined in columns]
    if len(set(own)) < len(own):
        own = [_place(joined) for joined in columns]
    if len(set(own)) < len(own):
        own = [f"{_place(joined)} {joined.results.score}" for joined in columns]
    if len(set(own)) < len(own):
        own = [f"{name} {at + 1}" for at, name in enumerate(own)]
    return own


def _place(joined: Joined) -> str:
    folder = joined.results.folder
    return os.path.basename(os.path.abspath(folder)) if folder is not None else Path(joined.results.source).stem


def settle(rows: Matched, wanted_scale: tuple[float, float] | None, human_scale: tuple[float, float] | None) -> None:
    """Bring all columns into the order of the common rows, as numbers."""
    known = _all_labels(rows.joined)
    rows.tables = [table_of(joined, wanted_scale, human_scale, known) for joined in rows.joined]
    if len({table.kind for table in rows.tables}) > 1:
        raise DataError("some of the judges give numbers and others labels; they cannot be compared")
    rows.judges = [table.sides.judge[at] for table, at in zip(rows.tables, rows.at, strict=True)]
    people = [table.sides.human[at] for table, at in zip(rows.tables, rows.at, strict=True)]
    rows.human = people[0]
    for name, other in zip(rows.names[1:], people[1:], strict=True):
        differ = np.flatnonzero(~np.isclose(rows.human, other, equal_nan=True))
        if differ.size and human_scale is None:
            at = int(differ[0])
            raise DataError(
                f"people's score of row {rows.joined[0].index[int(rows.at[0][at])]} is {rows.human[at]:g} in "
                f"{rows.names[0]} and {other[at]:g} in {name}: the runs hold different labels; give one file of them "
                "(--labels FILE --key FIELD)"
            )
    rows.kept = ~np.isnan(rows.human)
    for column in rows.judges:
        rows.kept &= ~np.isnan(column)
    clusters = rows.joined[0].clusters
    rows.clusters = None if clusters is None else clusters[rows.at[0]]
    columns = [column[rows.kept] for column in (*rows.judges, rows.human)]
    scale = rows.tables[0].sides.scale
    if rows.tables[0].kind == "numbers" and all(table.sides.scale == scale for table in rows.tables):
        rows.categories = categories_of(scale, *columns)


def _all_labels(joined: Sequence[Joined]) -> tuple[str, ...]:
    """Every text that a judge or people gave, so that a label has one number in all runs."""
    texts: dict[str, None] = {}
    for one in joined:
        for row in one.human:
            texts.update((value, None) for value in row if isinstance(value, str))
        texts.update((value, None) for value in one.judge if isinstance(value, str))
    return tuple(texts)
