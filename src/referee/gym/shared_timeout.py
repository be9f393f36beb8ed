"""A time limit for calls that are many and of which hardly any reaches it: one timer for all of them.

`asyncio.timeout` makes a timer for each, and drops nearly all unused, at a fortieth of the cost of a rollout.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class SharedTimeout:
    """`with limit.call(): …` is what `async with asyncio.timeout(seconds): …` is, a TimeoutError where it is over.

    Args:
        seconds: for each call; as it is the same for all, they run out in the order in which they began.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._calls: dict[_Call, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def call(self) -> _Call:
        """The limit of one call, which begins now in the current task."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self.close()
            self._loop = loop
        call = _Call(self._calls, loop.time() + self._seconds)
        if self._timer is None:
            self._timer = loop.call_at(call.due, self._look)
        return call

    def close(self) -> None:
        """Let go of the timer; calls under way have no limit then."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        assert self._loop is not None
        self._timer = None
        now = self._loop.time()
        for call in self._calls:
            if call.due > now:
                self._timer = self._loop.call_at(call.due, self._look)
                return
            call.run_out()


class _Call:
    """A call under way. A timer may find it over, which cancels its task; that ends as a TimeoutError here."""

    __slots__ = ("_before", "_calls", "_over", "_task", "due")

    def __init__(self, calls: dict[_Call, None], due: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task: asyncio.Task[object] = task
        self._calls = calls
        self._before = task.cancelling()
        self._over = False
        self.due = due

    def run_out(self) -> None:
        """Its time is over."""
        if not self._over:
            self._over = True
            self._task.cancel()

    def __enter__(self) -> Self:
        self._calls[self] = None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        del self._calls[self]
        if self._over and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError from error
