"""Columns of scores as they stand in the rows, numbers in eight bytes each: a million rows are not a million objects.

A score is a number or a label, or there is none. Labels among numbers are rare (then they are an error that names the
row) or the whole column, so they stand beside the numbers, by row.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from referee.statistics.columns import Floats
from referee.validation.fields import ABSENT

Cell = float | str | None
"""A score, a label, or nothing."""
_MISSING = frozenset({"", "nan", "null"})


def cell(value: Any) -> Cell:
    """A value of a row as a score (a number, also as text, a boolean as 1 or 0), a label, or None where it is empty."""
    if value is None or value is ABSENT:
        return None
    if isinstance(value, bool | int):
        return float(value)
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if not isinstance(value, str):
        return str(value)
    text = value.strip()
    if text.casefold() in _MISSING:
        return None
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        return text
    return number if math.isfinite(number) else text


class Cells:
    """One column: `column[row]` is a number, a label or None."""

    __slots__ = ("_numbers", "texts")

    def __init__(self) -> None:
        self._numbers = array("d")
        self.texts: dict[int, str] = {}
        """The labels, by row."""

    def extend(self, values: Sequence[Any]) -> None:
        """Add the values of some rows."""
        numbers = self._numbers
        try:
            numbers.fromlist(list(values))  # all numbers, as most are; else it takes none
        except TypeError:
            for value in values:
                found = cell(value)
                if isinstance(found, str):
                    self.texts[len(numbers)] = found
                numbers.append(found if isinstance(found, float) else math.nan)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, row: int) -> Cell:
        number = self._numbers[row]
        return number if number == number else self.texts.get(row)

    def __iter__(self) -> Iterator[Cell]:
        return (self[row] for row in range(len(self)))

    def numbers(self) -> Floats:
        """The numbers of all rows, NaN where there is a label or nothing."""
        return np.array(self._numbers, dtype=np.float64)


class Ratings:
    """What each person gave each row: `ratings[row]` has one cell a person."""

    __slots__ = ("_rows", "people")

    def __init__(self) -> None:
        self.people: list[Cells] = []
        """One column a person."""
        self._rows = 0

    def extend(self, people: Iterable[Sequence[Any]], rows: int) -> None:
        """Add some rows: for each person what they gave; there may be more or fewer people than before."""
        given = list(people)
        for _ in given[len(self.people) :]:
            column = Cells()
            column.extend([None] * self._rows)
            self.people.append(column)
        for column, values in zip_longest(self.people, given):
            column.extend([None] * rows if values is None else values)
        self._rows += rows

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, row: int) -> tuple[Cell, ...]:
        return tuple(column[row] for column in self.people)

    def __iter__(self) -> Iterator[tuple[Cell, ...]]:
        return (self[row] for row in range(self._rows))


class WordCounts:
    """The number of words of the answers: of all rows where they are few, of every 2ᵏ-th where they are many.

    What is asked of them is answered by some thousand rows, and counting the words of a million answers takes longer
    than reading their scores.
    """

    MOST = 20_000

    def __init__(self) -> None:
        self._stride = 1
        self.counts: dict[int, int | None] = {}
        """By row; None where there is no answer."""

    def wanted(self, row: int) -> int:
        """The first row from this one on that is counted."""
        return -(-row // self._stride) * self._stride

    def take(self, row: int, text: str | None) -> None:
        self.counts[row] = None if text is None else len(text.split())
        if len(self.counts) > self.MOST:
            self._stride *= 2
            self.counts = {row: count for row, count in self.counts.items() if row % self._stride == 0}
