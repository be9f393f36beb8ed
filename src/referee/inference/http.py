"""The transport over HTTP, connections unlimited, since our own limit stands before it.

Plain HTTP goes over connections of our own (`plain_http`); TLS, proxies and urls with credentials through aiohttp.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Container, Mapping
from dataclasses import dataclass
from io import BytesIO

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import ResolveResult
from yarl import URL

from referee.inference.plain_http import Limits, NoAnswerError, PlainConnections, Refuse, request_head
from referee.inference.transport import Reply, Timeouts, TransportError

LARGEST_REPLY = 64 * 1024 * 1024
_LARGE_BODY = 1 << 19
_MOST_REMEMBERED = 1000
_AGENT = ("User-Agent", "referee")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class HttpTransport:
    """Posts JSON over HTTP(S). Made inside a running event loop, or on first use there.

    Args:
        refuse: is asked before anything is sent to an address, but that of a proxy.
    """

    def __init__(self, refuse: Refuse | None = None) -> None:
        self._refuse = refuse
        self._connector: aiohttp.TCPConnector | None = None
        self._sessions: dict[tuple[int, Timeouts], tuple[aiohttp.ClientSession, Mapping[str, str]]] = {}
        self._urls: dict[str, URL] = {}
        self._plain = PlainConnections(refuse)
        self._ways: dict[tuple[str, int], _Way | None] = {}
        self._limits: dict[Timeouts, Limits] = {}
        self._proxies = {_host(url) for name in _PROXIES if (url := os.environ.get(name))}

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeouts: Timeouts) -> Reply:
        """Send `body` and return the whole answer, whatever its status."""
        key = (url, id(headers))
        way = self._ways[key] if key in self._ways else self._find_way(url, headers)
        if way is None:
            return await self._post_by_aiohttp(url, body, headers, timeouts)
        limits = self._limits.get(timeouts) or self._limit(timeouts)
        try:
            reply = await self._plain.exchange(way.host, way.port, way.head, body, limits)
        except NoAnswerError as error:
            raise _as_transport_error(url, error, timeouts) from error
        return Reply(
            reply.status, {name.decode("latin-1"): value.decode("latin-1") for name, value in reply.headers}, reply.body
        )

    async def _post_by_aiohttp(self, url: str, body: bytes, headers: Mapping[str, str], timeouts: Timeouts) -> Reply:
        session, _ = self._sessions.get((id(headers), timeouts)) or self._open(headers, timeouts)
        try:
            parsed = self._urls.get(url) or self._parse(url)
            # aiohttp warns of large bodies given as bytes, since it writes them in one piece.
            data = body if len(body) < _LARGE_BODY else BytesIO(body)
            async with session.post(parsed, data=data, allow_redirects=False) as response:
                length = response.content_length
                if length is not None and length > LARGEST_REPLY:
                    raise NoAnswerError("too_large", f"{length:,} bytes")
                # What was compressed has the length that it had then.
                plain = length is not None and hdrs.CONTENT_ENCODING not in response.headers
                answer = await (response.read() if plain else _bounded(response))
                return Reply(response.status, response.headers, answer)
        except aiohttp.ClientConnectorCertificateError as error:
            reason = getattr(error.certificate_error, "verify_message", "") or error.certificate_error
            mend = "if you trust its issuer, name the issuer's certificate in SSL_CERT_FILE"
            raise TransportError(
                "unreachable", f"{url}: its TLS certificate is not trusted ({reason}); {mend}"
            ) from error
        except aiohttp.ClientSSLError as error:
            raise TransportError("unreachable", f"{url}: TLS failed: {_why_no_tls(error)}") from error
        except NoAnswerError as error:
            raise _as_transport_error(url, error, timeouts) from error
        except (
            TimeoutError,
            aiohttp.ClientConnectorError,
            aiohttp.ClientPayloadError,
            aiohttp.ServerDisconnectedError,
        ) as error:
            raise _as_transport_error(url, _as_no_answer(error), timeouts) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise TransportError("unreachable", f"{url}: {type(error).__name__}: {error}") from error

    async def aclose(self) -> None:
        """Close all connections."""
        await self._plain.aclose()
        for session, _ in self._sessions.values():
            await session.close()
        self._sessions.clear()
        if self._connector is not None:
            await self._connector.close()
            self._connector = None

    def _open(self, headers: Mapping[str, str], timeouts: Timeouts) -> tuple[aiohttp.ClientSession, Mapping[str, str]]:
        # Headers and timeouts that a session holds are prepared once; given with each request they cost as much as
        # the request. An endpoint's headers are one object, kept here so that its identity stays its own.
        if self._connector is None:
            resolver = None if self._refuse is None else _Refusing(self._refuse, self._proxies)
            self._connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, resolver=resolver)
        session = aiohttp.ClientSession(
            connector=self._connector,
            connector_owner=False,
            headers=headers,
            timeout=aiohttp.ClientTimeout(
                total=timeouts.total,
                sock_connect=timeouts.connect,
                sock_read=timeouts.read if timeouts.read < timeouts.total else None,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=bool(self._proxies),
        )
        self._sessions[id(headers), timeouts] = session, headers
        return session, headers

    def _find_way(self, url: str, headers: Mapping[str, str]) -> _Way | None:
        if len(self._ways) >= _MOST_REMEMBERED:
            self._ways.clear()
        way = None if self._proxies else _plain_way(url, headers)
        self._ways[url, id(headers)] = way
        return way

    def _limit(self, timeouts: Timeouts) -> Limits:
        read = timeouts.read if timeouts.read < timeouts.total else None
        self._limits[timeouts] = Limits(timeouts.connect, read, timeouts.total, LARGEST_REPLY)
        return self._limits[timeouts]

    def _parse(self, url: str) -> URL:
        self._urls[url] = URL(url)
        return self._urls[url]


def _host(url: str) -> str | None:
    try:
        return URL(url).host
    except ValueError:
        return None  # the call will say what is wrong with it


class _Refusing(aiohttp.ThreadedResolver):
    """Looks hosts up, and finds only addresses that may be called."""

    def __init__(self, refuse: Refuse, proxies: Container[str | None]) -> None:
        super().__init__()
        self._refuse = refuse
        self._proxies = proxies

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        for place in found if host not in self._proxies else ():
            if reason := self._refuse(host, place["host"]):
                raise OSError(None, reason)
        return found


@dataclass(frozen=True, slots=True)
class _Way:
    """How a url is reached without aiohttp. It holds the headers, whose identity it is known by."""

    host: str
    port: int
    head: bytes
    headers: Mapping[str, str]


def _plain_way(url: str, headers: Mapping[str, str]) -> _Way | None:
    if not url.startswith("http://"):
        return None
    try:
        parsed = URL(url)
        host, port = parsed.raw_host, parsed.port
        if host is None or port is None or parsed.user is not None:
            return None
        shown = parsed.raw_authority
        given = [*headers.items(), *([] if any(name.lower() == "user-agent" for name in headers) else [_AGENT])]
        return _Way(
            host, port, request_head("POST", parsed.raw_path_qs, parsed.host_port_subcomponent or shown, given), headers
        )
    except ValueError as error:
        raise TransportError("unreachable", f"{url}: {error}") from error


def _as_transport_error(url: str, error: NoAnswerError, timeouts: Timeouts) -> TransportError:
    match error.trouble:
        case "connect":
            system = error.error
            number = system.errno if system is not None else None
            told = system.strerror if system is not None else None
            # asyncio's own text of a system error ("Connect call failed") says less than the system's.
            reason = os.strerror(number) if number and number > 0 else told or str(error)
            return TransportError("unreachable", f"{url}: no connection: {reason}")
        case "connect_timeout":
            return TransportError("timeout", f"{url} did not answer within {timeouts.connect:g} s of connecting")
        case "read_timeout":
            return TransportError("timeout", f"{url} did not answer within {timeouts.read:g} s of waiting for data")
        case "timeout":
            return TransportError("timeout", f"{url} did not answer within {timeouts.total:g} s")
        case "disconnected":
            return TransportError("unreachable", f"{url} closed the connection without an answer")
        case "cut":
            return TransportError("bad_reply", f"{url} stopped in the middle of its answer")
        case "too_large":
            return TransportError("bad_reply", f"{url} answered with {error}: more than is read")
        case "malformed":
            return TransportError("bad_reply", f"{url} answered what is not HTTP: {error}")


def _as_no_answer(error: Exception) -> NoAnswerError:
    """What aiohttp says, in the terms of connections of our own, so that both tell it to the user in the same words."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return NoAnswerError("connect_timeout")
        case aiohttp.SocketTimeoutError():
            return NoAnswerError("read_timeout")
        case TimeoutError():
            return NoAnswerError("timeout")
        case aiohttp.ClientConnectorError():
            return NoAnswerError("connect", str(error), error)
        case aiohttp.ServerDisconnectedError():
            return NoAnswerError("disconnected")
        case _:
            return NoAnswerError("cut")


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > LARGEST_REPLY:
            raise NoAnswerError("too_large", f"over {LARGEST_REPLY:,} bytes")
        parts.append(part)
    return b"".join(parts)


def _why_no_tls(error: aiohttp.ClientSSLError) -> str:
    if "WRONG_VERSION_NUMBER" in str(error):
        return "what answers there speaks no TLS: should the url begin with http://?"
    return str(error.os_error)
