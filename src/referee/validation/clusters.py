"""Which rows belong together: a named field, or one that is found because its values repeat, and then said.

Answers to one prompt, turns of one conversation, claims of one document are not independent; taken for independent they
make every interval too narrow. So fields that mark such things are looked at, and nothing else is taken unasked: rows
that share a model, a rater or a category are not what a new sample would draw again.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from referee.statistics.columns import Ints
from referee.validation.results import ABSENT, LOOKED_AT, JudgedRow, lookup

ALONE = "none"
"""As a cluster field: every row stands alone."""
KINDS = (
    ("conversation", "conv", "dialogue", "dialog", "chat", "thread", "session"),
    ("document", "doc", "article", "passage", "context", "story", "page", "paper"),
    ("prompt", "question", "query", "instruction", "problem", "topic"),
    ("item", "instance", "example", "sample", "task", "source"),
)
"""What rows may share, the wider first, as a document may have several questions."""
TEXTS = frozenset({"conversation", "document", "article", "prompt", "question", "query", "instruction", "problem"})
"""Of these a field of that very name is looked at; of the others one that numbers them (`doc_id`, `taskId`)."""
MOST_ROWS = 100
"""Rows of one group, on average, above which a number is taken for a category (`task_id` of five tasks) and left."""
_POSITIVE = 0x7FFF_FFFF_FFFF_FFFF
_NOTHING = (None, "", [], {})
_NUMBERED = re.compile(r"(.+?)_?(?:id|ids|idx|index|key|hash|uid|uuid|no|nr|number)")


class ClusterColumns:
    """The hashes of the fields that may mark clusters; a field that the first row lacks is not looked at.

    Args:
        wanted: the field to use; None where it is looked for, or where none is wanted.
        look: whether to look for one.
    """

    def __init__(self, wanted: str | None, *, look: bool) -> None:
        self._wanted = wanted
        self._look = look
        self._begun = False
        self._columns: dict[str, array[int]] = {}
        self.known: dict[str, None] = {}
        """Names of the first rows' fields."""

    def take(self, row: JudgedRow) -> None:
        """Add a row."""
        item = row.item
        if not self._begun:
            self._begun = True
            names = [self._wanted] if self._wanted is not None else _candidates(item) if self._look else []
            self._columns = {name: array("q") for name in names}
        if row.position < LOOKED_AT:
            self.known.update(dict.fromkeys(item))
        for name, column in self._columns.items():
            value = item[name] if name in item else lookup(item, name)
            if type(value) is str and value:
                column.append(hash(value) & _POSITIVE)
            else:
                column.append(-1 - len(column) if value is ABSENT or value in _NOTHING else _mark(value))

    def column(self, name: str) -> Ints:
        """The marks of a field: equal where its values are, below 0 and different where a row has none."""
        return np.array(self._columns.get(name, ()), dtype=np.int64)

    def repeated(self) -> str | None:
        """The first of the fields looked at whose values repeat; None where there is none."""
        for name in self._columns:
            column = self.column(name)
            count = len(np.unique(column))
            guessed = name.casefold() not in TEXTS and name != "messages"
            if 1 < count < len(column) and not (guessed and len(column) > MOST_ROWS * count):
                return name
        return None


def _candidates(item: Mapping[str, Any]) -> list[str]:
    """The fields that may mark clusters, by what they mark; of those that mark the same a number before a text."""
    ranked: list[tuple[int, int, bool, str]] = []
    for name, value in item.items():
        if value in _NOTHING or isinstance(value, float | bool):
            continue
        if name in ("messages", "id"):
            ranked.append((len(KINDS), name == "id", False, name))
            continue
        plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).casefold().replace("-", "_").replace(" ", "_")
        numbers = _NUMBERED.fullmatch(plain)
        what = plain if numbers is None else numbers[1]
        kind = next((rank for rank, words in enumerate(KINDS) if what in words), None)
        if kind is not None and (numbers is not None or what in TEXTS):
            ranked.append((kind, KINDS[kind].index(what), numbers is None, name))
    return [name for *_, name in sorted(ranked)]


def _mark(value: Any) -> int:
    # Python's own hash of a text takes a tenth of a digest's time. It differs from run to run, which is never seen:
    # clusters are numbered by the order in which they appear.
    return hash(value if isinstance(value, str) else orjson.dumps(value)) & _POSITIVE
