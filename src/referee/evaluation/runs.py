"""A run from end to end: open the rows and the folder, judge, write results, and say how it went."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from referee.data import RowSource, open_rows
from referee.data.source import Source
from referee.errors import DefinitionError
from referee.evaluation.aggregate import Aggregator
from referee.evaluation.engine import AnyMetric, Known, Lookup, RunOptions, run
from referee.evaluation.figures import AggregatedMetricResult
from referee.evaluation.folder import ROWS, OutputFolder
from referee.evaluation.outcome import RowOutcome
from referee.evaluation.progress import Progress
from referee.evaluation.record import record, to_line
from referee.evaluation.rows_file import KnownLine, RowsFile
from referee.evaluation.target import Target
from referee.inference import Budget, Caller, CallOptions, Meter, Transport
from referee.inference.connections import Connections
from referee.inference.endpoint import Secrets
from referee.judge import Judge, Model

Watch = Callable[[Progress], None]


@dataclass(frozen=True)
class Run:
    """What to run, and how.

    Args:
        metrics: judges and other metrics, names unique.
        rows: where the rows are, or the rows, or an opened source of them (then `limit` and `format` are its own).
        output: the folder for results; without one nothing is kept and nothing can be resumed.
        target: in online runs, the model whose answers are judged.
        limit: at most so many rows.
        format: of the rows, where their name does not say it.
        options: how the run goes over its rows.
        calls: how calls are made; `replay="reread"` reads recorded answers again and calls nobody.
        budget: the most this run may use.
        secrets: finds keys by name; the environment by default.
        transports: by url scheme, to be used instead of the built-in ones.
        connections: those of other runs, to be used instead of `secrets` and `transports`.
        keep: is given each outcome, in row order (a run in memory keeps them so).
        watch: is given the run's counters when it begins, and again as rows end.
        requests: whether the folder's rows hold each model call with its answer, which the journal has anyway.
    """

    metrics: Sequence[AnyMetric]
    rows: Source | RowSource
    output: str | os.PathLike[str] | None = None
    target: Target | None = None
    limit: int | None = None
    format: str | None = None
    options: RunOptions = RunOptions()
    calls: CallOptions = CallOptions()
    budget: Budget | None = None
    secrets: Secrets | None = None
    transports: dict[str, Transport] | None = None
    connections: Connections | None = None
    keep: Callable[[RowOutcome], None] | None = None
    watch: Watch | None = None
    requests: bool = False


@dataclass(frozen=True)
class RunReport:
    """How a run went.

    Args:
        aggregate: the figures of each score.
        counted: what they were made of, to be put together with that of other runs.
        progress: rows, unclear and failed ones, calls, tokens, cost.
        hash: the content hash of what was run.
        structures: by model and endpoint, the kind of structured output it took, where that was not a JSON schema.
        output: the folder, if any.
        outcomes: each row with its verdicts, in row order, where `evaluate` was given no folder.
    """

    aggregate: AggregatedMetricResult
    counted: Aggregator
    progress: Progress
    hash: str
    structures: dict[str, str] = field(default_factory=dict[str, str])
    output: Path | None = None
    outcomes: Sequence[RowOutcome] = ()


async def execute(job: Run) -> RunReport:
    """Carry out a run.

    Raises:
        RefereeError: the run cannot begin (a definition, rows, key or folder that cannot be used), or was stopped;
            results until then are in the folder.
    """
    _check(job)
    with _open(job) as rows:
        if job.output is None:
            with tempfile.TemporaryDirectory(prefix="referee-") as scratch:
                return await _execute(job, rows, OutputFolder(scratch, job.metrics, job.target), kept=False)
        reread = job.calls.replay == "reread"
        return await _execute(job, rows, OutputFolder(job.output, job.metrics, job.target, reread=reread), kept=True)


def _open(job: Run) -> RowSource:
    if isinstance(job.rows, RowSource):
        return job.rows
    return open_rows(job.rows, limit=job.limit, format=job.format)


def execute_sync(job: Run) -> RunReport:
    """The same from code that does not await, on uvloop where it is installed; in a notebook on a thread of its own.

    Raises:
        RefereeError: as `execute`.
    """
    if _in_a_loop():
        with ThreadPoolExecutor(1, "referee-run") as thread:
            return thread.submit(_run_loop, job).result()
    return _run_loop(job)


def _run_loop(job: Run) -> RunReport:
    try:
        import uvloop

        factory = uvloop.new_event_loop
    except ImportError:
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(execute(job))


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _execute(job: Run, rows: RowSource, folder: OutputFolder, *, kept: bool) -> RunReport:
    meter = Meter(job.budget)
    progress = Progress(meter, total=_total(rows, job.options.repeats))
    if job.watch is not None:
        job.watch(progress)
    results = _Results(job, folder if kept else None)
    complete = False
    try:
        async with Caller(
            job.calls,
            journal=folder.journal,
            meter=meter,
            secrets=job.secrets,
            transports=job.transports,
            connections=job.connections,
        ) as caller:
            if job.calls.replay != "reread":
                for model in _models(job):
                    caller.endpoint(model)  # a missing key or a wrong url ends the run before anything is sent
            await run(
                job.metrics,
                rows,
                caller,
                results.take,
                job.options,
                progress,
                target=job.target,
                finished=results.finished if job.calls.replay == "resume" else None,
                watch=job.watch,
            )
            complete = True
            structures = {
                f"{model} at {endpoint.url}": structure
                for endpoint in caller.endpoints
                for model, structure in endpoint.structures.items()
                if structure != "json_schema"
            }
    finally:
        results.close(complete=complete and not progress.cut_short)
        folder.journal.close()
        if kept and not complete and not results.all_or_nothing:
            folder.drop_aggregate()  # that of an earlier run says nothing of the rows that are there now
    aggregate = results.aggregator.result()
    report = RunReport(aggregate, results.aggregator, progress, folder.hash, structures, folder.path if kept else None)
    if kept:
        folder.write_judge()
        folder.write_aggregate(summary(report))
    return report


class _Results:
    """The sink of a run: counts outcomes, keeps them where that was asked for, writes them where there is a folder.

    A re-read is `all_or_nothing`: one that does not come to its end leaves the folder as it was.
    """

    def __init__(self, job: Run, folder: OutputFolder | None) -> None:
        self.aggregator = Aggregator(job.metrics)
        self._repeats = job.options.repeats > 1
        self._keep = job.keep
        self._requests = job.requests
        self.all_or_nothing = job.calls.replay == "reread"
        self._file: RowsFile | None = None
        if folder is not None:
            names = [metric.name for metric in job.metrics]
            self._file = RowsFile(folder.path / ROWS, names, keep=not self.all_or_nothing, repeats=self._repeats)

    @property
    def finished(self) -> Lookup | None:
        """What finds the rows that an earlier run finished, where there is a folder."""
        return None if self._file is None else self._file.known

    def take(self, outcome: RowOutcome | Known) -> None:
        if isinstance(outcome, KnownLine):
            self.aggregator.add(outcome.metrics, outcome.unscored)
            assert self._file is not None
            self._file.write(outcome.line)
            return
        assert isinstance(outcome, RowOutcome)
        made = record(outcome.verdicts)
        self.aggregator.add(made.metrics, made.unscored)
        if self._file is not None:
            self._file.write(to_line(outcome, made, repeats=self._repeats, requests=self._requests))
        if self._keep is not None:
            self._keep(outcome)

    def close(self, *, complete: bool) -> None:
        if self._file is None:
            return
        if not complete:
            for known in self._file.keep_rest():
                self.aggregator.add(known.metrics, known.unscored)
        self._file.close(discard=self.all_or_nothing and not complete)


def summary(report: RunReport) -> dict[str, Any]:
    """`aggregate.json`: the figures, and how the run went."""
    progress, meter = report.progress, report.progress.meter
    return {
        "judge_hash": report.hash,
        "rows": progress.rows,
        "scores": [score.model_dump(mode="json") for score in report.aggregate.scores],
        "run": {
            "rows_judged": progress.judged_rows,
            "rows_finished_before": progress.finished_before,
            "rows_unclear": progress.unclear_rows,
            "rows_failed": progress.failed_rows,
            "calls": meter.calls,
            "answers_from_journal": meter.recorded,
            "tries_failed": meter.attempts_failed,
            "input_tokens": meter.input_tokens,
            "output_tokens": meter.output_tokens,
            "cost_usd": meter.cost,
            "cut_short": progress.cut_short,
        },
        "structured_output": report.structures,
    }


def _check(job: Run) -> None:
    names = [metric.name for metric in job.metrics]
    if not names:
        raise DefinitionError("a run needs at least one metric")
    if twice := {name for name in names if names.count(name) > 1}:
        raise DefinitionError(f"two metrics of the run are named {sorted(twice)[0]!r}: give one another name")
    Meter(job.budget).check(_models(job))


def _models(job: Run) -> list[Model]:
    models: list[Model] = [job.target.model] if job.target else []
    for metric in job.metrics:
        if isinstance(metric, Judge):
            for model in metric.models.values():
                if isinstance(model, str):
                    raise DefinitionError(
                        f"the judge {metric.name!r} names the model {model!r}, and nothing here knows it: "
                        "give {url, name} in its place"
                    )
                models.append(model)
    return models


def _total(rows: RowSource, repeats: int) -> int | None:
    count = rows.count()
    return None if count is None else count * repeats
