"""Judging a job's shards in turn, the next one begun when the one before has given out its last row.

So there are as many calls under way at the end of a shard as in its middle, and never more than the job may make: all
its shards share one set of connections, with what is learnt of an endpoint on the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from referee.data import RowSource
from referee.errors import EvaluationError, RunStopped
from referee.evaluation.aggregate import Aggregator
from referee.evaluation.plan import StopRule
from referee.evaluation.progress import Progress
from referee.evaluation.runs import Run, execute
from referee.inference.connections import Connections
from referee.platform.egress import refusal
from referee.platform.jobs.board import Board, Counts, Task
from referee.platform.jobs.materialise import ROWS
from referee.platform.jobs.results import shard_folder, tally
from referee.platform.jobs.shard_rows import Cut, ShardRows
from referee.platform.jobs.spec import JobSpec
from referee.platform.keyring import read_secret
from referee.platform.services import Services

_HEARTBEAT = 1.0
_AT_ONCE = 2  # one that gives out rows, and one whose last rows are judged


@dataclass(frozen=True)
class Judging:
    """One worker at one job.

    Args:
        services: to find the job's folder and its secrets with.
        board: where shards are claimed and finished.
        worker: under which name.
        task: the job, its rows cut.
        spec: what it is asked to do.
        log: writes a line of the job's log.
    """

    services: Services
    board: Board
    worker: str
    task: Task
    spec: JobSpec
    log: Callable[[str], None]
    counted: dict[int, Aggregator] = field(default_factory=dict[int, Aggregator])
    """By shard that was judged here to its end, what aggregates need of it."""
    _left: list[Callable[[], bool]] = field(default_factory=list[Callable[[], bool]])
    """Shards that did not come to their end, to be let go of."""

    async def judge(self) -> None:
        """Judge shards until there is none left to claim.

        Raises:
            RefereeError: a shard did not come to its end; the others are let go of.
        """
        turn = asyncio.Lock()
        refuse = partial(refusal, settings=self.services.settings)
        try:
            async with Connections(self._secret, refuse=refuse) as connections, asyncio.TaskGroup() as group:
                for _ in range(_AT_ONCE):
                    group.create_task(self._in_turn(turn, connections))
        except ExceptionGroup as stopped:
            raise stopped.exceptions[0] from None
        finally:
            # Only now: while one shard was told of, the other one would go on making calls for a job that has ended.
            for let_go in self._left:
                await asyncio.to_thread(let_go)

    async def _in_turn(self, turn: asyncio.Lock, connections: Connections) -> None:
        while True:
            await turn.acquire()
            end_turn = _Once(turn.release)
            try:
                cut = await self._claim()
                if cut is None:
                    return
                await self._shard(cut, connections, end_turn)
            finally:
                end_turn()

    async def _claim(self) -> Cut | None:
        claiming = asyncio.create_task(asyncio.to_thread(self.board.claim, self.task.job_id, self.worker))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            # The thread goes on: a shard that it has claimed would be nobody's to work on until the next start.
            if (cut := await claiming) is not None:
                await asyncio.to_thread(self._finish(cut), Counts(0, 0, 0), done=False)
            raise

    async def _shard(self, cut: Cut, connections: Connections, given_out: Callable[[], None]) -> None:
        folder = self.services.job_folder(self.task.job_id)
        seen: list[Progress] = []

        def watch(progress: Progress) -> None:
            if not seen:
                seen.append(progress)

        run = replace(
            self.spec.run(),
            rows=RowSource(ShardRows(folder / ROWS, cut, given_out)),
            output=shard_folder(folder, cut.number),
            limit=None,
            connections=connections,
            keep=StopRule(self.spec.metrics, self.spec.config, online=self.spec.target is not None).check,
            watch=watch,
            requests=True,
        )
        beating = asyncio.create_task(self._beat(cut, seen))
        finish = self._finish(cut)
        try:
            counts = await self._run(run, folder, cut)
        except BaseException:
            self._left.append(partial(finish, _counts(seen), done=False))
            await _end(beating)
            raise
        await _end(beating)
        await asyncio.to_thread(finish, counts, done=True)
        self.log(
            f"rows {cut.first_row:,} to {cut.first_row + cut.rows - 1:,} are done: "
            f"{counts.unclear:,} unclear, {counts.failed:,} failed"
        )

    async def _run(self, run: Run, folder: Path, cut: Cut) -> Counts:
        """Judge a shard to its end.

        A run in which every call failed is stopped early; where the job has no rows left, they all have their outcome,
        and that is a result.

        Raises:
            RefereeError: it did not come to its end.
        """
        try:
            report = await execute(run)
        except RunStopped as stopped:
            counts = await asyncio.to_thread(tally, folder, cut.number)
            is_last = cut.first_row + cut.rows == self.task.rows
            if isinstance(stopped, EvaluationError) or counts.done < cut.rows or not is_last:
                raise
            return counts
        self.counted[cut.number] = report.counted
        if report.progress.finished_before:
            return await asyncio.to_thread(tally, folder, cut.number)  # a run counts what is unclear in its own rows
        return _counts([report.progress])

    async def _beat(self, cut: Cut, seen: list[Progress]) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT)
            await asyncio.to_thread(self.board.heartbeat, self.task.job_id, cut, self.worker, _counts(seen))

    def _finish(self, cut: Cut) -> Callable[..., bool]:
        return partial(self.board.finish, self.task.job_id, cut, self.worker)

    def _secret(self, name: str) -> str:
        return read_secret(self.services, name, self.task.workspace, self.spec.aliases)


class _Once:
    """A call that is made the first time only."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def __call__(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _counts(seen: list[Progress]) -> Counts:
    if not seen:
        return Counts(0, 0, 0)
    progress = seen[0]
    return Counts(progress.rows, progress.unclear_rows, progress.failed_rows)
