"""Sessions: who knows a cookie, what an id looks like, and what a handler may still ask of its request."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import RFC_4122, UUID

from fastapi import Request

from referee.gym.api import SESSION_ID_KEY, BaseSeedSessionRequest
from referee.gym.api.routes import make_endpoint
from referee.gym.api.sessions import Session, SessionCookies


def test_a_cookie_is_known_to_other_workers_of_its_server_and_to_no_other_server() -> None:
    value = SessionCookies("one").sign(b'{"session_id":"x"}')
    assert SessionCookies("one").read(value) == b'{"session_id":"x"}'
    assert SessionCookies("two").read(value) is None
    assert SessionCookies("one").read(f"{value[:-3]}AAA") is None


def test_a_session_is_found_in_whichever_cookie_header_holds_it() -> None:
    cookies = SessionCookies("one")
    ours, other = b"one=" + cookies.sign(b'{"session_id":"x"}').encode(), b"two=2"
    for lines in ([ours], [other, ours], [ours, other]):
        scope = {"headers": [(b"cookie", line) for line in lines], "path": "/verify"}
        assert Session(scope, cookies)[SESSION_ID_KEY] == "x"
        assert cookies.sent_back(scope) is not None


def test_a_session_id_is_a_random_uuid() -> None:
    found = [UUID(Session({"headers": [], "path": "/verify"}, SessionCookies("one"))[SESSION_ID_KEY]) for _ in range(9)]
    assert {(one.version, one.variant) for one in found} == {(4, RFC_4122)}
    assert len(set(found)) == len(found)


def test_a_handler_with_a_model_of_the_body_may_still_read_the_request() -> None:
    async def handler(request: Request, body: BaseSeedSessionRequest) -> Any:
        return {"again": await request.json()}

    endpoint = make_endpoint(handler)
    assert endpoint is not None
    answer = asyncio.run(endpoint.answer({"type": "http", "headers": []}, b'{"a": 1}'))
    assert bytes(answer.body) == b'{"again":{"a":1}}'
