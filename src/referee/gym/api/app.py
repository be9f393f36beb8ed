"""The FastAPI app of a server, which answers its hot routes without going through FastAPI.

Authors get an app to extend as they know it. The calls that every rollout makes pass through none of its layers, which
cost more than the calls themselves; once an author adds middleware or an exception handler, they do again. A caller in
the same process gets the answer as it is, without the messages of ASGI.
"""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import Route

from referee.gym.api.routes import Handler, JSONEndpoint, make_endpoint, read_body
from referee.gym.api.sessions import (
    SEED_PATH,
    SESSION_COOKIES,
    ServerMiddleware,
    Session,
    SessionCookies,
    answer_error,
    answer_exception,
)
from referee.gym.local_call import Message, call_locally


class GymApp(FastAPI):
    """An app with sessions and hot routes.

    Args:
        name: the server's, for messages.
        cookies: of its sessions.
        options: of FastAPI.
    """

    def __init__(self, name: str, cookies: SessionCookies, **options: Any) -> None:
        super().__init__(title=name, **options)
        self._name = name
        self._cookies = cookies
        self._hot: dict[str, JSONEndpoint] = {}
        self.add_exception_handler(Exception, partial(answer_error, name))
        self._usual_handlers = dict(self.exception_handlers)
        self._extended: bool | None = None
        self._usual = ServerMiddleware(super().__call__, cookies, name)

    def add_hot_route(self, path: str, handler: Handler) -> None:
        """POST `path` to `handler`, before all routes that are added later."""
        endpoint = make_endpoint(handler)
        if endpoint is None:
            self.post(path)(handler)
        else:
            self.router.routes.append(Route(path, endpoint, methods=["POST"]))
            self._hot[path] = endpoint

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        endpoint = self._endpoint(scope)
        if endpoint is None:
            await self._usual(scope, receive, send)
        else:
            answer = await self._answer(endpoint, scope, await read_body(receive))
            await answer(scope, receive, send)

    def answer_directly(self, scope: Message, body: bytes) -> Awaitable[Response] | None:
        """The answer of a hot route to a caller in this process; None where the request must be served as usual."""
        endpoint = self._endpoint(scope)
        return None if endpoint is None else self._answer(endpoint, scope, body, whole=True)

    def _endpoint(self, scope: Message) -> JSONEndpoint | None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return None
        if self._extended is None:
            # From its first request on an app refuses more middleware; it knows that by the stack, which hot routes
            # have no use for.
            self.middleware_stack = self.middleware_stack or self.build_middleware_stack()
            self._extended = bool(self.user_middleware) or self.exception_handlers != self._usual_handlers
        return None if self._extended else self._hot.get(scope["path"])

    async def _answer(
        self, endpoint: JSONEndpoint, scope: Message, body: bytes | None, *, whole: bool = False
    ) -> Response:
        """The answer; where the `whole` is wanted, with its body at hand and its background task done."""
        scope["app"] = self
        scope[SESSION_COOKIES] = self._cookies
        if scope["path"] == SEED_PATH:
            scope["session"] = Session(scope, self._cookies)
        try:
            answer = await endpoint.answer(scope, body)
        except Exception as error:
            answer = answer_exception(self._name, scope, error)
        session: Session | None = scope.get("session")
        header = self._cookies.sent_back(scope) if session is None else session.header()
        if header is not None:
            answer.raw_headers.append(header)
        if whole and (answer.background is not None or not hasattr(answer, "body")):  # a stream or a file has none
            status, headers, content = await call_locally(answer, scope, body or b"")
            answer = Response(content, status)
            answer.raw_headers = headers
        return answer
