"""Calls between servers: in this process and over HTTP, through one client and with one kind of answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from referee.errors import DefinitionError
from referee.gym.configuration import Configuration, HeadConfig, ServerConfig
from referee.gym.server import ServerClient

Use = Callable[[Callable[[ServerClient], Awaitable[Any]]], Any]


class Body(BaseModel):
    text: str
    unset: int = 3


def make_app() -> FastAPI:
    app = FastAPI()

    async def echo(request: Request, response: Response) -> dict[str, Any]:
        response.set_cookie("seen", "a.b-c=")
        return {"body": await request.json(), "cookies": request.cookies, "query": dict(request.query_params)}

    async def asked(request: Request) -> list[Any]:
        headers = [value for name in ("content-type", "x-own", "cookie") if (value := request.headers.get(name))]
        return [request.method, str(request.url).partition("/asked")[2], *headers]

    async def broken() -> None:
        raise RuntimeError("boom")

    app.post("/echo")(echo)
    app.post("/broken")(broken)
    app.api_route("/asked/{which}", methods=["GET", "POST"])(asked)
    return app


def configuration(port: int) -> Configuration:
    server = ServerConfig("here", "resources_servers", "x", "app.py", Path(), "127.0.0.1", port)
    return Configuration({}, (server,), HeadConfig())


async def over_http(use: Callable[[ServerClient], Awaitable[Any]]) -> Any:
    server = uvicorn.Server(uvicorn.Config(make_app(), port=0, log_level="critical"))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    client = ServerClient(configuration(server.servers[0].sockets[0].getsockname()[1]))
    try:
        return await use(client)
    finally:
        await client.aclose()
        server.should_exit = True
        await running


@pytest.fixture(params=["in this process", "over HTTP"])
def use(request: pytest.FixtureRequest) -> Iterator[Use]:
    if request.param == "over HTTP":
        yield lambda wanted: asyncio.run(over_http(wanted))
    else:
        app = make_app()
        yield lambda wanted: asyncio.run(_as_coroutine(wanted(ServerClient(configuration(1), {"here": app}))))


async def _as_coroutine(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def test_an_answer_has_status_text_json_and_cookies(use: Use) -> None:
    async def call(client: ServerClient) -> None:
        answer = await client.post("here", "/echo", json={"a": "ü"}, cookies={"session": "s.1="}, params={"q": "1 2"})
        assert answer.status == 200
        assert answer.ok
        assert await answer.json() == {"body": {"a": "ü"}, "cookies": {"session": "s.1="}, "query": {"q": "1 2"}}
        assert "ü" in await answer.text()
        again = await client.post("here", "/echo", json=[], cookies=answer.cookies)
        assert (await again.json())["cookies"] == {"seen": "a.b-c="}

    use(call)


def test_of_a_model_the_fields_that_were_set_are_sent(use: Use) -> None:
    async def call(client: ServerClient) -> Any:
        return await (await client.post("here", "/echo", json={"inner": Body(text="t")})).json()

    assert use(call)["body"] == {"inner": {"text": "t"}}


def test_a_bad_status_is_an_answer_and_raises_only_when_asked(use: Use) -> None:
    async def call(client: ServerClient) -> None:
        for path, status in (("/nowhere", 404), ("/broken", 500)):
            answer = await client.post("here", path, json={})
            assert answer.status == status
            with pytest.raises(aiohttp.ClientResponseError, match=str(status)) as error:
                answer.raise_for_status()
            assert error.value.response_content == await answer.read()  # pyright: ignore

    use(call)


def test_each_call_is_asked_with_its_own_method_path_query_and_headers(use: Use) -> None:
    json = "application/json"

    async def call(client: ServerClient) -> None:
        async def ask(method: str, path: str, **options: Any) -> Any:
            return await (await client.request("here", path, method, **options)).json()

        for _ in range(2):  # what is known of a call before it must not leak into the next
            assert await ask("POST", "/asked/a", json={}) == ["POST", "/a", json]
            assert await ask("POST", "/asked/b", data=b"{}") == ["POST", "/b", json]
            assert await ask("POST", "/asked/a", json={}, params={"q": "1"}) == ["POST", "/a?q=1", json]
            assert await ask("POST", "/asked/a", json={}, headers={"X-Own": "1"}) == ["POST", "/a", json, "1"]
            assert await ask("POST", "/asked/a", json={}, cookies={"c": "2"}) == ["POST", "/a", json, "c=2"]
            assert await ask("POST", "/asked/a", data=b"x", headers={"Content-Type": "text/x"}) == [
                "POST",
                "/a",
                "text/x",
            ]
            assert await ask("GET", "/asked/a") == ["GET", "/a"]
            assert await ask("GET", "/asked/a", json={}) == ["GET", "/a", json]

    use(call)


def test_an_unknown_server_is_named_with_the_closest(use: Use) -> None:
    async def call(client: ServerClient) -> None:
        with pytest.raises(DefinitionError, match=r"'her'.*did you mean here"):
            await client.post("her", "/echo")

    use(call)
