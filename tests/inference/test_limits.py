"""The limit of calls in flight: what it gives, how it falls and how it grows back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import pairwise

import pytest

from referee.inference.limits import AdaptiveLimit


def run(scene: Callable[[AdaptiveLimit], Awaitable[None]], asked: int = 8) -> AdaptiveLimit:
    async def play() -> AdaptiveLimit:
        limit = AdaptiveLimit(asked)
        await scene(limit)
        return limit

    return asyncio.run(play())


async def start(limit: AdaptiveLimit) -> float:
    """A call begins: when it did."""
    return limit.try_acquire() or await limit.acquire()


def finish(limit: AdaptiveLimit, calls: int, latency: float = 0.1) -> None:
    """So many calls are answered."""
    for _ in range(calls):
        limit.in_flight += 1
        limit.release()
        limit.succeeded(latency)


def test_it_starts_at_what_was_asked_and_never_gives_more() -> None:
    most = 0

    async def call(limit: AdaptiveLimit) -> None:
        nonlocal most
        await start(limit)
        most = max(most, limit.in_flight)
        await asyncio.sleep(0.001)
        limit.release()
        limit.succeeded(0.001)

    async def scene(limit: AdaptiveLimit) -> None:
        await asyncio.gather(*(call(limit) for _ in range(100)))

    limit = run(scene)
    assert (most, limit.in_flight, limit.places) == (8, 0, 8)


def test_a_round_of_pushbacks_halves_it_once() -> None:
    async def scene(limit: AdaptiveLimit) -> None:
        together = [await start(limit) for _ in range(8)]
        await asyncio.sleep(0.002)
        for started in together:
            limit.pushed_back(started)
            limit.release()
        assert limit.places == 4
        await asyncio.sleep(0.002)
        later = await start(limit)
        limit.pushed_back(later)
        limit.release()
        assert limit.places == 2

    assert run(scene).pushbacks == 9


def test_it_never_falls_below_one() -> None:
    async def scene(limit: AdaptiveLimit) -> None:
        for _ in range(10):
            await asyncio.sleep(0.002)
            limit.pushed_back(await start(limit))
            limit.release()

    assert run(scene).places == 1


def test_it_grows_back_round_by_round_to_what_was_asked() -> None:
    async def scene(limit: AdaptiveLimit) -> None:
        for _ in range(6):
            await asyncio.sleep(0.002)
            limit.pushed_back(await start(limit))
            limit.release()
        seen = [limit.places]
        for _ in range(80):
            finish(limit, max(8, limit.places))
            seen.append(limit.places)
        assert seen[0] == 1
        assert seen[1] == 2
        assert all(0 <= after - before <= max(1, before // 10 + 1) for before, after in pairwise(seen))
        assert seen[-1] == 64

    run(scene, asked=64)


def test_answers_that_take_much_longer_than_they_did_ease_it_off() -> None:
    async def scene(limit: AdaptiveLimit) -> None:
        finish(limit, 64, latency=0.5)
        finish(limit, 64, latency=1.2)
        assert limit.places == 64, "twice as long is nothing"
        finish(limit, 64, latency=4.0)
        assert limit.places == 51
        for _ in range(12):
            finish(limit, max(8, limit.places), latency=8.0)
        assert limit.places == 8, "slowness alone leaves an eighth"
        for _ in range(40):
            finish(limit, 64, latency=0.5)
        assert limit.places == 64

    run(scene, asked=64)


def test_slow_answers_do_not_raise_a_limit_that_pushbacks_brought_down() -> None:
    async def scene(limit: AdaptiveLimit) -> None:
        finish(limit, 64, latency=0.5)
        for _ in range(8):
            await asyncio.sleep(0.002)
            limit.pushed_back(await start(limit))
            limit.release()
        finish(limit, 8, latency=9.0)
        assert limit.places == 1

    run(scene, asked=64)


def test_quick_answers_may_vary_as_they_like() -> None:
    async def scene(limit: AdaptiveLimit) -> None:
        finish(limit, 8, latency=0.001)
        finish(limit, 80, latency=0.5)
        assert limit.places == 8

    run(scene)


def test_a_pause_holds_everyone_back() -> None:
    async def scene(limit: AdaptiveLimit) -> None:
        loop = asyncio.get_running_loop()
        first = await start(limit)
        limit.pushed_back(first, retry_after=0.1)
        limit.release()
        begun = await asyncio.gather(*(start(limit) for _ in range(3)))
        assert min(begun) >= first + 0.1
        assert loop.time() < first + 60

    run(scene)


def test_those_who_wait_come_in_their_order() -> None:
    order: list[int] = []

    async def call(limit: AdaptiveLimit, number: int) -> None:
        await start(limit)
        order.append(number)
        await asyncio.sleep(0)
        limit.release()

    async def scene(limit: AdaptiveLimit) -> None:
        await asyncio.gather(*(call(limit, number) for number in range(20)))

    run(scene, asked=1)
    assert order == list(range(20))


@pytest.mark.parametrize("woken", [False, True])
def test_a_caller_that_is_cancelled_takes_no_place_with_it(woken: bool) -> None:
    async def scene(limit: AdaptiveLimit) -> None:
        await start(limit)
        leaving = asyncio.create_task(limit.acquire())
        staying = asyncio.create_task(limit.acquire())
        await asyncio.sleep(0)
        if woken:
            limit.release()
        leaving.cancel()
        if not woken:
            limit.release()
        with suppress(asyncio.CancelledError):
            await leaving
        await asyncio.wait_for(staying, 60)
        assert limit.in_flight == 1

    run(scene, asked=1)
