"""A submitted job: how far it is, waiting for it, and its results."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from referee.client.calls import Call, Pause, Steps, ask, given, path, read
from referee.client.pages import PAGE_SIZE
from referee.client.transport import AsyncSession, Session
from referee.client.types import Job, JobStatus, RowPage
from referee.errors import APIConnectionError, ConflictError, JobError, JobTimeoutError, NotFoundError
from referee.evaluation.figures import AggregatedMetricResult
from referee.evaluation.results import EvaluationResult, RowScore
from referee.exchange import excerpt

ALL = "/apis/evaluator/v2/workspaces/{workspace}/evaluate/jobs"
ONE = ALL + "/{name}"

_FIRST_POLL = 0.05
_GROWTH = 1.3
_SLOWEST_POLL = 2.0
_AWAY = 60.0
"""Seconds that a platform may be away, for a restart say, before waiting for its job is given up."""

Watch = Callable[[JobStatus], None]
RowStatus = Literal["failed", "unclear", "scored"]


def retrieve(workspace: str | None, name: str) -> Steps[Job]:
    """Look at a job, as an operation."""
    return ask(Call("GET", path(ONE, workspace=workspace, name=name)), Job)


def _status(job: Job) -> Steps[JobStatus]:
    return ask(Call("GET", path(ONE + "/status", workspace=job.workspace, name=job.name)), JobStatus)


def _wait(
    job: Job, poll: float | None, timeout: float | None, pending_timeout: float | None, watch: Watch | None
) -> Steps[JobStatus]:
    """Ask until the job is in a final state: often at first, then less and less."""
    begun = seen = time.monotonic()
    started = False
    pause = _FIRST_POLL
    while True:
        try:
            status = yield from _status(job)
        except APIConnectionError:
            if time.monotonic() - seen > _AWAY:
                raise
        else:
            seen = time.monotonic()
            started = started or status.status not in ("created", "pending")
            if watch is not None:
                watch(status)
            if status.done:
                return status
            _check_time(job, status, seen - begun, timeout, None if started else pending_timeout)
        yield Pause(poll if poll is not None else pause * random.uniform(0.8, 1.0))
        pause = min(pause * _GROWTH, _SLOWEST_POLL)


def _check_time(
    job: Job, status: JobStatus, waited: float, timeout: float | None, pending_timeout: float | None
) -> None:
    if pending_timeout is not None and waited > pending_timeout:
        raise JobTimeoutError(
            f"the job {job.name} has been {status.status} for {pending_timeout:g} s: the platform may be busy with "
            "other jobs; it is not cancelled, wait_until_done() waits again"
        )
    if timeout is not None and waited > timeout:
        raise JobTimeoutError(
            f"the job {job.name} is {status.status} after {timeout:g} s; it goes on, and wait_until_done() waits again"
        )


def _check_done(status: JobStatus) -> None:
    if status.status == "completed":
        return
    if status.done:
        mend = "; with that mended, jobs.resume() goes on with what it has" if status.status == "error" else ""
        raise JobError(
            f"the job {status.name} ended as {status.status}: {_why(status)}{mend}",
            status=status.status,
            details=status.error_details,
        )
    raise JobError(
        f"the job {status.name} is {status.status}, not completed: wait_until_done() waits for it", status=status.status
    )


def _why(status: JobStatus) -> str:
    for details in (status.error_details, status.status_details):
        message = (details or {}).get("message")
        if isinstance(message, str) and message:
            return message
    if status.error_details:
        return excerpt(status.error_details)
    return "it was cancelled" if status.status == "cancelled" else "the platform does not say why"


def _result_call(job: Job, result: str, save: Path | None = None) -> Call:
    where = path(ONE + "/results/{result}/download", workspace=job.workspace, name=job.name, result=result)
    return Call("GET", where, save=save)


def _fetch(job: Job, result: str, save: Path | None = None) -> Steps[bytes]:
    """A result's bytes. Where there is none the job's state says more than the 404."""
    try:
        answer = yield _result_call(job, result, save)
    except (NotFoundError, ConflictError):
        _check_done((yield from _status(job)))
        raise
    return answer.body


def _aggregate(job: Job, fields: Iterable[str] | None) -> Steps[AggregatedMetricResult]:
    call = _result_call(job, "aggregate-scores")
    answer = yield call
    found = read(call, answer, AggregatedMetricResult.model_validate_json)
    return found if fields is None else found.with_fields(frozenset(fields))


def _result(job: Job, fields: Iterable[str] | None) -> Steps[EvaluationResult]:
    lines = yield from _fetch(job, "row-scores")
    aggregate = yield from _aggregate(job, fields)
    rows = [RowScore.model_validate_json(line) for line in lines.splitlines() if line.strip()]
    return EvaluationResult.model_construct(row_scores=rows, aggregate_scores=aggregate)


def _artifacts(job: Job, folder: Path) -> Steps[Path]:
    target = folder / job.name
    yield from _fetch(job, "row-scores", target / "row-scores.jsonl")
    yield from _fetch(job, "aggregate-scores", target / "aggregate-scores.json")
    return target


def _rows_page(job: Job, query: Mapping[str, str | int | None]) -> Steps[RowPage]:
    return ask(Call("GET", path(ONE + "/rows", workspace=job.workspace, name=job.name), query), RowPage)


class _Handle:
    """What both kinds of job object know."""

    def __init__(self, job: Job) -> None:
        self._job = job

    @property
    def name(self) -> str:
        """The job's name."""
        return self._job.name

    @property
    def id(self) -> str:
        """The job's identity, unique on its platform."""
        return self._job.id

    @property
    def workspace(self) -> str:
        """The workspace it belongs to."""
        return self._job.workspace

    @property
    def spec(self) -> dict[str, Any]:
        """What was submitted."""
        return self._job.spec

    @property
    def job(self) -> Job:
        """The job as it was when it was submitted or looked up."""
        return self._job

    def __repr__(self) -> str:
        return f"<job {self.workspace}/{self.name}>"


class EvaluatorJob(_Handle):
    """A job on a platform."""

    def __init__(self, session: Session, job: Job) -> None:
        super().__init__(job)
        self._session = session

    def get_job_status(self) -> JobStatus:
        """How far the job is."""
        return self._session.run(_status(self._job))

    get_status = get_job_status

    def check_if_complete(self, *, raise_if_not_complete: bool = False) -> bool:
        """Whether the job is completed.

        Raises:
            JobError: it is not, and `raise_if_not_complete` asks for it.
        """
        status = self.get_job_status()
        if raise_if_not_complete:
            _check_done(status)
        return status.status == "completed"

    def wait_until_done(
        self,
        *,
        poll_interval_seconds: float | None = None,
        job_timeout_seconds: float | None = None,
        pending_timeout_seconds: float | None = None,
        watch: Watch | None = None,
    ) -> None:
        """Wait until the job has completed; a platform that restarts meanwhile is waited for.

        Args:
            poll_interval_seconds: how often its state is asked for; by default 0.05 s at first and up to 2 s later.
            job_timeout_seconds: the longest wait; without one it waits for as long as the job takes.
            pending_timeout_seconds: the longest wait for the job to begin.
            watch: called with each state.

        Raises:
            JobError: it ended as error or cancelled; a RuntimeError too.
            JobTimeoutError: it took longer; a TimeoutError too.
        """
        _check_done(
            self._session.run(
                _wait(self._job, poll_interval_seconds, job_timeout_seconds, pending_timeout_seconds, watch)
            )
        )

    def get_result(self, aggregate_fields: Iterable[str] | None = None) -> EvaluationResult:
        """All rows and figures of a completed job.

        Args:
            aggregate_fields: the only figures that the result writes, beside name and count.

        Raises:
            JobError: the job is not completed.
        """
        return self._session.run(_result(self._job, aggregate_fields))

    def get_aggregate_scores(self, aggregate_fields: Iterable[str] | None = None) -> AggregatedMetricResult:
        """The figures alone."""
        return self._session.run(_aggregate(self._job, aggregate_fields))

    def iter_row_scores(self) -> Iterator[RowScore]:
        """Rows one after the other, in row order, without holding all of them in memory."""
        with tempfile.TemporaryDirectory(prefix="referee-") as folder:
            target = Path(folder) / "rows.jsonl"
            self._session.run(_fetch(self._job, "row-scores", target))
            yield from _rows(target)

    def get_rows(
        self,
        *,
        first: int = 0,
        last: int | None = None,
        status: RowStatus | None = None,
        differs_from: str | None = None,
        score: str | None = None,
        limit: int = PAGE_SIZE,
    ) -> RowPage:
        """A page of rows, also of a job that is not done.

        Args:
            first: the position of the first row; a page's `next` leads on.
            last: the position after the last row.
            status: only rows with a failed or an unclear score, or only those that have all.
            differs_from: a number in the item: the rows whose score is furthest from it come first.
            score: which score is compared; the first one by default.
            limit: the most rows.
        """
        query = given(first=first, last=last, status=status, differs_from=differs_from, score=score, limit=limit)
        return self._session.run(_rows_page(self._job, query))

    def download_row_scores(self, target: str | os.PathLike[str]) -> Path:
        """Stream the rows into a file of JSON lines; of a job that is not done, the rows that are there."""
        self._session.run(_fetch(self._job, "row-scores", Path(target)))
        return Path(target)

    def download_artifacts(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Save rows and figures into a folder named after the job, and return it."""
        return self._session.run(_artifacts(self._job, Path(path or ".")))


class AsyncEvaluatorJob(_Handle):
    """The same for code that awaits."""

    def __init__(self, session: AsyncSession, job: Job) -> None:
        super().__init__(job)
        self._session = session

    async def get_job_status(self) -> JobStatus:
        """How far the job is."""
        return await self._session.run(_status(self._job))

    get_status = get_job_status

    async def check_if_complete(self, *, raise_if_not_complete: bool = False) -> bool:
        """Whether the job is completed."""
        status = await self.get_job_status()
        if raise_if_not_complete:
            _check_done(status)
        return status.status == "completed"

    async def wait_until_done(
        self,
        *,
        poll_interval_seconds: float | None = None,
        job_timeout_seconds: float | None = None,
        pending_timeout_seconds: float | None = None,
        watch: Watch | None = None,
    ) -> None:
        """Wait until the job has completed; see `EvaluatorJob.wait_until_done`."""
        _check_done(
            await self._session.run(
                _wait(self._job, poll_interval_seconds, job_timeout_seconds, pending_timeout_seconds, watch)
            )
        )

    async def get_result(self, aggregate_fields: Iterable[str] | None = None) -> EvaluationResult:
        """All rows and figures of a completed job."""
        return await self._session.run(_result(self._job, aggregate_fields))

    async def get_aggregate_scores(self, aggregate_fields: Iterable[str] | None = None) -> AggregatedMetricResult:
        """The figures alone."""
        return await self._session.run(_aggregate(self._job, aggregate_fields))

    async def iter_row_scores(self) -> AsyncIterator[RowScore]:
        """Rows one after the other, in row order, without holding all of them in memory."""
        with tempfile.TemporaryDirectory(prefix="referee-") as folder:
            target = Path(folder) / "rows.jsonl"
            await self._session.run(_fetch(self._job, "row-scores", target))
            for row in _rows(target):
                yield row

    async def get_rows(
        self,
        *,
        first: int = 0,
        last: int | None = None,
        status: RowStatus | None = None,
        differs_from: str | None = None,
        score: str | None = None,
        limit: int = PAGE_SIZE,
    ) -> RowPage:
        """A page of rows; see `EvaluatorJob.get_rows`."""
        query = given(first=first, last=last, status=status, differs_from=differs_from, score=score, limit=limit)
        return await self._session.run(_rows_page(self._job, query))

    async def download_row_scores(self, target: str | os.PathLike[str]) -> Path:
        """Stream the rows into a file of JSON lines; of a job that is not done, the rows that are there."""
        await self._session.run(_fetch(self._job, "row-scores", Path(target)))
        return Path(target)

    async def download_artifacts(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Save rows and figures into a folder named after the job, and return it."""
        return await self._session.run(_artifacts(self._job, Path(path or ".")))


def _rows(file: Path) -> Iterator[RowScore]:
    with file.open("rb") as lines:
        for line in lines:
            if line.strip():
                yield RowScore.model_validate_json(line)
