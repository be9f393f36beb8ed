"""A call of an ASGI app in the same event loop: no socket, no HTTP parsing, the same routes and middleware."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
"""An ASGI 3 application."""
LocalAnswer = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, raw headers and the whole body."""

log = logging.getLogger("referee.gym")


def scope_of(method: str, path: str, query: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> Message:
    """The ASGI scope of a call in this process; `headers` have lower-case names."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [*headers, (b"host", b"in-process"), (b"content-length", b"%d" % len(body))],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }


async def call_locally(app: App, scope: Message, body: bytes) -> LocalAnswer:
    """Call `app` and collect its whole answer.

    An exception that escapes the app is a 500, as it is behind a socket: the caller must not come down with it.
    """
    status = 0
    answer_headers: list[tuple[bytes, bytes]] = []
    parts: list[bytes] = []
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        # Middleware may wait for a disconnect beside the handler; the caller does not go away before the answer.
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            answer_headers.extend(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    try:
        await app(scope, receive, send)
    except Exception:
        log.exception("%s %s failed in this process", scope["method"], scope["path"])
        if not status:
            return 500, [(b"content-type", b"text/plain")], b"Internal Server Error"
    return status, answer_headers, parts[0] if len(parts) == 1 else b"".join(parts)
