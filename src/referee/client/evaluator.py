"""`client.evaluator`: run a metric here, or submit it as a job that the platform carries out."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from referee.client import job as jobs
from referee.client.calls import Call, Steps, ask, path, read
from referee.client.files import download_each
from referee.client.job import AsyncEvaluatorJob, EvaluatorJob
from referee.client.references import FilesetRef, place
from referee.client.submission import AnyDataset, fileset_of, job_spec
from referee.client.transport import AsyncSession, Session
from referee.client.types import Job
from referee.data.source import Source
from referee.errors import DefinitionError
from referee.evaluation.evaluator import DatasetRows
from referee.evaluation.evaluator import Evaluator as LocalEvaluator
from referee.evaluation.results import EvaluationResult
from referee.evaluation.run_config import FieldMapping, RunConfig
from referee.judge import Model

_HEALTH = "/apis/evaluator/v1/healthz"


def _plugin_status() -> Steps[dict[str, Any]]:
    call = Call("GET", _HEALTH)
    return read(call, (yield call), orjson.loads)


def _submit(workspace: str | None, spec: Mapping[str, Any]) -> Steps[Job]:
    return ask(Call("POST", path(jobs.ALL, workspace=workspace), json={"spec": spec}), Job)


class Evaluator:
    """Runs metrics here (`run`) or on the platform (`submit`)."""

    def __init__(self, session: Session, workspace: str | None) -> None:
        self._session = session
        self._workspace = workspace

    def plugin_status(self) -> dict[str, Any]:
        """Whether the platform's evaluator is well, and what it offers."""
        return self._session.run(_plugin_status())

    def submit(
        self,
        *,
        metric: object = None,
        dataset: AnyDataset,
        config: RunConfig | None = None,
        target: Model | None = None,
        field_mapping: FieldMapping | None = None,
        prompt_template: str | Mapping[str, Any] | None = None,
        dataset_glob_pattern: str | None = None,
        metric_bundle_packager: None = None,
        metrics: Sequence[object] | None = None,
        workspace: str | None = None,
    ) -> EvaluatorJob:
        """Submit a job: the platform goes on with it whatever becomes of this process.

        Args:
            metric: a judge or one of the built-in metrics; `metrics` for several of them.
            dataset: rows, a file of rows (which is read here and sent along), or a fileset.
            config: concurrency, limit, and for online runs more.
            target: the model that writes the answers first (an online run).
            field_mapping: which columns stand for which fields.
            prompt_template: what the target is asked.
            dataset_glob_pattern: which files of the fileset; the same as `FilesetRef.with_fragment`.
            metric_bundle_packager: of the original, which can pickle code; code is never sent here.
            metrics: several metrics instead of one.
            workspace: the client's own by default.

        Raises:
            DefinitionError: the metric cannot be sent.
            UnprocessableEntityError: the platform finds a mistake in it.
        """
        spec = job_spec(
            metrics=_metrics(metric, metrics, metric_bundle_packager),
            dataset=dataset,
            config=config,
            target=target,
            field_mapping=field_mapping,
            prompt_template=prompt_template,
            dataset_glob_pattern=dataset_glob_pattern,
        )
        return self.submit_spec(spec, workspace=workspace)

    def submit_spec(self, spec: Mapping[str, Any], *, workspace: str | None = None) -> EvaluatorJob:
        """Submit a job whose spec is written already, in the form of either release."""
        return EvaluatorJob(self._session, self._session.run(_submit(workspace or self._workspace, spec)))

    def run(
        self,
        *,
        metric: object = None,
        dataset: AnyDataset,
        config: RunConfig | None = None,
        target: Model | None = None,
        field_mapping: FieldMapping | None = None,
        prompt_template: str | Mapping[str, Any] | None = None,
        dataset_glob_pattern: str | None = None,
        aggregate_fields: Iterable[str] | None = None,
        metrics: Sequence[object] | None = None,
    ) -> EvaluationResult:
        """Run a metric in this process and return its result; the platform is asked for the files of a fileset only.

        The arguments are those of `submit`, and `aggregate_fields` the only figures that the result writes. Keys come
        from this process's environment.

        Raises:
            EvaluationError: a row failed and the metric does not say `ignore_request_failure`; `result` has the rows
                until then.
        """
        with _scratch() as folder:
            reference = fileset_of(dataset, dataset_glob_pattern)
            if reference is not None:
                where = place(reference.root, workspace=self._workspace, fileset=None)
                self._session.run(download_each(where, lambda number, file: _numbered(folder, number, file)))
            return LocalEvaluator().run_sync(
                _metrics(metric, metrics, None),
                _here(dataset, folder),
                config=config,
                target=target,
                field_mapping=field_mapping,
                prompt_template=prompt_template,
                aggregate_fields=aggregate_fields,
            )

    def get_job_resource(self, job_name: str, workspace: str | None = None) -> EvaluatorJob:
        """A job that was submitted before, by its name."""
        found = self._session.run(jobs.retrieve(workspace or self._workspace, job_name))
        return EvaluatorJob(self._session, found)


class AsyncEvaluator:
    """The same for code that awaits."""

    def __init__(self, session: AsyncSession, workspace: str | None) -> None:
        self._session = session
        self._workspace = workspace

    async def plugin_status(self) -> dict[str, Any]:
        """Whether the platform's evaluator is well, and what it offers."""
        return await self._session.run(_plugin_status())

    async def submit(
        self,
        *,
        metric: object = None,
        dataset: AnyDataset,
        config: RunConfig | None = None,
        target: Model | None = None,
        field_mapping: FieldMapping | None = None,
        prompt_template: str | Mapping[str, Any] | None = None,
        dataset_glob_pattern: str | None = None,
        metric_bundle_packager: None = None,
        metrics: Sequence[object] | None = None,
        workspace: str | None = None,
    ) -> AsyncEvaluatorJob:
        """Submit a job; see `Evaluator.submit`."""
        spec = job_spec(
            metrics=_metrics(metric, metrics, metric_bundle_packager),
            dataset=dataset,
            config=config,
            target=target,
            field_mapping=field_mapping,
            prompt_template=prompt_template,
            dataset_glob_pattern=dataset_glob_pattern,
        )
        return await self.submit_spec(spec, workspace=workspace)

    async def submit_spec(self, spec: Mapping[str, Any], *, workspace: str | None = None) -> AsyncEvaluatorJob:
        """Submit a job whose spec is written already, in the form of either release."""
        return AsyncEvaluatorJob(self._session, await self._session.run(_submit(workspace or self._workspace, spec)))

    async def run(
        self,
        *,
        metric: object = None,
        dataset: AnyDataset,
        config: RunConfig | None = None,
        target: Model | None = None,
        field_mapping: FieldMapping | None = None,
        prompt_template: str | Mapping[str, Any] | None = None,
        dataset_glob_pattern: str | None = None,
        aggregate_fields: Iterable[str] | None = None,
        metrics: Sequence[object] | None = None,
    ) -> EvaluationResult:
        """Run a metric in this process; see `Evaluator.run`."""
        with _scratch() as folder:
            reference = fileset_of(dataset, dataset_glob_pattern)
            if reference is not None:
                where = place(reference.root, workspace=self._workspace, fileset=None)
                await self._session.run(download_each(where, lambda number, file: _numbered(folder, number, file)))
            return await LocalEvaluator().run(
                _metrics(metric, metrics, None),
                _here(dataset, folder),
                config=config,
                target=target,
                field_mapping=field_mapping,
                prompt_template=prompt_template,
                aggregate_fields=aggregate_fields,
            )

    async def get_job_resource(self, job_name: str, workspace: str | None = None) -> AsyncEvaluatorJob:
        """A job that was submitted before, by its name."""
        found = await self._session.run(jobs.retrieve(workspace or self._workspace, job_name))
        return AsyncEvaluatorJob(self._session, found)


def _metrics(metric: object, metrics: Sequence[object] | None, packager: object) -> list[Any]:
    if packager is not None:
        raise DefinitionError(
            f"metric_bundle_packager is a {type(packager).__name__}: code is never sent to a platform; leave it out, "
            "and give a judge or one of the built-in metrics"
        )
    if metric is not None and metrics is not None:
        raise DefinitionError("metric and metrics are both given: give one of them")
    if metric is not None:
        return list(metric) if isinstance(metric, list | tuple) else [metric]
    return list(metrics or ())


@contextmanager
def _scratch() -> Generator[Path]:
    """A folder for a fileset's files, which a pattern can name whole."""
    with tempfile.TemporaryDirectory(prefix="referee-") as folder:
        yield Path(folder)


def _here(dataset: AnyDataset, folder: Path) -> Source | DatasetRows:
    """The rows as a local run reads them: those of a fileset from the folder that it was downloaded into."""
    return str(folder / "*") if any(folder.iterdir()) or isinstance(dataset, FilesetRef) else dataset


def _numbered(folder: Path, number: int, file: str) -> Path:
    """Where a file is put so that the files of a fileset lie in one folder, in their order, and keep their endings."""
    return folder / f"{number:06d}-{PurePosixPath(file).name}"
