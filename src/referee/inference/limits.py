"""How many calls an endpoint is given at once: what the user asked for, less where the endpoint pushes back.

The limit starts at what was asked, halves on 429 and 503 (once for all calls that were in flight together), eases off
when answers take several times as long as they did, and grows back by a tenth with each round that goes well.
"""

from __future__ import annotations

import asyncio
from collections import deque

from referee.inference.retries import LONGEST_WAIT

_SLOW_FACTOR = 4.0
_SLOW_SECONDS = 1.0
_SMALLEST_ROUND = 8


class AdaptiveLimit:
    """A semaphore whose size follows the endpoint. One event loop, no threads.

    Args:
        asked: the most calls in flight at once.
    """

    def __init__(self, asked: int) -> None:
        self.asked = asked
        self.places = asked
        """How many calls may be in flight now."""
        self.in_flight = 0
        self.pushbacks = 0
        self._limit = float(asked)
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._paused_until = 0.0
        self._last_cut = 0.0
        self._answered = 0
        self._seconds = 0.0
        self._usual: float | None = None

    def try_acquire(self) -> float | None:
        """A place without waiting, as the loop's time at which the call starts; None where there is none."""
        if self.in_flight >= self.places or self._waiting:
            return None
        now = asyncio.get_running_loop().time()
        if self._paused_until > now:
            return None
        self.in_flight += 1
        return now

    async def acquire(self) -> float:
        """Wait for a place; returns the loop's time at which the call may start."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            if self._paused_until > now:
                await asyncio.sleep(self._paused_until - now)
            elif self.in_flight < self.places:
                self.in_flight += 1
                return now
            else:
                await self._wait(loop.create_future())

    async def _wait(self, place: asyncio.Future[None]) -> None:
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
            elif not place.cancelled():
                self._wake()  # woken and cancelled at once: the place is the next one's
            raise

    def release(self) -> None:
        """Give the place back."""
        self.in_flight -= 1
        if self._waiting:
            self._wake()

    def _wake(self) -> None:
        free = self.places - self.in_flight
        while free > 0 and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                free -= 1

    def succeeded(self, latency: float) -> None:
        """A call was answered after `latency` seconds."""
        self._answered += 1
        self._seconds += latency
        if self._answered >= self.places and self._answered >= _SMALLEST_ROUND:
            self._end_round(self._seconds / self._answered)

    def pushed_back(self, started: float, retry_after: float | None = None) -> None:
        """The endpoint said that it has too much; calls that had started before the last cut count once.

        Args:
            started: what `acquire` returned for the call.
            retry_after: seconds for which the endpoint wants no call at all. A wait that is too long for this call is
                too long for the others, who are not held back then: they are refused as it was, and end.
        """
        now = asyncio.get_running_loop().time()
        self.pushbacks += 1
        if retry_after is not None and retry_after <= LONGEST_WAIT:
            self._paused_until = max(self._paused_until, now + retry_after)
        if started >= self._last_cut:
            self._last_cut = now
            self._become(self._limit / 2)
            self._begin_round()

    def _end_round(self, mean: float) -> None:
        self._begin_round()
        usual = self._usual = mean if self._usual is None else min(mean, self._usual * 1.05)
        if mean > usual * _SLOW_FACTOR and mean - usual > _SLOW_SECONDS:
            # Slow answers alone cost nothing but time: they never bring the limit below an eighth.
            self._become(min(self._limit, max(self.asked / 8, self._limit * 0.8)))
        else:
            self._become(self._limit + max(1.0, self._limit * 0.1))

    def _begin_round(self) -> None:
        self._answered, self._seconds = 0, 0.0

    def _become(self, limit: float) -> None:
        self._limit = min(float(self.asked), max(1.0, limit))
        self.places = int(self._limit)
