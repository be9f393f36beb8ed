"""What was asked: results, people's scores and clusters, as the caller names them, opened."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from referee.errors import DataError
from referee.validation.people import People, open_people
from referee.validation.results import Results, open_results

_SCALE = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(?:-|–|to|:|,|\.\.)\s*(-?\d+(?:\.\d+)?)\s*")
Columns = Sequence[Any] | NDArray[Any]


@dataclass(frozen=True)
class Question:
    """The arguments that `validate`, `compare` and `estimate` share."""

    results: Any
    human: str | Columns
    judge: str | None = None
    score: str | None = None
    labels: Any = None
    key: str | None = None
    cluster: str | Columns | None = None
    name: str | None = None

    def open(self) -> tuple[Results, People, str | None]:
        """The results, people's scores, and the cluster field.

        Raises:
            DataError: they cannot be used as asked.
        """
        results, human, cluster, judge = self.results, self.human, self.cluster, self.judge
        if not isinstance(human, str) and len(human) and not _names(human):
            (results, human, cluster), judge = _columns(results, human, cluster), "judge"
        elif cluster is not None and not isinstance(cluster, str):
            raise DataError(
                "cluster is a column, and human the name of a field: give both as columns, or both as names"
            )
        fields = human_fields(human)
        opened = open_results(
            results, judge=judge, score=self.score, prefer=fields[0].rpartition(".")[2] if fields else ""
        )
        first = opened.at([0]).items
        people = open_people(fields, self.labels, self.key, first[0] if first else {})
        return opened, people, cluster


def human_fields(human: str | Columns) -> tuple[str, ...]:
    """The fields with people's scores; `a,b` are two."""
    names = [name.strip() for name in human.split(",")] if isinstance(human, str) else [str(name) for name in human]
    if not all(names) or (not names and isinstance(human, str)):
        raise DataError(f"human is {human!r}; name the field with people's scores, several by commas")
    if len(set(names)) < len(names):
        raise DataError(f"human names a field twice: {', '.join(names)}")
    return tuple(names)


def read_scale(scale: tuple[float, float] | str | None, name: str) -> tuple[float, float] | None:
    """A scale such as `0-4` as its two ends.

    Raises:
        DataError: it is not readable, or its lower end is not below the upper one.
    """
    if scale is None:
        return None
    if isinstance(scale, str):
        found = _SCALE.fullmatch(scale)
        if found is None:
            raise DataError(f"{name} {scale!r} is not readable: write the lowest and the highest score, such as 0-4")
        scale = (float(found[1]), float(found[2]))
    low, high = float(scale[0]), float(scale[1])
    if not low < high:
        raise DataError(f"{name} is {low:g} to {high:g}; the first must be below the second, such as 0-4")
    return low, high


def _names(human: Columns) -> bool:
    return isinstance(human, list | tuple) and bool(human) and all(isinstance(name, str) for name in human)


def _columns(results: Any, human: Columns, cluster: str | Columns | None) -> tuple[Any, str, str | None]:
    """Columns as rows."""
    judged, people = _values(results), _values(human)
    if len(judged) != len(people):
        raise DataError(f"the judge has {len(judged)} rows and human has {len(people)}; they must be the same rows")
    rows: list[dict[str, Any]] = [{"judge": a, "human": b} for a, b in zip(judged, people, strict=True)]
    if cluster is None or isinstance(cluster, str):
        return rows, "human", cluster
    marks = _values(cluster)
    if len(marks) != len(rows):
        raise DataError(f"cluster has {len(marks)} entries for {len(rows)} rows; give one for each row")
    for row, mark in zip(rows, marks, strict=True):
        row["cluster"] = mark
    return rows, "human", "cluster"


def _values(column: Any) -> list[Any]:
    return list(column.tolist() if hasattr(column, "tolist") else column)
