"""A judge's scores, row by row, wherever they lie: a run folder, its rows, a result in memory, or a column of a file.

Rows are read one at a time, and a second time where a few of them are wanted again (the largest disagreements); none
is kept.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from sys import intern
from typing import Any, Final, cast

import orjson

from referee.data import RowSource, open_rows
from referee.errors import DataError
from referee.evaluation.folder import AGGREGATE, JUDGE, ROWS
from referee.exchange import Response, read_reply
from referee.validation.agreement import Cost, Scale
from referee.validation.judge_file import JudgeFile, read_judge_file

ABSENT: Final[Any] = object()
"""What `lookup` gives where a row has no such field."""
LOOKED_AT = 100
"""Rows whose fields are kept, to name the nearest ones where a field is in no row."""
NO_RESULT = ("unreadable row", "no result of a run")
"""Why a line of a results file is none; its place in the file says nothing of a row of the data set."""
RESULT_FIELDS = ("row_index", "item", "metrics")


@dataclass(slots=True)
class JudgedRow:
    """One row of results. Not frozen, as that makes a row twice as dear, and there may be a million."""

    position: int
    """Its place among the rows that were read, from 0."""
    index: int
    """The row of the data set that it is about; equal in repeats of one row."""
    item: Mapping[str, Any]
    """The row's fields."""
    value: Any
    """The score as it stands: a number, a text, or None where there is none."""
    label: str | None = None
    missing: str | None = None
    """Why there is no score, as a reason to count by: `unclear`, `failed (timeout)`."""
    details: Mapping[str, Any] | None = None
    """Figures about the score: `mass`, `consistent`, `n`."""
    answer: str | None = None
    """The answer of the run's target, in online runs."""
    words: str = ""
    """What the judge wrote, where the results hold it."""


def lookup(item: Mapping[str, Any], name: str) -> Any:
    """A row's field, `ABSENT` where there is none; `item.a` means `a`, and `a.b` may be `b` inside of `a`."""
    if name in item:
        return item[name]
    name = name.removeprefix("item.")
    value: Any = item
    if name in item:
        return item[name]
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return ABSENT
        value = cast("Mapping[str, Any]", value)[part]
    return value


def no_field(name: str, known: Iterable[str], where: str) -> DataError:
    """The error for a field that no row has, with the nearest names."""
    names = list(dict.fromkeys(known))
    near = get_close_matches(name.removeprefix("item."), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"its rows have {', '.join(names) or 'none'}"
    return DataError(f"{where} has no field {name!r}; {hint}")


class Results:
    """The scores of one judge.

    Args:
        rows: the rows as they were written.
        source: where they are, for people.
        metric, score: of result rows, which score is meant; metric is None for plain rows, whose column `score` is.
        file: what the judge's file says, where there is one.
        cost: what the run took, where it says so.
        folder: the run folder, where there is one.
    """

    def __init__(
        self,
        rows: RowSource,
        source: str,
        metric: str | None,
        score: str,
        file: JudgeFile | None = None,
        cost: Cost | None = None,
        folder: Path | None = None,
    ) -> None:
        self._rows = rows
        self.source = source
        self.metric = metric
        self.score = score
        self.file = file
        self.cost = cost
        self.folder = folder

    @property
    def name(self) -> str:
        """What the judge is called."""
        return self.score if self.metric is None else self.metric

    @property
    def scale(self) -> Scale | None:
        """The scale that the judge's file gives the score."""
        return None if self.file is None else self.file.scale(self.metric, self.score)

    @property
    def hash(self) -> str | None:
        return None if self.file is None else self.file.hash

    def __iter__(self) -> Iterator[JudgedRow]:
        return self._read(None)

    def at(self, positions: Collection[int]) -> Iterator[JudgedRow]:
        """The rows at these positions only; the others are not parsed."""
        return self._read(frozenset(positions))

    def _read(self, wanted: frozenset[int] | None) -> Iterator[JudgedRow]:
        for position, row in enumerate(self._rows):
            if wanted is not None and position not in wanted:
                continue
            item = row.item
            if item is None:
                yield JudgedRow(position, row.index, {}, None, missing="unreadable row")
            elif self.metric is None:
                yield self._plain(position, row.index, item)
            else:
                yield self._result(position, row.index, item)

    def _plain(self, position: int, index: int, item: Mapping[str, Any]) -> JudgedRow:
        value = lookup(item, self.score)
        return JudgedRow(position, index, item, None if value is ABSENT else value)

    def _result(self, position: int, index: int, row: Mapping[str, Any]) -> JudgedRow:
        metric, score = cast("str", self.metric), self.score
        metrics = row.get("metrics")
        if type(metrics) is not dict:
            return JudgedRow(position, index, row, None, missing=NO_RESULT[1])
        value: Any = None
        label: Any = None
        details: dict[str, Any] | None = None
        for entry in _entries(cast("dict[str, Any]", metrics).get(metric)):
            name = entry["name"]
            if name == score:
                value = entry["value"]
            elif name.startswith(score) and name[len(score) : len(score) + 1] == ".":
                about = name[len(score) + 1 :]
                if about == "label":
                    label = entry["value"]
                else:
                    details = details or {}
                    details[about] = entry["value"]
        missing: str | None = None
        if value is None or value == "NaN" or value != value:
            value, missing = None, _why_missing(row, metric, score)
        at = row.get("row_index")
        sample = row.get("sample")
        requests = row.get("requests")
        return JudgedRow(
            position,
            at if isinstance(at, int) else index,
            row.get("item") or {},
            value,
            label,
            missing,
            details,
            sample.get("output_text") if sample else None,
            _words(requests) if requests else "",
        )


def open_results(source: Any, *, judge: str | None = None, score: str | None = None, prefer: str = "") -> Results:
    """The scores of one judge.

    Args:
        source: a run folder, a file of rows (results or plain), an `EvaluationResult`, a `RunReport`, or the rows
            themselves as mappings.
        judge: of plain rows, the column with the judge's scores.
        score: of results, which score: its name, or `<metric>.<score>`.
        prefer: of several scores, the name that is taken where `score` does not say.

    Raises:
        DataError: there are no such results, or which score is meant is not clear.
    """
    folder: Path | None = None
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        description = os.fspath(source)
        if path.is_dir():
            folder, path = path, path / ROWS
            if not path.exists():
                raise DataError(f"{folder} is no run folder: it has no {ROWS}; give what `referee evaluate -o` wrote")
        elif path.name == ROWS and (path.parent / JUDGE).exists():
            folder = path.parent
        rows = open_rows(path if path.exists() else description)
    else:
        report_folder = getattr(source, "output", None)
        if report_folder is not None and hasattr(source, "aggregate"):
            return open_results(report_folder, judge=judge, score=score, prefer=prefer)
        records, description = _records(source)
        rows = open_rows(records)
    first = _first(rows, description)
    if not all(name in first for name in RESULT_FIELDS) or not isinstance(first["metrics"], Mapping):
        return _of_columns(rows, description, first, judge or score)
    metric, name = _choose(first["metrics"], score or judge, prefer, description)
    file = read_judge_file(folder / JUDGE) if folder is not None else None
    return Results(rows, description, metric, name, file, _cost(folder), folder)


def _of_columns(rows: RowSource, source: str, first: Mapping[str, Any], judge: str | None) -> Results:
    if judge is None:
        raise DataError(
            f"{source} holds plain rows, no results of a run: name the column with the judge's scores (--judge "
            f"COLUMN); its rows have {', '.join(first)}"
        )
    if lookup(first, judge) is ABSENT and not any(
        lookup(row.item, judge) is not ABSENT for row in rows if row.item is not None
    ):
        raise no_field(judge, first, source)
    return Results(rows, source, None, judge)


def _first(rows: RowSource, source: str) -> Mapping[str, Any]:
    error: str | None = None
    for row in rows:
        if row.item is not None:
            return row.item
        error = error or row.error
    raise DataError(error or f"{source} holds no rows")


def _records(source: Any) -> tuple[Any, str]:
    """A result in memory, or rows, as rows that can be read again."""
    row_scores = getattr(source, "row_scores", None)
    if row_scores is not None:
        return [_dumped(row) for row in row_scores], "a result in memory"
    outcomes = getattr(source, "outcomes", None)
    if outcomes is not None:
        from referee.evaluation.results import RowScore

        return [_dumped(RowScore.of(outcome)) for outcome in outcomes], "a result in memory"
    rows: Any = list(cast("Iterator[Any]", source)) if isinstance(source, Iterator) else source
    return rows, f"{len(cast('Sequence[Any]', rows))} rows" if isinstance(rows, Sequence) else "the rows"


def _dumped(row: Any) -> Any:
    return row.model_dump(mode="json") if hasattr(row, "model_dump") else row


def _entries(found: Any) -> Iterable[Mapping[str, Any]]:
    """The named values of a metric: a list, or (in another platform's results) an object that holds the list."""
    if type(found) is list:
        return cast("list[Mapping[str, Any]]", found)
    return cast("Mapping[str, Any]", found).get("scores") or () if isinstance(found, Mapping) else ()


def _choose(metrics: Mapping[str, Any], wanted: str | None, prefer: str, source: str) -> tuple[str, str]:
    known = [
        (metric, entry["name"])
        for metric, entries in metrics.items()
        for entry in _entries(entries)
        # `<score>.label` and the like are about a score; of other metrics every number is one.
        if not isinstance(entry["value"], str) or entry["value"] == "NaN"
        if not any(entry["name"].startswith(f"{other['name']}.") for other in _entries(entries))
    ]
    names = [f"{metric}.{score}" for metric, score in known]
    if not known:
        raise DataError(f"{source} holds no score")
    if wanted is None:
        if len(known) == 1:
            return known[0]
        alike = [pair for pair in known if pair[1] == prefer]
        if len(alike) == 1:
            return alike[0]
        raise DataError(f"{source} has several scores: {', '.join(names)}; say which one is meant (--score NAME)")
    found = [pair for pair, name in zip(known, names, strict=True) if wanted in (name, pair[1])]
    if not found:
        found = [pair for pair in known if pair[0] == wanted]
    if len(found) > 1:
        raise DataError(f"{source} has several scores {wanted!r}: {', '.join(names)}; give one by its whole name")
    if not found:
        near = get_close_matches(wanted, [*names, *(score for _, score in known)], n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names)}"
        raise DataError(f"{source} has no score {wanted!r}; {hint}")
    return found[0]


def _why_missing(row: Mapping[str, Any], metric: str, score: str) -> str:
    why = ((row.get("unscored") or {}).get(metric) or {}).get(score)
    if why is not None:
        return intern(f"failed ({why['kind']})") if why["status"] == "failed" else "unclear"
    if row.get("error"):
        return "unreadable row"
    return "no usable score" if metric in row["metrics"] else "not judged"


def _words(requests: Any) -> str:
    """The text of the last answer among a row's recorded calls."""
    for call in reversed(requests or []):
        text = reply_text(call.get("response"))
        if text:
            return text
    return ""


def reply_text(raw: Any) -> str:
    """What a model wrote, from its raw reply; empty where that is none."""
    reply = read_reply(raw) if raw is not None else None
    return reply.text if isinstance(reply, Response) else ""


def _cost(folder: Path | None) -> Cost | None:
    """What the run took, from its aggregate; None where that is not there or a resumed run paid for a part only."""
    if folder is None or not (folder / AGGREGATE).exists():
        return None
    try:
        run: dict[str, Any] = orjson.loads((folder / AGGREGATE).read_bytes())["run"]
    except (orjson.JSONDecodeError, KeyError):
        return None
    if not run.get("calls") or run.get("rows_finished_before") or run.get("answers_from_journal"):
        return None
    return Cost(run["rows_judged"], run["calls"], run["input_tokens"], run["output_tokens"], run.get("cost_usd"))
