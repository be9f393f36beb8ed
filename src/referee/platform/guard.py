"""What stands before every route: the token, where one is needed, and the limit on what a request may send."""

from __future__ import annotations

import hmac

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from referee.platform.settings import Settings

_OPEN = ("/health/", "/status")


class Guard:
    """ASGI middleware: 401 without the token, 413 for what is too large."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._token = None if settings.token is None else f"Bearer {settings.token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if self._token is not None and not scope["path"].startswith(_OPEN):
            given = headers.get(b"authorization", b"")
            if not hmac.compare_digest(given, self._token):
                message = "send the platform's token: Authorization: Bearer …"
                answer = JSONResponse({"detail": message}, 401, {"WWW-Authenticate": "Bearer"})
                await answer(scope, receive, send)
                return
        limit = self._settings.largest_body
        if scope["method"] == "PUT" and "/-/" in scope["path"]:
            limit = self._settings.largest_upload
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > limit:
            await _refuse(limit, scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, _too_large(limit))  # read by a route, which answers with it
            return message

        await self._app(scope, counted, send)


async def _refuse(limit: int, scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({"detail": _too_large(limit)}, 413, {"Connection": "close"})(scope, receive, send)


def _too_large(limit: int) -> str:
    return f"the request is larger than {limit:,} bytes: upload rows as a fileset instead of sending them inline"
