"""`Evaluator`: a run in memory, called as NeMo Evaluator's is; the engine does the work.

Nothing is kept on disk and nothing can be resumed: for that, give `runs.Run` an output folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from referee.data import open_rows
from referee.data.source import Source
from referee.errors import DataError, EvaluationError, RunStopped
from referee.evaluation.aggregate import Aggregator, with_corpus
from referee.evaluation.engine import AnyMetric
from referee.evaluation.figures import AggregatedMetricResult
from referee.evaluation.metrics import CorpusMetric
from referee.evaluation.metrics.custom import UserMetric
from referee.evaluation.outcome import RowOutcome, offline_sample
from referee.evaluation.plan import StopRule, named_apart, plan_run
from referee.evaluation.record import record
from referee.evaluation.results import EvaluationResult, RowScore
from referee.evaluation.run_config import FieldMapping, RunConfig
from referee.evaluation.runs import Run, execute, execute_sync
from referee.inference import Transport
from referee.inference.endpoint import Secrets
from referee.judge import Model


class DatasetRows(BaseModel):
    """Rows in Python, by another name for a list of them."""

    model_config = ConfigDict(extra="forbid")

    rows: list[dict[str, Any]]


Dataset = Source | DatasetRows


class Evaluator:
    """Runs metrics over a dataset and returns the result when all rows are done.

    Args:
        secrets: finds keys by name; the environment by default.
        transports: by url scheme, to be used instead of the built-in ones.
    """

    def __init__(self, *, secrets: Secrets | None = None, transports: Mapping[str, Transport] | None = None) -> None:
        self._secrets = secrets
        self._transports = transports

    async def run(
        self,
        metrics: AnyMetric | UserMetric | Sequence[AnyMetric | UserMetric],
        dataset: Dataset,
        *,
        config: RunConfig | None = None,
        target: Model | None = None,
        field_mapping: FieldMapping | None = None,
        prompt_template: str | Mapping[str, Any] | None = None,
        aggregate_fields: Iterable[str] | None = None,
    ) -> EvaluationResult:
        """Evaluate, and return rows and figures.

        Args:
            metrics: judges, other metrics, and objects with `compute_scores` as they are written for the original; of
                those with the same name the second gets `_2` at the end of it.
            dataset: rows, or the path, pattern or URL of a file of rows.
            config: concurrency, limit, and for online runs more.
            target: the model that writes the answers first (an online run).
            field_mapping: which columns stand for which fields.
            prompt_template: what the target is asked; by default the row's messages or prompt.
            aggregate_fields: the only figures that the result writes, beside name and count.

        Raises:
            EvaluationError: a row failed, and neither its judge nor the config says `ignore_request_failure`. Its
                `result` has the rows until then.
            RunStopped: every call of the first round was refused; `result` as above.
            RefereeError: the run cannot begin.
        """
        job, kept = self._prepare(metrics, dataset, config, target, field_mapping, prompt_template)
        try:
            await execute(job)
        except RunStopped as stopped:
            kept.stopped(stopped)
        return kept.result(aggregate_fields)

    def run_sync(
        self,
        metrics: AnyMetric | UserMetric | Sequence[AnyMetric | UserMetric],
        dataset: Dataset,
        *,
        config: RunConfig | None = None,
        target: Model | None = None,
        field_mapping: FieldMapping | None = None,
        prompt_template: str | Mapping[str, Any] | None = None,
        aggregate_fields: Iterable[str] | None = None,
    ) -> EvaluationResult:
        """The same from code that does not await; also within a notebook, whose event loop is running already."""
        job, kept = self._prepare(metrics, dataset, config, target, field_mapping, prompt_template)
        try:
            execute_sync(job)
        except RunStopped as stopped:
            kept.stopped(stopped)
        return kept.result(aggregate_fields)

    def _prepare(
        self,
        metrics: AnyMetric | UserMetric | Sequence[AnyMetric | UserMetric],
        dataset: Dataset,
        config: RunConfig | None,
        target: Model | None,
        field_mapping: FieldMapping | None,
        prompt_template: str | Mapping[str, Any] | None,
    ) -> tuple[Run, _Kept]:
        config = config or RunConfig()
        named = named_apart(list(metrics) if isinstance(metrics, Sequence) else [metrics])
        rows = _rows(dataset, field_mapping)
        job = plan_run(named, rows, config, target, prompt_template)
        kept = _Kept(named, config, online=job.target is not None, size=_size(rows, config.limit_samples))
        transports = dict(self._transports) if self._transports else None
        job = replace(job, secrets=self._secrets, transports=transports, keep=kept.take)
        return job, kept


class _Kept:
    """The rows of a run in memory. Ends the run at the first failure that is not to be ignored."""

    def __init__(self, metrics: Sequence[AnyMetric], config: RunConfig, *, online: bool, size: int | None) -> None:
        self._metrics = metrics
        self._stop_rule = StopRule(metrics, config, online=online)
        self._online = online
        self._size = size
        self._aggregator = Aggregator(metrics)
        self._rows: list[RowScore] = []

    def take(self, outcome: RowOutcome) -> None:
        made = record(outcome.verdicts)
        self._aggregator.add(made.metrics, made.unscored)
        self._rows.append(RowScore.of(outcome, made))
        if made.unscored is not None:
            self._stop_rule.check(outcome, made)

    def stopped(self, stopped: RunStopped) -> None:
        """Raise `stopped` with the result so far; where all rows were done, their failures are in the result."""
        if isinstance(stopped, EvaluationError) or len(self._rows) != self._size:
            stopped.result = self.result(None)
            raise stopped

    def result(self, fields: Iterable[str] | None) -> EvaluationResult:
        figures = self._aggregator.result().scores
        for metric in self._metrics:
            if isinstance(metric, CorpusMetric):
                figures = with_corpus(figures, metric, self._corpus(metric))
        aggregate = AggregatedMetricResult(scores=figures)
        return EvaluationResult.model_construct(
            row_scores=self._rows,
            aggregate_scores=aggregate if fields is None else aggregate.with_fields(frozenset(fields)),
        )

    def _corpus(self, metric: CorpusMetric) -> Mapping[str, float]:
        return metric.corpus(
            (row.item, row.sample if self._online else offline_sample(row.item)) for row in self._rows if row.item
        )


def _rows(dataset: Dataset, field_mapping: FieldMapping | None) -> Source:
    source = _source(dataset)
    if field_mapping is None:
        return source
    mapped: list[dict[str, Any]] = []
    with open_rows(source) as rows:
        for row in rows:
            if row.item is None:
                raise DataError(f"{row.error}; a field mapping needs every row to be readable")
            mapped.append(field_mapping.apply(row.item))
    return mapped


def _source(dataset: Any) -> Source:
    if isinstance(dataset, DatasetRows):
        return dataset.rows
    return dataset.to_pylist() if hasattr(dataset, "to_pylist") else dataset  # an Arrow table has columns first


def _size(rows: Source, limit: int | None) -> int | None:
    with open_rows(rows, limit=limit) as source:
        return source.count()
