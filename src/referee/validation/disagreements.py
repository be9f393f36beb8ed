"""The rows on which a judge and people are furthest apart, with what was asked, answered and said: to be read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from referee.evaluation.folder import JOURNAL
from referee.exchange import excerpt
from referee.statistics.columns import Floats
from referee.validation.agreement import Disagreement
from referee.validation.joined import ANSWER_FIELDS, Joined
from referee.validation.judged_rows import JudgedRows, reply_text
from referee.validation.results import Results

MOST = 12
LONGEST = 600
PROMPT_FIELDS = ("prompt", "question", "query", "instruction", "input", "problem", "messages")
_JOURNAL_ROW = re.compile(rb'"row":(\d+)')


def disagreements(
    results: Results, positions: Sequence[int] | Any, x: Floats, y: Floats, joined: Joined, *, names: Sequence[str] = ()
) -> tuple[Disagreement, ...]:
    """At most twelve rows, the largest difference first; of equal ones the earlier row. Labels without values (`names`,
    by their number) differ or do not."""
    gap = np.abs(x - y)
    if names:
        gap = (gap > 0).astype(np.float64)  # the numbers of labels are no distances
    order = np.argsort(-gap, kind="stable")[:MOST]
    chosen = [int(at) for at in order if gap[at] > 1e-9]
    if not chosen:
        return ()
    place = {int(positions[at]): at for at in chosen}
    rows = results.at(place)
    words = _journal_words(results, set(rows.index))
    found = {place[position]: _one(rows, row, place[position], x, y, joined, words, names)
             for row, position in enumerate(rows.positions)}  # fmt: skip
    return tuple(found[at] for at in chosen if at in found)


def _one(
    rows: JudgedRows,
    row: int,
    at: int,
    x: Floats,
    y: Floats,
    joined: Joined,
    words: Mapping[int, str],
    names: Sequence[str],
) -> Disagreement:
    item, value, label, index = rows.items[row], rows.values[row], rows.labels[row], rows.index[row]
    human = joined.human[rows.positions[row]]
    told = names[int(y[at])] if names else human[0] if len(human) == 1 else None
    swapped = joined.results.file.swapped(joined.results.metric) if joined.results.file else None
    return Disagreement(
        row=index,
        judge=label if label is not None else value if isinstance(value, str) else float(x[at]),
        human=told if isinstance(told, str) else float(y[at]),
        prompt=_text(next((item[name] for name in PROMPT_FIELDS if item.get(name)), "")),
        answer=_answer(item, rows.answer(row), swapped),
        words=excerpt(rows.words(row) or words.get(index, ""), LONGEST),
    )


def _answer(item: Mapping[str, Any], own: str | None, swapped: tuple[str, str] | None) -> str:
    if swapped is not None:
        return "\n\n".join(f"{name}: {_text(item.get(name, ''))}" for name in swapped)
    return _text(own or next((item[name] for name in ANSWER_FIELDS if item.get(name)), ""))


def _text(value: Any) -> str:
    if isinstance(value, list):
        value = "\n".join(str(part.get("content", part)) if isinstance(part, dict) else str(part) for part in value)
    return excerpt(value if isinstance(value, str) else orjson.dumps(value).decode(), LONGEST) if value else ""


def _journal_words(results: Results, rows: set[int]) -> dict[int, str]:
    """What the judge wrote about these rows, from the run's journal; of several calls the last."""
    path = None if results.folder is None else results.folder / JOURNAL
    if path is None or not path.exists():
        return {}
    out: dict[int, str] = {}
    with path.open("rb") as file:
        for line in file:
            found = _JOURNAL_ROW.search(line)
            if found is None or int(found[1]) not in rows:
                continue
            try:
                text = reply_text(orjson.loads(line).get("response"))
            except orjson.JSONDecodeError:
                continue  # a torn last line
            if text:
                out[int(found[1])] = text
    return out
