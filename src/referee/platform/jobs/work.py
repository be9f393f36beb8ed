"""Working on one job: cut its rows, judge shard after shard with the evaluation engine, write its aggregate.

All of it can be cut off at any moment and gone on with: the rows file appears whole or not at all, and a shard goes on
from its journal.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import orjson
from fastapi import HTTPException

from referee.data import RowSource
from referee.errors import EvaluationError, RefereeError, RunStopped
from referee.evaluation.plan import StopRule
from referee.evaluation.progress import Progress
from referee.evaluation.runs import Run, execute
from referee.platform.jobs.board import Board, Counts, Task
from referee.platform.jobs.figures import aggregate
from referee.platform.jobs.log import write_log
from referee.platform.jobs.materialise import ROWS, Interrupted, materialise
from referee.platform.jobs.results import AGGREGATE, shard_folder, tally
from referee.platform.jobs.shard_rows import Cut, ShardRows
from referee.platform.jobs.spec import JobSpec, check_urls, read_spec
from referee.platform.jobs.states import State
from referee.platform.keyring import read_secret
from referee.platform.services import Services

_HEARTBEAT = 1.0


@dataclass(frozen=True)
class Worker:
    """Who works: with what, told to whom, under which name."""

    services: Services
    board: Board
    name: str

    async def work(self, job_id: str) -> None:
        """Go on with a job until it is done, or is not to be gone on with."""
        task = await asyncio.to_thread(self.board.task, job_id)
        if task is None:
            return
        log = partial(write_log, self.services.job_folder(job_id))
        try:
            spec = await asyncio.to_thread(self._spec, job_id)
            await asyncio.to_thread(check_urls, spec, self.services.settings)
            if await self._prepare(task, spec, log):
                # Rows that were sent inline are on disk now; held on to, they would cost memory and collections of it.
                spec = replace(spec, dataset=())
                await self._judge(task, spec, log)
        except Interrupted:
            return
        except (RefereeError, HTTPException, OSError) as error:
            await self._fail(task, _reason(error), log)

    async def cancelled(self, job_id: str) -> None:
        """Bring a job that is being cancelled to its end, with the results that it has."""
        task = await asyncio.to_thread(self.board.task, job_id)
        if task is None:
            return
        await asyncio.to_thread(self._write_aggregate, task)
        if await asyncio.to_thread(self.board.move, job_id, State.cancelled):
            write_log(self.services.job_folder(job_id), "cancelled")

    async def _prepare(self, task: Task, spec: JobSpec, log: Callable[[str], None]) -> bool:
        """Bring a job to where its shards can be judged; False where it is not to be gone on with."""
        if task.state is State.created and not await asyncio.to_thread(self.board.move, task.job_id, State.pending):
            return False
        if task.rows is not None:
            if task.state is State.pending and not await asyncio.to_thread(self.board.move, task.job_id, State.active):
                return False
            log("goes on")
            return True
        folder = self.services.job_folder(task.job_id)
        cuts = await asyncio.to_thread(
            materialise,
            self.services,
            spec,
            task.workspace,
            folder,
            self.services.settings.shard_rows,
            lambda: task.job_id in self.board.open_jobs(),
        )
        log(f"{sum(cut.rows for cut in cuts):,} rows in {len(cuts):,} shard{'s' * (len(cuts) > 1)}")
        return await asyncio.to_thread(self.board.cut, task.job_id, cuts)

    async def _judge(self, task: Task, spec: JobSpec, log: Callable[[str], None]) -> None:
        while (cut := await asyncio.to_thread(self.board.claim, task.job_id, self.name)) is not None:
            known = await asyncio.to_thread(self.board.task, task.job_id)
            if known is None:
                return
            await self._shard(known, spec, cut, log)
        current = await asyncio.to_thread(self.board.task, task.job_id)
        if current is None or current.state is not State.active:
            return
        await asyncio.to_thread(self._write_aggregate, task, spec)
        if await asyncio.to_thread(self.board.move, task.job_id, State.completed):
            log("completed")

    async def _shard(self, task: Task, spec: JobSpec, cut: Cut, log: Callable[[str], None]) -> None:
        folder = self.services.job_folder(task.job_id)
        seen: list[Progress] = []

        def secret(name: str) -> str:
            return read_secret(self.services, name, task.workspace, spec.aliases)

        def watch(progress: Progress) -> None:
            if not seen:
                seen.append(progress)

        run = replace(
            spec.run(),
            rows=RowSource(ShardRows(folder / ROWS, cut)),
            output=shard_folder(folder, cut.number),
            limit=None,
            secrets=secret,
            keep=StopRule(spec.metrics, spec.config, online=spec.target is not None).check,
            watch=watch,
            requests=True,
        )
        beating = asyncio.create_task(self._beat(task.job_id, cut, seen))
        finish = partial(self.board.finish, task.job_id, cut, self.name)
        try:
            counts = await _run(run, folder, cut, is_last=cut.first_row + cut.rows == task.rows)
        except BaseException:
            await _end(beating)
            await asyncio.to_thread(finish, _counts(seen), done=False)
            raise
        await _end(beating)
        await asyncio.to_thread(finish, counts, done=True)
        log(
            f"rows {cut.first_row:,} to {cut.first_row + cut.rows - 1:,} are done: "
            f"{counts.unclear:,} unclear, {counts.failed:,} failed"
        )

    async def _beat(self, job_id: str, cut: Cut, seen: list[Progress]) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT)
            await asyncio.to_thread(self.board.heartbeat, job_id, cut, self.name, _counts(seen))

    async def _fail(self, task: Task, reason: str, log: Callable[[str], None]) -> None:
        await asyncio.to_thread(self._write_aggregate, task)
        if await asyncio.to_thread(self.board.move, task.job_id, State.error, reason):
            log(f"error: {reason}")

    def _spec(self, job_id: str) -> JobSpec:
        return read_spec(orjson.loads(self.board.sent(job_id)).get("spec", {}))

    def _write_aggregate(self, task: Task, spec: JobSpec | None = None) -> None:
        """Write the figures of all rows that have their outcome, where there are any."""
        folder = self.services.job_folder(task.job_id)
        numbers = sorted(int(shard.name) for shard in (folder / "shards").glob("[0-9]*"))
        if not numbers:
            return
        spec = spec or self._spec(task.job_id)
        figures = aggregate(folder, numbers, spec).to_wire(spec.generation)
        _write(folder / AGGREGATE, orjson.dumps(figures, option=orjson.OPT_INDENT_2))


async def _run(run: Run, folder: Path, cut: Cut, *, is_last: bool) -> Counts:
    """Judge a shard to its end.

    A run in which every call failed is stopped early; where the job has no rows left (`is_last`), they all have their
    outcome, and that is a result.

    Raises:
        RefereeError: it did not come to its end.
    """
    try:
        await execute(run)
    except RunStopped as stopped:
        counts = await asyncio.to_thread(tally, folder, cut.number)
        if isinstance(stopped, EvaluationError) or counts.done < cut.rows or not is_last:
            raise
        return counts
    return await asyncio.to_thread(tally, folder, cut.number)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _counts(seen: list[Progress]) -> Counts:
    if not seen:
        return Counts(0, 0, 0)
    progress = seen[0]
    return Counts(progress.rows, progress.unclear_rows, progress.failed_rows)


def _reason(error: Exception) -> str:
    return str(error.detail) if isinstance(error, HTTPException) else str(error)


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    with open(part, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
