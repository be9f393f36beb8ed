"""HTTP/1.1 over plain TCP: one request, one whole answer, on connections that are kept.

A general client does a lot for each call that a call of a model does not need: 300 µs of CPU with aiohttp where this
takes 30, measured side by side. It is for `http://` without a proxy; TLS and all else stay with aiohttp. Bytes are
parsed by httptools, the parser under uvicorn.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import httptools

RawHeaders = list[tuple[bytes, bytes]]
Refuse = Callable[[str, str], str | None]
"""Says of a host and the address it was found at why it must not be called, or None."""
Trouble = Literal[
    "connect", "connect_timeout", "read_timeout", "timeout", "disconnected", "cut", "too_large", "malformed"
]
_IDLE = 15.0  # seconds for which an unused connection is kept; servers commonly close them after some more
_LARGE = 1 << 16


class NoAnswerError(Exception):
    """No whole answer came. `trouble` says how far it got; `error` is the system's, where there is one."""

    def __init__(self, trouble: Trouble, message: str = "", error: OSError | None = None) -> None:
        super().__init__(message or trouble)
        self.trouble: Trouble = trouble
        self.error = error


@dataclass(slots=True)
class PlainReply:
    """An answer: the status, headers as they came, and the whole body, unpacked.

    Nobody changes one. It is not frozen since one is made for each call, and that would take three times as long.
    """

    status: int
    headers: RawHeaders
    body: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for connecting, between two reads and for a call as a whole (None: none), and the largest body."""

    connect: float = 10.0
    read: float | None = None
    total: float | None = None
    body: int = 1 << 28


def request_head(method: str, target: str, host: str, headers: Sequence[tuple[str, str]]) -> bytes:
    """The head of a request up to its length, which differs from call to call.

    Raises:
        ValueError: a header cannot be sent; its value is not in the message.
    """
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    for name, value in headers:
        if any(mark in name + value for mark in "\r\n\0"):
            raise ValueError(f"the header {name.splitlines()[0]} holds a line break or a null byte")
        lines.append(f"{name}: {value}")
    names = {name.lower() for name, _ in headers}
    if "accept-encoding" not in names:
        lines.append("Accept-Encoding: gzip, deflate")
    return "\r\n".join(lines).encode() + b"\r\nContent-Length: "


class PlainConnections:
    """Kept connections to any number of hosts. Belongs to one event loop.

    Args:
        refuse: is asked before anything is sent to an address.
    """

    def __init__(self, refuse: Refuse | None = None) -> None:
        self._refuse = refuse
        self._idle: dict[tuple[str, int], list[_Connection]] = {}
        self._open: set[_Connection] = set()

    async def exchange(self, host: str, port: int, head: bytes, body: bytes, limits: Limits) -> PlainReply:
        """Send a request and return its whole answer, whatever the status.

        Args:
            host: a name or an address.
            port: of the host.
            head: what `request_head` made.
            body: what is sent after it.
            limits: of time and size.

        Raises:
            NoAnswerError: nothing, or only a part of an answer, came.
        """
        loop = asyncio.get_running_loop()
        deadline = None if limits.total is None else loop.time() + limits.total
        place = (host, port)
        connection = _pop_usable(self._idle.get(place), loop) or await self._connect(host, port, limits, loop)
        try:
            reply = await connection.ask(head, body, limits, deadline)
        except BaseException:
            connection.answer = None
            connection.abort()
            raise
        connection.answer = None
        if connection.reusable:
            connection.idle_since = loop.time()
            self._idle.setdefault(place, []).append(connection)
        else:
            connection.close()
        return reply

    async def aclose(self) -> None:
        """Close all connections, and return when they are."""
        ends = [connection.ended for connection in self._open]
        for connection in list(self._open):
            connection.close()
        if ends:
            await asyncio.wait(ends)
        self._idle.clear()

    async def _connect(self, host: str, port: int, limits: Limits, loop: asyncio.AbstractEventLoop) -> _Connection:
        seconds = limits.connect if limits.total is None else min(limits.connect, limits.total)
        try:
            async with asyncio.timeout(seconds):
                _, connection = await loop.create_connection(lambda: _Connection(loop), host, port)
        except TimeoutError as error:
            raise NoAnswerError("connect_timeout" if seconds == limits.connect else "timeout") from error
        except OSError as error:
            raise NoAnswerError("connect", str(error), error) from error
        self._open.add(connection)
        connection.ended.add_done_callback(lambda _: self._open.discard(connection))
        if self._refuse is not None and (reason := self._refuse(host, connection.address)):
            connection.abort()
            raise NoAnswerError("connect", reason)
        return connection


def _pop_usable(kept: list[_Connection] | None, loop: asyncio.AbstractEventLoop) -> _Connection | None:
    while kept:
        connection = kept.pop()
        if not connection.lost and loop.time() - connection.idle_since < _IDLE:
            return connection
        connection.close()
    return None


class _Connection(asyncio.Protocol):
    """One connection, which carries one exchange at a time. Who asks takes `answer` away when it has come."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.idle_since = 0.0
        self.lost = False
        self.reusable = False
        self.answer: asyncio.Future[PlainReply] | None = None
        self.ended: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser: Any = httptools.HttpResponseParser(self)  # pyright: ignore[reportAttributeAccessIssue]
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._limits = Limits()
        self._deadline: float | None = None
        self._heard = 0.0
        self._begin()

    @property
    def address(self) -> str:
        """The address at the other end."""
        assert self._transport is not None
        return str(self._transport.get_extra_info("peername")[0])

    def ask(self, head: bytes, body: bytes, limits: Limits, deadline: float | None) -> asyncio.Future[PlainReply]:
        """Send a request; what comes of it."""
        assert self._transport is not None
        answer = self.answer = self._loop.create_future()
        self.reusable = False
        self._limits, self._deadline = limits, deadline
        self._begin()
        if len(body) < _LARGE:
            self._transport.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))
        else:
            self._transport.write(b"%b%d\r\n\r\n" % (head, len(body)))
            self._transport.write(body)
        if limits.read is not None:
            self._heard = self._loop.time()
            self._watch(self._next_check())
        elif deadline is not None:
            self._watch(deadline)
        return answer

    def close(self) -> None:
        """Close it when all is written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """For asyncio."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """For asyncio."""
        if self.answer is None:
            self.abort()  # nobody asked
            return
        if self._limits.read is not None:
            self._heard = self._loop.time()
        self._began = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:  # pyright: ignore[reportAttributeAccessIssue]
            self.reusable = False
            self._fail(NoAnswerError("malformed", str(error)))

    def connection_lost(self, exc: Exception | None) -> None:
        """For asyncio."""
        self.lost = True
        self.reusable = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.answer is not None and not self.answer.done():
            if exc is None and self._headed and self._until_end:
                self._finish()
            else:
                self._fail(NoAnswerError("cut" if self._began else "disconnected", str(exc or "")))
        if not self.ended.done():
            self.ended.set_result(None)

    def on_message_begin(self) -> None:
        """For httptools."""
        if self.answer is not None and self.answer.done():
            # More than was asked for. The rest of it would be taken for the answer to the next request.
            self.reusable = False
            self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """For httptools."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """For httptools."""
        self._status = self._parser.get_status_code()
        self._headed = True
        for name, value in self._headers:
            if name == b"content-length":
                self._until_end = False
                if int(value) > self._limits.body:
                    self._fail(NoAnswerError("too_large", f"{int(value):,} bytes"))
            elif name == b"transfer-encoding":
                self._until_end = False

    def on_body(self, body: bytes) -> None:
        """For httptools."""
        self._size += len(body)
        if self._size > self._limits.body:
            self._fail(NoAnswerError("too_large", f"over {self._limits.body:,} bytes"))
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """For httptools."""
        if 100 <= self._status < 200:
            self._begin()  # only a sign of life; the answer is still to come
            return
        if self.answer is not None and not self.answer.done():
            self.reusable = self._parser.should_keep_alive()
            self._finish()

    def _begin(self) -> None:
        self._status = 0
        self._headers: RawHeaders = []
        self._parts: list[bytes] = []
        self._size = 0
        self._began = False
        self._headed = False
        self._until_end = True

    def _finish(self) -> None:
        if self.answer is None or self.answer.done():
            return
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        try:
            for name, value in self._headers:
                if name == b"content-encoding":
                    body = _unpacked(body, value.strip().lower(), self._limits.body)
        except NoAnswerError as error:
            self._fail(error)
        else:
            self.answer.set_result(PlainReply(self._status, self._headers, body))

    def _fail(self, error: NoAnswerError) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(error)

    def _next_check(self) -> float:
        ends = [] if self._deadline is None else [self._deadline]
        if self._limits.read is not None:
            ends.append(self._heard + self._limits.read)
        return min(ends)

    def _watch(self, due: float) -> None:
        # A timer outlives its call, as most calls end long before it: it looks whether there is anything to wait for
        # when it is due, and not before.
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer, self._timer_due = self._loop.call_at(due, self._check), due

    def _check(self) -> None:
        self._timer = None
        if self.answer is None or (self._deadline is None and self._limits.read is None):
            return
        now, due = self._loop.time(), self._next_check()
        if now < due - 0.001:
            self._watch(due)
        elif self._deadline is not None and now >= self._deadline - 0.001:
            self._fail(NoAnswerError("timeout"))
        else:
            self._fail(NoAnswerError("read_timeout"))


def _unpacked(body: bytes, encoding: bytes, largest: int) -> bytes:
    if encoding in (b"", b"identity"):
        return body
    if encoding not in (b"gzip", b"x-gzip", b"deflate"):
        raise NoAnswerError("malformed", f"the content encoding {encoding.decode('latin-1')!r} was not asked for")
    # `deflate` is the zlib format by the standard, and raw from some servers.
    windows = [31] if encoding != b"deflate" else [15, -15]
    for bits in windows:
        unpack = zlib.decompressobj(bits)
        try:
            found = unpack.decompress(body, largest + 1)
        except zlib.error as error:
            if bits == windows[-1]:
                raise NoAnswerError("malformed", f"its body cannot be unpacked: {error}") from error
            continue
        if len(found) > largest:
            raise NoAnswerError("too_large", f"over {largest:,} bytes")
        if not unpack.eof:
            raise NoAnswerError("cut")
        return found
    raise AssertionError("unreachable")
