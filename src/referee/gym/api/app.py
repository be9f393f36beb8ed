"""The FastAPI app of a server, which answers its hot routes without going through FastAPI.

Authors get an app to extend as they know it. The calls that every rollout makes pass through none of its layers, which
cost more than the calls themselves; once an author adds middleware or an exception handler, they do again. A caller in
the same process gets the answer as it is, without the messages of ASGI.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import Route

from referee.gym.api.routes import Handler, JSONEndpoint, make_endpoint, read_body
from referee.gym.api.sessions import ServerMiddleware, Session, SessionCookies, answer_error, answer_exception
from referee.gym.local_call import LocalAnswer, Message


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

    async def answer_directly(self, scope: Message, body: bytes) -> LocalAnswer | None:
        """The answer of a hot route to a caller in this process; None where the request must be served as usual."""
        endpoint = self._endpoint(scope)
        if endpoint is None:
            return None
        answer = await self._answer(endpoint, scope, body)
        if answer.background is not None:
            await answer.background()
        return answer.status_code, answer.raw_headers, bytes(answer.body)

    def _endpoint(self, scope: Message) -> JSONEndpoint | None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return None
        extended = self.user_middleware or self.exception_handlers != self._usual_handlers
        return None if extended else self._hot.get(scope["path"])

    async def _answer(self, endpoint: JSONEndpoint, scope: Message, body: bytes | None) -> Response:
        session = scope["session"] = Session(scope, self._cookies)
        scope["app"] = self
        try:
            answer = await endpoint.answer(scope, body)
        except Exception as error:
            answer = answer_exception(self._name, scope, error)
        header = session.header()
        if header is not None:
            answer.raw_headers.append(header)
        return answer
