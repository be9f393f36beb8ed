"""The embedded model for the tests that need it: one slot, loaded once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from referee.inference.embedded import EmbeddedTransport, EngineSettings
from referee.inference.embedded.engine import acquire, release
from referee.inference.transport import Timeouts

SETTINGS = EngineSettings(slots=1, threads=1, context=1024)

Ask = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="session")
def loaded(weights: str) -> Iterator[str]:
    acquire(weights, SETTINGS)
    yield weights
    release(weights, SETTINGS)


@pytest.fixture
def ask(loaded: str) -> Ask:
    """Posts one body to the embedded model and returns status and decoded reply."""

    def post(body: object, api: str = "chat/completions") -> tuple[int, dict[str, Any]]:
        async def run() -> tuple[int, dict[str, Any]]:
            transport = EmbeddedTransport(SETTINGS)
            try:
                raw = body if isinstance(body, bytes) else orjson.dumps(body)
                reply = await transport.post(f"embedded://{loaded}/v1/{api}", raw, {}, Timeouts())
                return reply.status, orjson.loads(reply.body)
            finally:
                await transport.aclose()

        return asyncio.run(run())

    return post
