"""The judges that do not read: the least that a judge must beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from referee.validation.judged import Judged

KNOWN = "known"
Items = Sequence[Mapping[str, Any]]


def constant(items: Items) -> Judged:
    """Always the same score: the middle of what was rated."""
    people = sorted(item["helpfulness"] for item in items)
    return _judged("constant", items, [float(people[len(people) // 2])] * len(items))


def length(items: Items) -> Judged:
    """The number of words, the longest answer being a 4."""
    words = [len(item["response"].split()) for item in items]
    longest = max(1, *words)
    return _judged("answer length", items, [4.0 * count / longest for count in words])


def _judged(name: str, items: Items, scores: list[float]) -> Judged:
    return Judged(
        name, scores, [item["helpfulness"] for item in items], [item["prompt"] for item in items], None, KNOWN
    )
