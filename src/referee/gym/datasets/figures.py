"""What a dataset is like, in the words of NeMo Gym's metrics files; taken in row by row, and compared with a file."""

from __future__ import annotations

import json
import math
from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from referee.gym.rollouts.keys import PARAMETERS, Json

_NOT_FIELDS = (PARAMETERS, "response")
_CLOSE = 5e-3
_CLOSE_BELOW_ONE = 5e-4


@dataclass
class Numbers:
    """Count, mean, spread and range of numbers, by Welford's method (1962)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def add(self, number: float) -> None:
        """Take in a number."""
        self.merge(Numbers(1, number, 0.0, number, number))

    def merge(self, other: Numbers) -> None:
        """Take in what another has (Chan and others, 1979)."""
        if not other.count:
            return
        whole = self.count + other.count
        apart = other.mean - self.mean
        self.squares += other.squares + apart * apart * self.count * other.count / whole
        self.mean += apart * other.count / whole
        self.count = whole
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    def to_dict(self) -> Json:
        """The figures, rounded as people read them."""
        spread = math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else 0.0
        low, high = (self.low, self.high) if self.count else (0.0, 0.0)
        figures = {"Average": self.mean, "Min": low, "Max": high, "Standard deviation": spread}
        rounded = {name: round(float(value), 2 if abs(value) >= 1 else 3) for name, value in figures.items()}
        return {"Total # non-null values": self.count, **rounded}


@dataclass
class Strings:
    """How many texts, and how many different ones: eight bytes a text."""

    hashes: array[int] = field(default_factory=lambda: array("q"))

    def to_dict(self) -> Json:
        """The counts."""
        return {"unique_count": sum(1 for _ in groupby(sorted(self.hashes))), "total_count": len(self.hashes)}


@dataclass
class Figures:
    """The figures of many rows.

    Args:
        rows: how many.
        tools, words, turns, temperature: of each row's `responses_create_params`.
        numbers: of each other field that has numbers; booleans are 0 and 1, a list's members count each.
        strings: the same for texts.
    """

    rows: int = 0
    tools: Numbers = field(default_factory=Numbers)
    words: Numbers = field(default_factory=Numbers)
    turns: Numbers = field(default_factory=Numbers)
    temperature: Numbers = field(default_factory=Numbers)
    numbers: dict[str, Numbers] = field(default_factory=lambda: defaultdict(Numbers))
    strings: dict[str, Strings] = field(default_factory=lambda: defaultdict(Strings))

    def add(self, row: Json) -> None:
        """Take in a row that is sound."""
        self.rows += 1
        parameters = row[PARAMETERS]
        if parameters.get("tools") is not None:
            self.tools.add(len(parameters["tools"]))
        self.words.add(len(json.dumps(parameters).split()))
        if turns := _turns(parameters.get("input")):
            self.turns.add(turns)
        if parameters.get("temperature") is not None:
            self.temperature.add(parameters["temperature"])
        for name, value in _values(row):
            if isinstance(value, int | float):
                self.numbers[name].add(value)
            elif isinstance(value, str):
                self.strings[name].hashes.append(hash(value))

    def merge(self, other: Figures) -> None:
        """Take in the figures of other rows."""
        self.rows += other.rows
        for name in ("tools", "words", "turns", "temperature"):
            getattr(self, name).merge(getattr(other, name))
        for name, numbers in other.numbers.items():
            self.numbers[name].merge(numbers)
        for name, strings in other.strings.items():
            self.strings[name].hashes.extend(strings.hashes)

    def to_dict(self) -> Json:
        """As NeMo Gym's files have them."""
        fields: dict[str, Json] = {name: numbers.to_dict() for name, numbers in self.numbers.items()}
        for name, strings in self.strings.items():
            fields[name] = fields.get(name, {}) | strings.to_dict()
        return {
            "Number of examples": self.rows,
            "Number of tools": self.tools.to_dict(),
            "Json-dumped number of words (proxy for token count)": self.words.to_dict(),
            "Number of turns": self.turns.to_dict(),
            "Temperature": self.temperature.to_dict(),
            **fields,
        }


def differences(before: Any, now: Any, at: str = "") -> Iterator[str]:
    """Where figures differ by more than rounding from those of a file; what is new is no difference."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key, value in before.items():
            place = f"{at}.{key}" if at else str(key)
            if key in now:
                yield from differences(value, now[key], place)
            else:
                yield f"{place} is no longer there"
    elif not (before == now or _close(before, now)):
        yield f"{at} was {before!r} and is {now!r}"


def _close(before: Any, now: Any) -> bool:
    if not (isinstance(before, float) and isinstance(now, float)):
        return False
    return abs(before - now) <= (_CLOSE if max(abs(before), abs(now)) >= 1 else _CLOSE_BELOW_ONE)


def _turns(given: Any) -> int:
    if isinstance(given, str):
        return 1
    return sum(isinstance(item, dict) and item.get("role") == "user" for item in given or ())


def _values(row: Json) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if name not in _NOT_FIELDS:
            for one in value if isinstance(value, list) else (value,):
                yield name, one
