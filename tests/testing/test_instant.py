"""The instant endpoint: bodies of known and unknown length, pieces, delays, counts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from io import BytesIO
from typing import Any

import aiohttp
import orjson
import pytest

from referee.exchange import Response, Usage, read_reply
from referee.testing.instant import Instant, serve

BODY = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 1500}]})


def run(endpoint: Instant, talk: Callable[[aiohttp.ClientSession], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        server = await serve(endpoint, 0)
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            async with aiohttp.ClientSession(base) as session:
                return await talk(session)
        finally:
            server.close()

    return asyncio.run(asyncio.wait_for(main(), 60))


async def post(session: aiohttp.ClientSession, path: str, body: Any = BODY) -> Response:
    async with session.post(path, data=body) as response:
        assert response.status == 200
        read = read_reply(orjson.loads(await response.read()))
    assert isinstance(read, Response)
    return read


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/ms=1/v1/responses"])
def test_it_answers_in_the_form_of_the_path(path: str) -> None:
    endpoint = Instant('{"score": "ä"}')
    response = run(endpoint, lambda session: post(session, path))
    assert (response.text, response.usage) == ('{"score": "ä"}', Usage(380, 8))
    assert ("output" in response.raw) == path.endswith("responses")
    assert endpoint.requests == 1


def test_chunked_bodies_and_keep_alive() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(BODY), 400):
            yield BODY[start : start + 400]
            await asyncio.sleep(0.01)

    async def talk(session: aiohttp.ClientSession) -> None:
        for _ in range(3):
            await post(session, "/v1/chat/completions", pieces())
            await post(session, "/v1/chat/completions")

    endpoint = Instant()
    run(endpoint, talk)
    assert endpoint.requests == 6


def test_a_large_body_and_one_that_asks_first() -> None:
    async def talk(session: aiohttp.ClientSession) -> None:
        await post(session, "/v1/chat/completions", BytesIO(b"x" * 5_000_000))
        async with session.post("/v1/chat/completions", data=BODY, expect100=True) as response:
            assert response.status == 200

    run(Instant(), talk)


def test_requests_in_one_packet_are_answered_in_order() -> None:
    async def main() -> bytes:
        server = await serve(Instant(delay=0.02), 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(
            b"POST /v1/responses HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
            b"POST /v1/chat/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
            b"GET /stats HTTP/1.1\r\n\r\n"
        )
        answer = await reader.readuntil(b'"inflight_max":1}')
        writer.close()
        server.close()
        return answer

    answer = asyncio.run(asyncio.wait_for(main(), 60))
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.index(b'"object":"response"') < answer.index(b'"object":"chat.completion"')
    assert answer.endswith(b'{"requests":2,"inflight_max":1}')


def test_delays_and_the_most_in_flight() -> None:
    async def talk(session: aiohttp.ClientSession) -> tuple[float, Any, Any]:
        begun = time.monotonic()
        await asyncio.gather(*(post(session, "/ms=400/v1/chat/completions") for _ in range(8)))
        took = time.monotonic() - begun
        stats: list[Any] = []
        for _ in range(2):
            async with session.get("/stats") as response:
                stats.append(await response.json())
        return took, stats[0], stats[1]

    took, first, second = run(Instant(), talk)
    assert took >= 0.4
    assert first == {"requests": 8, "inflight_max": 8}
    assert second == {"requests": 8, "inflight_max": 0}


def test_a_caller_that_leaves_is_not_in_flight() -> None:
    async def talk(session: aiohttp.ClientSession) -> None:
        leaving = asyncio.create_task(post(session, "/v1/chat/completions"))
        while not endpoint.in_flight:
            await asyncio.sleep(0.01)
        leaving.cancel()
        while endpoint.in_flight:
            await asyncio.sleep(0.01)

    endpoint = Instant(delay=60)
    run(endpoint, talk)
    assert endpoint.most_in_flight == 1


def test_the_command() -> None:
    command = [sys.executable, "-m", "referee.testing.instant", "0", "--ms", "1", "--answer", "yes"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.readline().split()[-1]

        async def ask() -> Response:
            async with aiohttp.ClientSession() as session:
                return await post(session, told + "/chat/completions")

        try:
            assert asyncio.run(ask()).text == "yes"
        finally:
            process.terminate()
        assert process.wait(60) == 0
