"""The judges that do not read: the least that a judge must beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Items = Sequence[Mapping[str, Any]]


def constant(items: Items) -> list[float]:
    """Always the same score: the middle of what the answers are worth."""
    known = sorted(item["helpfulness"] for item in items)
    return [float(known[len(known) // 2])] * len(items)


def length(items: Items) -> list[float]:
    """The number of words, the longest answer being a 4."""
    words = [len(item["response"].split()) for item in items]
    longest = max(1, *words)
    return [4.0 * count / longest for count in words]
