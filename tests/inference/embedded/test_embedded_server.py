"""The HTTP face of the embedded model: keys, errors in OpenAI's form, limits. A scripted transport stands behind it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp.test_utils import TestServer

from referee.inference.embedded.server import create_app, serve
from referee.inference.transport import Reply, Timeouts, Transport, TransportError
from referee.testing import ScriptedTransport

KEY = {"Authorization": "Bearer sesame"}
CHAT = {"model": "smollm2", "messages": [{"role": "user", "content": "hi"}]}

Session = aiohttp.ClientSession


class Broken:
    """A transport that fails."""

    def __init__(self, error: TransportError) -> None:
        self._error = error

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeouts: Timeouts) -> Reply:
        raise self._error

    async def aclose(self) -> None: ...


def _with_server(transport: Transport, do: Callable[[Session], Awaitable[Any]], **options: Any) -> Any:
    async def run() -> Any:
        app = create_app(transport, "smollm2", api_key="sesame", **options)
        async with TestServer(app) as server, Session(base_url=server.make_url("/")) as session:
            return await do(session)

    return asyncio.run(run())


async def _answer(response: aiohttp.ClientResponse) -> tuple[int, dict[str, Any]]:
    assert response.content_type == "application/json"
    return response.status, orjson.loads(await response.read())


def test_the_transports_reply_is_given_as_it_is() -> None:
    transport = ScriptedTransport("four")

    async def do(session: Session) -> tuple[int, dict[str, Any]]:
        async with session.post("/v1/chat/completions", json=CHAT, headers=KEY) as response:
            return await _answer(response)

    status, body = _with_server(transport, do)

    assert status == 200
    assert body["choices"][0]["message"]["content"] == "four"
    assert transport.requests[0].body["messages"] == CHAT["messages"]
    assert transport.closed


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer"}, {"Authorization": "Bearer sesam"}, {"x": "y"}])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/nothing"])
def test_without_the_key_nothing_is_answered(headers: dict[str, str], path: str) -> None:
    transport = ScriptedTransport("four")

    async def do(session: Session) -> tuple[int, dict[str, Any]]:
        async with session.post(path, json=CHAT, headers=headers) as response:
            assert response.headers["WWW-Authenticate"] == "Bearer"
            return await _answer(response)

    status, body = _with_server(transport, do)

    assert status == 401
    assert body["error"]["code"] == "invalid_api_key"
    assert "sesame" not in str(body)
    assert transport.requests == []


def test_health_is_open_and_models_are_listed() -> None:
    async def do(session: Session) -> tuple[Any, Any]:
        async with session.get("/health") as health, session.get("/v1/models", headers=KEY) as models:
            return await _answer(health), await _answer(models)

    health, models = _with_server(ScriptedTransport("four"), do)

    assert health == (200, {"status": "ok"})
    assert [model["id"] for model in models[1]["data"]] == ["smollm2-135m-instruct"]


def _refusal(body: bytes, path: str = "/v1/chat/completions", transport: Transport | None = None) -> Any:
    async def do(session: Session) -> tuple[int, dict[str, Any]]:
        async with session.post(path, data=body, headers=KEY) as response:
            return await _answer(response)

    return _with_server(transport or ScriptedTransport("four"), do, body_limit=1000)


def test_what_is_refused_has_openais_form() -> None:
    too_large = _refusal(orjson.dumps({**CHAT, "padding": "x" * 2000}))
    unknown = _refusal(orjson.dumps({**CHAT, "model": "gpt-4"}))
    elsewhere = _refusal(b"{}", path="/v1/embeddings")
    slow = _refusal(orjson.dumps(CHAT), transport=Broken(TransportError("timeout", "no answer in 3 s")))
    gone = _refusal(orjson.dumps(CHAT), transport=Broken(TransportError("unreachable", "it stopped")))

    assert [too_large[0], unknown[0], elsewhere[0], slow[0], gone[0]] == [413, 404, 404, 504, 503]
    assert "smollm2-135m-instruct" in unknown[1]["error"]["message"]
    assert unknown[1]["error"]["code"] == "model_not_found"
    assert slow[1]["error"]["message"] == "no answer in 3 s"
    assert {"message", "type", "param", "code"} == set(too_large[1]["error"]) == set(elsewhere[1]["error"])


class Waiting:
    """A transport that answers nothing and notes what becomes of the call."""

    def __init__(self) -> None:
        self.called = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeouts: Timeouts) -> Reply:
        self.called.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        raise AssertionError

    async def aclose(self) -> None: ...


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_caller_who_goes_away_cancels_his_call_and_a_signal_ends_the_server() -> None:
    async def run() -> None:
        transport = Waiting()
        url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        server = asyncio.create_task(
            serve(create_app(transport, "smollm2", api_key="sesame"), "127.0.0.1", 0, url.set_result)
        )
        async with Session(headers=KEY) as session:
            call = asyncio.create_task(session.post(f"{await url}/chat/completions", json=CHAT))
            await transport.called.wait()
            call.cancel()
            await transport.cancelled.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await server

    asyncio.run(asyncio.wait_for(run(), 120))
