"""One timer for many calls: each has its own time, and whoever is cancelled from without is cancelled."""

from __future__ import annotations

import asyncio

import pytest

from referee.gym.shared_timeout import SharedTimeout


async def call(limit: SharedTimeout, seconds: float) -> str:
    try:
        with limit.call():
            await asyncio.sleep(seconds)
    except TimeoutError:
        return "over"
    return "done"


def test_each_call_has_its_own_time() -> None:
    async def main() -> list[str]:
        limit = SharedTimeout(0.2)
        first = asyncio.create_task(call(limit, 30))
        await asyncio.sleep(0.1)
        later = [asyncio.create_task(call(limit, seconds)) for seconds in (0, 30)]
        return await asyncio.gather(first, *later)

    assert asyncio.run(main()) == ["over", "done", "over"]


def test_one_after_the_other_in_one_task() -> None:
    async def main() -> list[str]:
        limit = SharedTimeout(0.05)
        return [await call(limit, seconds) for seconds in (30, 0, 30)]

    assert asyncio.run(main()) == ["over", "done", "over"]


def test_it_goes_over_to_another_loop() -> None:
    limit = SharedTimeout(0.05)
    assert [asyncio.run(call(limit, seconds)) for seconds in (0, 30, 30)] == ["done", "over", "over"]


def test_cancelled_from_without_is_cancelled() -> None:
    async def main() -> None:
        task = asyncio.create_task(call(SharedTimeout(30), 30))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


def test_an_error_of_the_call_stays_what_it_is() -> None:
    async def main() -> None:
        with SharedTimeout(30).call():
            raise KeyError("x")

    with pytest.raises(KeyError):
        asyncio.run(main())
