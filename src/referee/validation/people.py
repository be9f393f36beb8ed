"""People's scores of the rows: fields of the rows themselves, or another file that is joined by a key.

Rows are never joined by their order: two files that are out of step look like a useless judge.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, cast

from referee.data import open_rows
from referee.errors import DataError
from referee.validation.cells import cell
from referee.validation.fields import ABSENT, lookup, lookup_all, no_field
from referee.validation.judged_rows import JudgedRows


def key_text(value: Any) -> str | None:
    """A key as text, so that 17 in one file is "17" in another; None where there is none."""
    if value is None or value is ABSENT or isinstance(value, list | dict):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _by_person(values: Iterable[Any]) -> list[Any]:
    """What a row's fields hold, one value a person: a field may hold several people's, as a list."""
    out: list[Any] = []
    for value in values:
        if type(value) is list:
            out += cast("list[Any]", value)
        else:
            out.append(value)
    return out


class OwnFields:
    """People's scores in fields of the judged rows."""

    key: str | None = None

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields = tuple(fields)
        self.source = "the same rows"
        self._seen = dict.fromkeys(self.fields, False)

    def of(self, rows: JudgedRows) -> Iterable[Sequence[Any]]:
        """For each person the raw values that they gave these rows."""
        columns = [lookup_all(rows.items, name) for name in self.fields]
        for name, column in zip(self.fields, columns, strict=True):
            self._seen[name] = self._seen[name] or any(value is not ABSENT for value in column)
        if any(list in map(type, column) for column in columns):
            return zip_longest(*map(_by_person, zip(*columns, strict=True)))
        return columns

    def check(self, source: str, known: Iterable[str]) -> None:
        """Once all rows are read, of which the first have the fields `known`: every field was in some row."""
        for name, seen in self._seen.items():
            if not seen:
                raise no_field(name, known, source)

    def remarks(self) -> list[str]:
        return []


class LabelFile:
    """People's scores in a file of their own."""

    def __init__(self, path: Any, key: str, fields: Sequence[str]) -> None:
        """Read the file.

        Raises:
            DataError: it has no such fields, a row has no key, or two rows of one key differ.
        """
        self.key: str | None = key
        self.fields = tuple(fields)
        self.source = os.fspath(path) if isinstance(path, str | os.PathLike) else "the labels given"
        self._labels: dict[str, tuple[int, list[Any]]] = {}
        self._used: set[str] = set()
        self._rows: dict[str, int] = {}
        self._repeated = 0
        known: dict[str, None] = {}
        seen: set[str] = set()
        count = 0
        for row in open_rows(path):
            count += 1
            if row.item is None:
                raise DataError(f"{self.source}: {row.error}")
            if len(known) < 100:
                known.update(dict.fromkeys(row.item))
            values = [lookup(row.item, name) for name in self.fields]
            seen.update(name for name, value in zip(self.fields, values, strict=True) if value is not ABSENT)
            found = lookup(row.item, key)
            if found is not ABSENT:
                seen.add(key)
            name = key_text(found)
            if name is not None:
                self._add(name, row.index, values)
        if not count:
            raise DataError(f"{self.source} holds no rows")
        for name in (key, *self.fields):
            if name not in seen:
                raise no_field(name, known, self.source)

    def _add(self, name: str, at: int, values: list[Any]) -> None:
        flat = _by_person(values)
        there = self._labels.get(name)
        if there is None:
            self._labels[name] = (at, flat)
        elif list(map(cell, there[1])) == list(map(cell, flat)):
            self._repeated += 1
        else:
            raise DataError(
                f"{self.source}: rows {there[0]} and {at} have the same {self.key} {name!r} and different labels; "
                "correct one, or where several people rated give each a column of its own (--human a,b)"
            )

    def of(self, rows: JudgedRows) -> Iterable[Sequence[Any]]:
        """For each person the raw values that they gave these rows; none where the file does not have one."""
        assert self.key is not None
        return zip_longest(*map(self._label, lookup_all(rows.items, self.key), rows.index))

    def _label(self, found: Any, index: int) -> list[Any]:
        name = str(index) if found is ABSENT and self.key == "row_index" else key_text(found)
        if name is None:
            return [None] * len(self.fields)
        first = self._rows.setdefault(name, index)
        if first != index:
            raise DataError(
                f"the results' rows {first} and {index} have the same {self.key} {name!r}; a key must name one "
                "row: give a field that does (--key FIELD)"
            )
        label = self._labels.get(name)
        if label is None:
            return [None] * len(self.fields)
        self._used.add(name)
        return label[1]

    def check(self, source: str, known: Iterable[str]) -> None:
        """Once all rows are read, of which the first have the fields `known`: some label found its row."""
        assert self.key is not None
        if not self._rows:
            raise no_field(self.key, [*known, "row_index"], source)
        if not self._used:
            some = next(iter(self._labels), "none")
            others = next(iter(self._rows), "none")
            raise DataError(
                f"no label of {self.source} is of a row in {source}: by {self.key} the labels are of rows such as "
                f"{some!r}, the results of rows such as {others!r}; is it the right file, and the right --key?"
            )

    def remarks(self) -> list[str]:
        """What a reader should know of the join."""
        out: list[str] = []
        unused = len(self._labels) - len(self._used)
        if unused:
            out.append(f"{unused:,} of {len(self._labels):,} labels in {self.source} are of rows that are not here.")
        if self._repeated:
            are = "label is" if self._repeated == 1 else "labels are"
            out.append(f"{self._repeated:,} {are} twice in {self.source}, with equal values.")
        return out


People = OwnFields | LabelFile


@dataclass(frozen=True, slots=True)
class HumanScale:
    """The scale that people used, where it is not the judge's; scores are carried over linearly."""

    low: float
    high: float

    def onto(self, value: float, low: float, high: float) -> float:
        return low + (value - self.low) * (high - low) / (self.high - self.low)


def open_people(human: Sequence[str], labels: Any, key: str | None, first: Mapping[str, Any]) -> People:
    """Where people's scores are.

    Args:
        human: the fields with them.
        labels: a file (or rows) of labels; None where the judged rows have the fields.
        key: the field by which labels find their rows.
        first: a judged row's fields, to name what could be a key.

    Raises:
        DataError: labels without a key, or the file cannot be used.
    """
    if labels is None:
        if key is not None:
            raise DataError(f"--key {key} joins a file of labels, and none is given: add --labels FILE")
        return OwnFields(human)
    if key is None:
        common: list[str] = []
        for row in open_rows(labels, limit=1):
            common = [name for name in (row.item or {}) if name in first and name not in human]
        hint = f"both have {', '.join(common)}" if common else "they have no field in common but row_index may be one"
        raise DataError(
            f"labels are joined by a field that names a row, never by their order: give it by --key FIELD ({hint})"
        )
    return LabelFile(labels, key, human)
