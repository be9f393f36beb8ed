"""Working on one job: cut its rows, judge its shards with the evaluation engine, write its aggregate.

All of it can be cut off at any moment and gone on with: the rows file appears whole or not at all, and a shard goes on
from its journal.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import orjson
from fastapi import HTTPException

from referee.errors import RefereeError
from referee.evaluation.aggregate import Aggregator
from referee.platform.jobs.board import Board, Task
from referee.platform.jobs.figures import aggregate
from referee.platform.jobs.judging import Judging
from referee.platform.jobs.log import write_log
from referee.platform.jobs.materialise import Interrupted, materialise
from referee.platform.jobs.results import AGGREGATE
from referee.platform.jobs.spec import JobSpec, check_urls, read_spec
from referee.platform.jobs.states import State
from referee.platform.services import Services
from referee.readable import plural


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
        rows = sum(cut.rows for cut in cuts)
        log(f"{plural(rows, 'row')} in {plural(len(cuts), 'shard')}")
        return await asyncio.to_thread(self.board.cut, task.job_id, cuts)

    async def _judge(self, task: Task, spec: JobSpec, log: Callable[[str], None]) -> None:
        known = await asyncio.to_thread(self.board.task, task.job_id)  # it has shards now, and their number of rows
        if known is None:
            return
        judging = Judging(self.services, self.board, self.name, known, spec, log)
        await judging.judge()
        current = await asyncio.to_thread(self.board.task, task.job_id)
        if current is None or current.state is not State.active:
            return
        await asyncio.to_thread(self._write_aggregate, task, spec, judging.counted)
        if await asyncio.to_thread(self.board.move, task.job_id, State.completed):
            log("completed")

    async def _fail(self, task: Task, reason: str, log: Callable[[str], None]) -> None:
        await asyncio.to_thread(self._write_aggregate, task)
        if await asyncio.to_thread(self.board.move, task.job_id, State.error, reason):
            log(f"error: {reason}")

    def _spec(self, job_id: str) -> JobSpec:
        return read_spec(orjson.loads(self.board.sent(job_id)).get("spec", {}))

    def _write_aggregate(
        self, task: Task, spec: JobSpec | None = None, counted: Mapping[int, Aggregator] | None = None
    ) -> None:
        """Write the figures of all rows that have their outcome, where there are any."""
        folder = self.services.job_folder(task.job_id)
        numbers = sorted(int(shard.name) for shard in (folder / "shards").glob("[0-9]*"))
        if not numbers:
            return
        spec = spec or self._spec(task.job_id)
        figures = aggregate(folder, numbers, spec, counted or {}).to_wire(spec.generation)
        _write(folder / AGGREGATE, orjson.dumps(figures, option=orjson.OPT_INDENT_2))


def _reason(error: Exception) -> str:
    return str(error.detail) if isinstance(error, HTTPException) else str(error)


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    with open(part, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
