"""Which rows belong together: a named field, or one that is found because its values repeat, and then said.

Answers to one prompt, turns of one conversation, claims of one document are not independent; taken for independent they
make every interval too narrow. So fields that mark such things are looked at, and nothing else is taken unasked: rows
that share a model, a rater or a category are not what a new sample would draw again.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from referee.statistics.columns import Ints
from referee.validation.fields import ABSENT, lookup_all

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

    def extend(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Add some rows."""
        if not self._begun:
            self._begun = True
            names = [self._wanted] if self._wanted is not None else _candidates(items[0]) if self._look else []
            self._columns = {name: array("q") for name in names}
        for name, column in self._columns.items():
            values = lookup_all(items, name)
            # Python's own hash of a text takes a tenth of a digest's time. It differs from run to run, which is never
            # seen: clusters are numbered by the order in which they appear.
            column.extend(map(hash if {*map(type, values)} == {str} else _mark, values))

    def column(self, name: str) -> Ints:
        """The marks of a field: equal where its values are, below 0 and different where a row has none."""
        hashes = np.array(self._columns.get(name, ()), dtype=np.int64)
        none = np.flatnonzero(hashes == 0)
        marks = hashes & _POSITIVE
        marks[none] = -1 - none
        return marks

    def repeated(self) -> str | None:
        """The first of the fields looked at whose values repeat; None where there is none."""
        for name in self._columns:
            column = self.column(name)
            column.sort()  # ten times as fast as np.unique, which looks whole numbers up in a table of hashes
            count = 1 + np.count_nonzero(np.diff(column))
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
    """The hash of a value; that of an empty text, 0, where there is nothing."""
    if value is ABSENT or value in _NOTHING:
        return 0
    return hash(value if isinstance(value, str) else orjson.dumps(value))
