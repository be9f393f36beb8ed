"""A judge's scores, row by row, wherever they lie: a run folder, its rows, a result in memory, or a column of a file.

Rows are read some dozens at a time, and a second time where a few of them are wanted again (the largest disagreements);
none is kept.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any, cast

import orjson

from referee.data import RowSource, open_rows
from referee.errors import DataError
from referee.evaluation.folder import AGGREGATE, JUDGE, ROWS
from referee.validation.agreement import Cost, Scale
from referee.validation.fields import ABSENT, lookup, no_field
from referee.validation.judge_file import JudgeFile, read_judge_file
from referee.validation.judged_rows import BATCH, JudgedRows, entries_of, plain_rows, result_rows

RESULT_FIELDS = ("row_index", "item", "metrics")


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

    def __iter__(self) -> Iterator[JudgedRows]:
        """All rows, some dozens at a time."""
        items = self._rows.items()
        begin = 0
        while batch := list(islice(items, BATCH)):
            yield self._judged(range(begin, begin + len(batch)), batch)
            begin += len(batch)

    def at(self, positions: Collection[int]) -> JudgedRows:
        """The rows at these positions, in ascending order; the others are not parsed, and those behind not read."""
        wanted = sorted(positions)
        rows = iter(self._rows)
        found: list[Mapping[str, Any] | None] = []
        for position, before in zip(wanted, [-1, *wanted], strict=False):
            found += (row.item for row in islice(rows, position - before - 1, position - before))
        return self._judged(wanted[: len(found)], found)

    def _judged(self, positions: Sequence[int], items: Sequence[Mapping[str, Any] | None]) -> JudgedRows:
        if self.metric is None:
            return plain_rows(positions, items, self.score)
        return result_rows(positions, items, self.metric, self.score)


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


def _choose(metrics: Mapping[str, Any], wanted: str | None, prefer: str, source: str) -> tuple[str, str]:
    known = [
        (metric, entry["name"])
        for metric, entries in metrics.items()
        for entry in entries_of(entries)
        # `<score>.label` and the like are about a score; of other metrics every number is one.
        if not isinstance(entry["value"], str) or entry["value"] == "NaN"
        if not any(entry["name"].startswith(f"{other['name']}.") for other in entries_of(entries))
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
