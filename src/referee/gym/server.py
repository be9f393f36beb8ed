"""What a server is given, and how it calls the others: in this process without a socket, elsewhere over HTTP.

The answer is one type either way, with the names that environment authors know from aiohttp, so that an environment
does not know whether the model it calls lives beside it or on another machine.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from http.cookies import SimpleCookie
from typing import Any, Literal, Protocol, Self

import aiohttp
import orjson
from multidict import CIMultiDict, CIMultiDictProxy
from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel
from starlette.responses import Response
from yarl import URL

from referee.errors import DefinitionError
from referee.gym.configuration import Configuration, HeadConfig, ServerConfig, load_configuration
from referee.gym.local_call import App, call_locally, scope_of
from referee.gym.running import answers_at, fetch_configuration
from referee.inference.plain_http import Limits, NoAnswerError, PlainConnections, request_head

log = logging.getLogger("referee.gym")
_CONNECT = 10.0
_TRIES = 3
_PAUSE = 0.5
_UNTIMED = Limits(connect=_CONNECT)
_MOST_KNOWN = 1000


class Server(Protocol):
    """A server before it listens."""

    def setup_webserver(self) -> App:
        """The ASGI app with all its routes."""
        ...


class ServerClass(Protocol):
    """A class of servers, as an entrypoint defines one."""

    def from_context(self, context: ServerContext) -> Server:
        """A server with its settings checked.

        Raises:
            DefinitionError: a setting cannot be meant.
        """
        ...


@dataclass(frozen=True)
class ServerContext:
    """All that a server is made from."""

    config: ServerConfig
    configuration: Configuration
    client: ServerClient


RawHeaders = Sequence[tuple[bytes, bytes]]


class ServerResponse:
    """A whole answer, whatever its status; it reads like aiohttp's."""

    def __init__(self, status: int, headers: RawHeaders, body: bytes, url: str, method: str) -> None:
        self.status = status
        self.raw_headers = headers
        self.method = method
        self.body = body
        self._url = url

    @cached_property
    def headers(self) -> CIMultiDictProxy[str]:
        """The headers, by names in any case."""
        decoded = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.raw_headers)
        return CIMultiDictProxy(CIMultiDict(decoded))

    @property
    def cookie_pairs(self) -> list[tuple[str, str]]:
        """Name and value of each cookie that the answer sets, as they came over the wire."""
        pairs: list[tuple[str, str]] = []
        for name, line in self.raw_headers:
            if name.lower() == b"set-cookie":
                cookie, _, value = line.partition(b";")[0].decode("latin-1").partition("=")
                pairs.append((cookie.strip(), value.strip()))
        return pairs

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    @property
    def url(self) -> URL:
        """What was called."""
        return URL(self._url)

    @property
    def content(self) -> Self:
        """The body, as something with `read()`."""
        return self

    @property
    def cookies(self) -> SimpleCookie:
        """The cookies that the answer sets."""
        jar = SimpleCookie()
        for line in self.headers.getall("set-cookie", ()):
            jar.load(line)
        return jar

    @property
    def request_info(self) -> aiohttp.RequestInfo:
        """What was asked, as aiohttp's errors want it."""
        return aiohttp.RequestInfo(self.url, self.method, CIMultiDictProxy(CIMultiDict[str]()), self.url)

    async def read(self) -> bytes:
        """The body."""
        return self.body

    async def text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text."""
        return self.body.decode(encoding, errors)

    async def json(self, **_: Any) -> Any:
        """The body decoded from JSON."""
        return orjson.loads(self.body)

    def raise_for_status(self) -> None:
        """Raise aiohttp's `ClientResponseError` for a status of 400 and above; its `response_content` is the body."""
        if not self.ok:
            error = aiohttp.ClientResponseError(self.request_info, (), status=self.status, message=self._excerpt())
            error.response_content = self.body  # pyright: ignore[reportAttributeAccessIssue]  # as authors read it
            raise error

    def release(self) -> None:
        """Nothing is held."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is held."""

    def _excerpt(self) -> str:
        return self.body[:500].decode(errors="replace")


class ServerClient:
    """Calls servers of one configuration by their names.

    Args:
        configuration: who is where.
        apps: the apps that live in this process, by server name; filled by whoever starts them, so it may grow.
    """

    def __init__(self, configuration: Configuration, apps: Mapping[str, App] | None = None) -> None:
        self.configuration = configuration
        self._apps: Mapping[str, App] = {} if apps is None else apps
        self._urls = {server.name: server.url for server in configuration.servers}
        self._connections = PlainConnections()
        self._parsed: dict[str, URL] = {}
        self._known: dict[tuple[str, str, str], tuple[str, int, bytes]] = {}

    async def post(
        self,
        server_name: str,
        url_path: str,
        json: Any = None,
        cookies: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> ServerResponse:
        """POST `json` to a server. See `request`."""
        return await self.request(server_name, url_path, "POST", json=json, cookies=cookies, **options)

    async def get(self, server_name: str, url_path: str, **options: Any) -> ServerResponse:
        """GET from a server. See `request`."""
        return await self.request(server_name, url_path, "GET", **options)

    async def request(
        self,
        server_name: str,
        url_path: str,
        method: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        cookies: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        timeout: aiohttp.ClientTimeout | float | None = None,
    ) -> ServerResponse:
        """Call a server and return its whole answer, whatever the status.

        Args:
            server_name: the server's key in the configuration.
            url_path: such as `/v1/responses`.
            method: `POST`, `GET`, …
            json: plain values, or a pydantic model, of which the fields that were set are sent.
            data: the body as bytes, where it is encoded already.
            cookies: to send; a response's `cookies` may be given as they are.
            headers: further headers.
            params: the query.
            timeout: seconds for the whole call; none by default, as a rollout may take long.

        Raises:
            DefinitionError: no server has that name.
            aiohttp.ClientError: it could not be reached, after three tries.
            TimeoutError: it took longer than `timeout`.
        """
        body = encode_json(json) if data is None and json is not None else data or b""
        lines = _request_headers(body, cookies, headers)
        app = self._apps.get(server_name)
        if app is None:
            return await self._over_http(server_name, url_path, method, body, lines, params, timeout)
        query = URL.build(query=params).raw_query_string if params else ""
        scope = scope_of(method, url_path, query, body, lines)
        # The url is for messages alone: parsing one costs more than the rest of this method.
        url = f"{self._urls.get(server_name, '')}{url_path}"
        directly = getattr(app, "answer_directly", None) if timeout is None else None
        if directly is not None and (answering := directly(scope, body)) is not None:
            answer: Response = await answering
            return ServerResponse(answer.status_code, answer.raw_headers, bytes(answer.body), url, method)
        seconds = timeout.total if isinstance(timeout, aiohttp.ClientTimeout) else timeout
        call = call_locally(app, scope, body)
        return ServerResponse(*await (call if seconds is None else asyncio.wait_for(call, seconds)), url, method)

    def url_of(self, server_name: str) -> str:
        """A server's base url.

        Raises:
            DefinitionError: no server has that name.
        """
        url = self._urls.get(server_name)
        if url is None:
            close = get_close_matches(server_name, self._urls, n=3)
            names = f"did you mean {', '.join(close)}?" if close else f"there are {', '.join(self._urls) or 'none'}"
            raise DefinitionError(f"no server is called {server_name!r} in the configuration: {names}")
        return url

    @cached_property
    def global_config_dict(self) -> DictConfig:
        """The whole configuration as OmegaConf has it, for authors who read other servers' settings."""
        return OmegaConf.create(self.configuration.values)

    @classmethod
    def load_from_global_config(cls, head: HeadConfig | None = None) -> Self:
        """A client of the servers that run, for scripts beside them.

        Args:
            head: the head server; by default where env.yaml in the working directory says, or at port 11000.

        Raises:
            LaunchError: no head server is there.
        """
        return cls(fetch_configuration(head or load_configuration([], needs=()).head))

    def poll_for_status(self, server_name: str) -> Literal["success", "connection_error"]:
        """Whether a server answers. It blocks, up to two seconds: not for use within an event loop."""
        head = server_name == "head_server"
        url = self.configuration.head.url if head else self.url_of(server_name)
        return "success" if answers_at(url) else "connection_error"

    def _build_server_base_url(self, server_config_dict: Mapping[str, Any]) -> str:
        # Private by its name, and called by many environments.
        return f"http://{server_config_dict['host']}:{server_config_dict['port']}"

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connections.aclose()

    async def _over_http(
        self,
        server_name: str,
        url_path: str,
        method: str,
        body: bytes,
        headers: RawHeaders,
        params: Mapping[str, Any] | None,
        timeout: aiohttp.ClientTimeout | float | None,
    ) -> ServerResponse:
        base = self.url_of(server_name)
        # Most calls carry JSON and no headers of their own; what these begin with costs as much as all else of a call.
        known = self._known.get((method, base, url_path)) if not params and headers == _ONLY_JSON else None
        host, port, head = known or self._find_way(method, base, url_path, params, headers)
        limits = _UNTIMED if timeout is None else _as_limits(timeout)
        for left in reversed(range(_TRIES)):
            try:
                reply = await self._connections.exchange(host, port, head, body, limits)
            except NoAnswerError as error:
                # A kept connection that the server has just closed looks like this, and so does a server restarting.
                if not left or error.trouble not in ("connect", "disconnected"):
                    raise _as_client_error(f"{base}{url_path}", error) from error
                log.debug("%s %s%s: %r; trying again", method, base, url_path, error)
                await asyncio.sleep(_PAUSE)
            else:
                return ServerResponse(reply.status, reply.headers, reply.body, base + url_path, method)
        raise AssertionError("unreachable")

    def _find_way(
        self, method: str, base: str, url_path: str, params: Mapping[str, Any] | None, headers: RawHeaders
    ) -> tuple[str, int, bytes]:
        """Host, port and the head of a request."""
        parsed = self._parsed.get(base) or self._parse(base)
        target = f"{url_path}?{URL.build(query=params).raw_query_string}" if params else url_path
        lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        way = parsed.raw_host or "", parsed.port or 80, request_head(method, target, parsed.raw_authority, lines)
        if not params and headers == _ONLY_JSON:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[method, base, url_path] = way
        return way

    def _parse(self, url: str) -> URL:
        self._parsed[url] = URL(url)
        return self._parsed[url]


class ServerUnreachableError(aiohttp.ClientOSError):
    """No connection to a server could be made."""


def _as_limits(timeout: aiohttp.ClientTimeout | float) -> Limits:
    given = timeout if isinstance(timeout, aiohttp.ClientTimeout) else aiohttp.ClientTimeout(total=timeout)
    return Limits(connect=given.sock_connect or _CONNECT, read=given.sock_read, total=given.total)


def _as_client_error(url: str, error: NoAnswerError) -> Exception:
    """The error that aiohttp would raise, as environment authors catch those."""
    match error.trouble:
        case "connect":
            number = error.error.errno if error.error is not None else None
            return ServerUnreachableError(number, f"no connection to {url}: {error}")
        case "connect_timeout" | "read_timeout" | "timeout":
            return aiohttp.ServerTimeoutError(f"{url} did not answer in time")
        case "disconnected":
            return aiohttp.ServerDisconnectedError(f"{url} closed the connection without an answer")
        case _:
            return aiohttp.ClientPayloadError(f"{url} gave no whole answer: {error}")


def encode_json(value: Any) -> bytes:
    """JSON of plain values and of pydantic models, of which the fields that were set count."""
    if isinstance(value, BaseModel):
        return value.model_dump_json(exclude_unset=True).encode()
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


_JSON = (b"content-type", b"application/json")
_ONLY_JSON = [_JSON]


def _request_headers(
    body: bytes, cookies: Mapping[str, Any] | None, headers: Mapping[str, str] | None
) -> list[tuple[bytes, bytes]]:
    lines: list[tuple[bytes, bytes]] = []
    typed = not body
    for name, value in headers.items() if headers else ():
        lines.append((name.lower().encode("latin-1"), value.encode("latin-1")))
        typed = typed or lines[-1][0] == b"content-type"
    if not typed:
        lines.append(_JSON)
    if cookies:
        # A morsel's coded value is what came over the wire; quoting it again would break a signature.
        pairs = [f"{name}={getattr(value, 'coded_value', value)}" for name, value in cookies.items()]
        lines.append((b"cookie", "; ".join(pairs).encode("latin-1")))
    return lines
