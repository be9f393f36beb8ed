"""Routes without FastAPI's machinery for the calls that every rollout makes.

A handler looks as it would for FastAPI: typed, with a body that is a pydantic model, and `request` or `response` where
it wants them. What it asks for is found out once; a call is then one validation, the handler, and one serialisation.
A handler that asks for more (a dependency, two bodies) is given to FastAPI instead.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_origin, get_type_hints

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request, empty_receive, empty_send
from starlette.responses import JSONResponse, Response

from referee.gym.api.aggregation import AggregateMetrics
from referee.gym.api.plain import are_plain
from referee.gym.api.responses import NeMoGymResponseCreateParamsNonStreaming
from referee.gym.api.sessions import SESSION_COOKIES, Session
from referee.gym.local_call import Message, Receive, Send
from referee.gym.server import encode_json

LARGEST_BODY = 256 * 1024 * 1024
Handler = Callable[..., Any]
Model = TypeVar("Model", bound=BaseModel)


class JSONAnswer(Response):
    """An answer whose body is JSON already.

    Args:
        body: the JSON.
        status: the HTTP status.
        headers: further headers.
    """

    media_type = "application/json"

    def __init__(self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        # What starlette's does, for the one kind of answer that every call has.
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        for name, value in (headers or {}).items():
            self.raw_headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))


def make_endpoint(handler: Handler) -> JSONEndpoint | None:
    """The handler as an ASGI endpoint; None where it asks for what only FastAPI can give."""
    if not inspect.iscoroutinefunction(handler):
        return None  # FastAPI runs it in a thread
    hints = get_type_hints(handler)
    body: str | None = None
    wants: dict[str, str] = {}
    for name, parameter in inspect.signature(handler).parameters.items():
        kind = hints.get(name)
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name == "row" and get_origin(kind) is dict:
            wants["row"] = name
            continue
        if not isinstance(kind, type):
            return None
        if issubclass(kind, Request):
            wants["request"] = name
        elif issubclass(kind, Response):
            wants["response"] = name
        elif body is None and (kind is bytes or kind is dict or issubclass(kind, BaseModel)):
            body = name
        else:
            return None
    return JSONEndpoint(handler, body, hints.get(body) if body else None, wants)


class JSONEndpoint:
    """One handler behind ASGI.

    Args:
        handler: what answers.
        body: the name of its body's parameter, or None.
        kind: the body's type: a pydantic model, or `bytes` for a handler that reads the body itself.
        wants: the names of the parameters that take the request (`request`), a response on which cookies and headers
            may be set (`response`), and the decoded body beside a model of it (`row`).
    """

    def __init__(self, handler: Handler, body: str | None, kind: Any, wants: Mapping[str, str]) -> None:
        self._handler = handler
        self._body = body
        self._decoded = kind is not bytes
        self._model: type[BaseModel] | None = None if kind in (bytes, dict) else kind
        self._request = wants.get("request")
        self._response = wants.get("response")
        self._row = wants.get("row")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        answer = await self.answer(scope, await read_body(receive))
        await answer(scope, receive, send)

    async def answer(self, scope: Message, raw: bytes | None) -> Response:
        """The answer to a body; to None, a body that was too large."""
        if raw is None:
            return problem(413, f"the body is larger than {LARGEST_BODY:,} bytes")
        given: dict[str, Any] = {}
        try:
            if self._body is not None and self._decoded:
                row = read_object(raw)
                given[self._body] = row if self._model is None else as_model(self._model, row)
                if self._row is not None:
                    given[self._row] = row
            elif self._body is not None:
                given[self._body] = raw
            if self._request is not None:
                given[self._request] = _Request(scope, raw)
            if self._response is not None:
                given[self._response] = Response()
            result = await self._handler(**given)
            if self._response is None and isinstance(result, Response):
                return result
            return self._as_answer(result, given)
        except BodyError as error:
            return problem(422, error.mistakes)

    def _as_answer(self, result: Any, given: dict[str, Any]) -> Response:
        if isinstance(result, Response):
            answer = result
        elif type(result) is AggregateMetrics:
            answer = JSONAnswer(encode_json(vars(result)))  # long, and plain: in a third of the time
        elif isinstance(result, BaseModel):
            answer = JSONAnswer(result.model_dump_json(by_alias=True).encode())
        else:
            answer = JSONAnswer(encode_json(result))
        if self._response is not None:
            prepared: Response = given[self._response]
            answer.raw_headers.extend(header for header in prepared.raw_headers if header[0] != b"content-length")
        return answer


class _Request(Request):
    """A request whose body has been read; starlette's makes ready to read it first."""

    _receive = staticmethod(empty_receive)
    _send = staticmethod(empty_send)
    _stream_consumed = False
    _is_disconnected = False
    _form = None

    def __init__(self, scope: Message, body: bytes) -> None:
        self.scope = scope
        self._body = body

    @property
    def session(self) -> Any:
        """The session, begun when it is first asked for."""
        if "session" not in self.scope:
            self.scope["session"] = Session(self.scope, self.scope[SESSION_COOKIES])
        return self.scope["session"]


def header_of(request: Request, name: bytes) -> bytes | None:
    """A header by its lower-case name, of several the last; starlette's headers are a view that is made for each
    request."""
    headers: list[tuple[bytes, bytes]] = request.scope["headers"]
    return dict(headers).get(name)


def cookies_of(request: Request) -> dict[str, str]:
    """The cookies that came with a request."""
    return dict(request.cookies) if header_of(request, b"cookie") is not None else {}


class BodyError(Exception):
    """A body that is not what the route takes. `mistakes` has FastAPI's form: a list of {type, loc, msg}."""

    def __init__(self, mistakes: list[dict[str, Any]]) -> None:
        super().__init__(str(mistakes))
        self.mistakes = mistakes


def as_model(kind: type[Model], row: dict[str, Any]) -> Model:
    """A decoded body as a model.

    Raises:
        BodyError: it is not such a model.
    """
    try:
        return kind.model_validate(row)
    except ValidationError as error:
        mistakes = [
            {"type": mistake["type"], "loc": ["body", *mistake["loc"]], "msg": mistake["msg"]}
            for mistake in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise BodyError(mistakes) from error


def check_params(params: Any, row: dict[str, Any] | None = None) -> None:
    """Refuse what is not `responses_create_params`.

    Args:
        params: the parameters, decoded.
        row: the row that they are of, where they are: mistakes are placed in it then.

    Raises:
        BodyError: they are not such parameters.
    """
    if are_plain(params):
        return
    if row is not None:
        as_model(_Row, row)
    else:
        as_model(NeMoGymResponseCreateParamsNonStreaming, params)


class _Row(BaseModel):
    responses_create_params: NeMoGymResponseCreateParamsNonStreaming


def read_object(raw: bytes) -> dict[str, Any]:
    """A body as a JSON object.

    Raises:
        BodyError: it is not one.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BodyError([{"type": "json_invalid", "loc": ["body"], "msg": f"the body is not JSON: {error}"}]) from error
    if not isinstance(value, dict):
        raise BodyError([{"type": "model_type", "loc": ["body"], "msg": "the body is not a JSON object"}])
    return value


async def read_body(receive: Receive) -> bytes | None:
    """The whole body; None where it is larger than `LARGEST_BODY`."""
    message = await receive()
    if not message.get("more_body", False):
        return message.get("body", b"")
    parts = [message.get("body", b"")]
    size = len(parts[0])
    while message.get("more_body", False):
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            return None
    return b"".join(parts)


def problem(status: int, detail: Any, **further: Any) -> JSONResponse:
    """An error as FastAPI writes it: `{"detail": …}`, with further keys beside it."""
    return JSONResponse({"detail": detail, **further}, status)
