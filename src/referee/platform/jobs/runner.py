"""The runner: a thread with an event loop of its own, in which jobs are worked on, so many at a time.

It sleeps until it is woken (something was submitted, paused, resumed, cancelled, deleted, or a job ended) and then
looks at the board. Nothing is polled.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from referee.platform.jobs.board import DatabaseBoard
from referee.platform.jobs.states import State
from referee.platform.services import Services
from referee.platform.store.tables import new_id

if TYPE_CHECKING:
    from referee.platform.jobs.work import Worker

_log = logging.getLogger(__name__)
_START_SECONDS = 30


class Runner:
    """Works on the jobs of a data folder from `start` until `stop`.

    Args:
        services: of the folder.
        loaded: is called when all is imported that jobs need.
    """

    def __init__(self, services: Services, loaded: Callable[[], None] | None = None) -> None:
        self._services = services
        self._loaded = loaded
        self._board = DatabaseBoard(services.database)
        self._maker: asyncio.Task[Worker] | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._stopping = False
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="referee-runner", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None

    def start(self) -> None:
        """Start, and take up what an earlier server left."""
        self._board.release_all()
        self._sweep()
        self._thread.start()
        self._started.wait(_START_SECONDS)

    def wake(self) -> None:
        """There may be something to do."""
        if self._loop is not None and self._wake is not None:
            self._loop.call_soon_threadsafe(self._wake.set)

    def stop(self) -> None:
        """Cut off what is being worked on, and return when nothing is; the next start goes on with it."""
        self._stopping = True
        self.wake()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        self._wake.set()
        self._maker = asyncio.create_task(asyncio.to_thread(self._make_worker))
        if await asyncio.to_thread(self._board.open_jobs):
            await self._maker  # what was interrupted is going on when the server says that it is ready
        self._started.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._stopping:
                break
            try:
                await self._look()
            except Exception:  # a database that is away for a moment must not end the runner
                _log.exception("the jobs could not be looked at")
                await asyncio.sleep(1)
                self._wake.set()
        await self._cut_off(self._running)
        self._loop = None

    async def _look(self) -> None:
        assert self._maker is not None
        worker = await self._maker
        open_jobs = await asyncio.to_thread(self._board.open_jobs)
        stopping = [job_id for job_id in self._running if open_jobs.get(job_id) in (None, State.cancelling)]
        await self._cut_off(stopping)
        for job_id in stopping:
            if job_id not in open_jobs:
                await asyncio.to_thread(self._forget, job_id)
        for job_id, state in open_jobs.items():
            if state is State.cancelling:
                await worker.cancelled(job_id)
            elif job_id not in self._running and len(self._running) < self._services.settings.jobs_at_once:
                task = self._running[job_id] = asyncio.create_task(worker.work(job_id))
                task.add_done_callback(lambda done, job_id=job_id: self._ended(job_id, done))

    def _make_worker(self) -> Worker:
        # The evaluation room takes as long to import as all else here, and is not needed to be ready.
        from referee.platform.jobs.work import Worker

        if self._loaded is not None:
            self._loaded()
        return Worker(self._services, self._board, new_id("worker"))

    def _ended(self, job_id: str, task: asyncio.Task[None]) -> None:
        self._running.pop(job_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A mistake of ours: the job ends, with what went wrong, instead of being tried for ever.
            _log.error("job %s", job_id, exc_info=error)
            self._board.move(job_id, State.error, f"{type(error).__name__}: {error}")
        if self._wake is not None:
            self._wake.set()

    async def _cut_off(self, job_ids: Iterable[str]) -> None:
        tasks = [self._running[job_id] for job_id in job_ids if job_id in self._running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, job_id: str) -> None:
        """Remove the folder of a job that was deleted."""
        if self._board.task(job_id) is None:
            shutil.rmtree(self._services.job_folder(job_id), ignore_errors=True)

    def _sweep(self) -> None:
        """Remove the folders of jobs that were deleted while their workers were at it."""
        jobs = self._services.job_folder("")
        for folder in jobs.iterdir() if jobs.is_dir() else ():
            self._forget(folder.name)


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop  # pyright: ignore[reportReturnType]  # a function that makes one
