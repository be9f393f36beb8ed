"""Rows of results by columns, some dozens of rows at a time: the score, or why there is none, and the item judged.

A million rows pass through here. An object for each would take longer to make than its line takes to parse, so columns
are what is handed on; and what is asked of a few rows only (an answer, the judge's words) is looked for when it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from sys import intern
from typing import Any, cast

from referee.exchange import Response, read_reply
from referee.validation.fields import ABSENT, lookup_all

BATCH = 64
"""Rows at a time. So few hold less than 700 lists and dicts, from which number on Python would look for cycles."""
LOOKED_AT = 100
"""The fields of the first rows, about so many, are kept to name the nearest ones where a field is in no row."""
UNREADABLE, NOT_A_RESULT = "unreadable row", "no result of a run"
NO_RESULT = (UNREADABLE, NOT_A_RESULT)
"""Why a line of a results file is none; its place in the file says nothing of a row of the data set."""
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """Some rows of results, as columns of equal length."""

    positions: Sequence[int]
    """Their places among all rows that are read, from 0."""
    index: list[int]
    """The rows of the data set that they are about; equal in repeats of one row."""
    items: list[Mapping[str, Any]]
    """Their fields."""
    values: list[Any]
    """The scores as they stand: a number, a text, or None where there is none."""
    labels: list[str | None]
    """The rubric's label beside a value."""
    missing: dict[int, str]
    """Why there is no score, as a reason to count by (`unclear`, `failed (timeout)`), by position."""
    details: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    """Figures about a score (`mass`, `consistent`, `n`), by position."""
    records: Sequence[Mapping[str, Any]] = ()
    """Of results the rows as they were written; of plain rows nothing."""

    def __len__(self) -> int:
        return len(self.index)

    def answer(self, at: int) -> str | None:
        """The answer of the run's target to the `at`-th of these rows, in online runs."""
        sample = self.records[at].get("sample") if self.records else None
        return sample.get("output_text") if isinstance(sample, dict) else None

    def first_fields(self) -> dict[str, None]:
        """The names of the rows' fields where these are among the first, else none."""
        return dict.fromkeys(chain.from_iterable(self.items)) if self.positions[0] < LOOKED_AT else {}

    def words(self, at: int) -> str:
        """What the judge wrote about the `at`-th of these rows, where the results hold it."""
        calls = (self.records[at].get("requests") if self.records else None) or ()
        return next(filter(None, (reply_text(call.get("response")) for call in reversed(calls))), "")


def plain_rows(positions: Sequence[int], items: Sequence[Mapping[str, Any] | None], column: str) -> JudgedRows:
    """Rows of any file, None where one could not be read, of which one column is the judge's."""
    missing = {position: UNREADABLE for position, item in zip(positions, items, strict=True) if item is None}
    known = [item or NOTHING for item in items]
    values = [None if value is ABSENT else value for value in lookup_all(known, column)]
    return JudgedRows(positions, list(positions), known, values, [None] * len(known), missing)


def result_rows(
    positions: Sequence[int], rows: Sequence[Mapping[str, Any] | None], metric: str, score: str
) -> JudgedRows:
    """Rows that a run wrote, None where one could not be read, of which one score is meant."""
    records = [row or NOTHING for row in rows]
    items: list[Mapping[str, Any]] = []
    index: list[int] = []
    values: list[Any] = []
    labels: list[str | None] = [None] * len(rows)
    found = JudgedRows(positions, index, items, values, labels, {}, {}, records)
    about = f"{score}."
    for at, record in enumerate(records):
        value: Any = None
        item: Any = record
        number: Any = None
        metrics = record.get("metrics")
        if type(metrics) is dict:
            item, number = record.get("item"), record.get("row_index")
            entries = cast("dict[str, Any]", metrics).get(metric)
            for entry in entries_of(entries):
                name = entry["name"]
                if name == score:
                    value = entry["value"]
                elif name.startswith(about):
                    _take_detail(found, at, name[len(about) :], entry["value"])
            if value is None or value == "NaN":
                value = None
                found.missing[positions[at]] = _why_missing(record, metric, score)
        else:
            found.missing[positions[at]] = UNREADABLE if rows[at] is None else NOT_A_RESULT
            records[at] = NOTHING
        values.append(value)
        items.append(item or NOTHING)
        index.append(number if isinstance(number, int) else positions[at])
    return found


def _take_detail(found: JudgedRows, at: int, about: str, value: Any) -> None:
    if about == "label":
        found.labels[at] = value if value is None else intern(value)
    else:
        found.details.setdefault(found.positions[at], {})[about] = value


def entries_of(found: Any) -> Iterable[Mapping[str, Any]]:
    """The named values of a metric: a list, or (in another platform's results) an object that holds the list."""
    if type(found) is list:
        return cast("list[Mapping[str, Any]]", found)
    return cast("Mapping[str, Any]", found).get("scores") or () if isinstance(found, Mapping) else ()


def _why_missing(row: Mapping[str, Any], metric: str, score: str) -> str:
    why = ((row.get("unscored") or {}).get(metric) or {}).get(score)
    if why is not None:
        return intern(f"failed ({why['kind']})") if why["status"] == "failed" else "unclear"
    if row.get("error"):
        return UNREADABLE
    return "no usable score" if metric in row["metrics"] else "not judged"


def reply_text(raw: Any) -> str:
    """What a model wrote, from its raw reply; empty where that is none."""
    reply = read_reply(raw) if raw is not None else None
    return reply.text if isinstance(reply, Response) else ""
