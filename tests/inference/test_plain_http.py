"""HTTP without TLS on connections of our own: how an answer may be framed, and how it may fail to end."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Sequence

import pytest

from referee.inference.plain_http import Limits, NoAnswerError, PlainConnections, PlainReply, request_head

HEAD = request_head("POST", "/v1/x", "host", [("Content-Type", "application/json")])
Use = Callable[[Callable[[], Awaitable[PlainReply]]], Awaitable[None]]


def serve(
    answers: Sequence[Sequence[bytes]], use: Use, limits: Limits = Limits(read=30, total=60)
) -> tuple[list[bytes], int]:
    """Answer each request with the next pieces, of which CLOSE closes the connection; requests and connections."""
    requests: list[bytes] = []
    left = list(answers)
    handlers: list[asyncio.Task[None]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while left:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                requests.append(head + await reader.readexactly(length))
                for piece in left.pop(0):
                    if piece is CLOSE:
                        return
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.01)
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.create_task(handle(reader, writer)))

    async def run() -> None:
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        plain = PlainConnections()
        try:
            await use(lambda: plain.exchange("127.0.0.1", port, HEAD, b"{}", limits))
        finally:
            await plain.aclose()
            server.close()
            await asyncio.gather(*handlers)
            await server.wait_closed()

    asyncio.run(run())
    return requests, len(handlers)


CLOSE = b""
OK = b"HTTP/1.1 200 OK\r\n"
PACKED = zlib.compress(b"hi")
FRAMED: dict[str, tuple[bytes, ...]] = {
    "by its length": (OK + b"Content-Length: 2\r\n\r\nhi",),
    "by its length, in pieces": (OK + b"Content-Len", b"gth: 2\r\n", b"\r\nh", b"i"),
    "in chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n", b"1\r\ni\r\n0\r\n\r\n"),
    "by the end of the connection": (OK + b"\r\nh", b"i", CLOSE),
    "by the end of an old server's connection": (b"HTTP/1.0 200 OK\r\n\r\nhi", CLOSE),
    "after a sign of life": (b"HTTP/1.1 100 Continue\r\n\r\n", OK + b"Content-Length: 2\r\n\r\nhi"),
    "packed": (OK + b"Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n%b" % (len(PACKED), PACKED),),
}


@pytest.mark.parametrize("name", FRAMED)
def test_an_answer_framed(name: str) -> None:
    found: list[PlainReply] = []

    async def use(ask: Callable[[], Awaitable[PlainReply]]) -> None:
        found.append(await ask())

    requests, _ = serve([FRAMED[name]], use)
    assert (found[0].status, found[0].body) == (200, b"hi")
    assert requests == [HEAD + b"2\r\n\r\n{}"]


NOT_ENDED: dict[str, tuple[bytes, ...]] = {
    "disconnected": (CLOSE,),
    "cut": (OK + b"Content-Length: 5\r\n\r\nhi", CLOSE),
    "malformed": (b"SMTP hello\r\n\r\n",),
    "too_large": (OK + b"Content-Length: 50\r\n\r\nhi",),
    "read_timeout": (OK + b"Content-Length: 5\r\n\r\nhi",),
}


@pytest.mark.parametrize("trouble", NOT_ENDED)
def test_no_whole_answer(trouble: str) -> None:
    async def use(ask: Callable[[], Awaitable[PlainReply]]) -> None:
        with pytest.raises(NoAnswerError) as raised:
            await ask()
        assert raised.value.trouble == trouble

    serve([NOT_ENDED[trouble]], use, Limits(read=0.1 if trouble == "read_timeout" else 30, total=60, body=20))


def test_a_connection_is_used_again_unless_the_server_wants_it_closed() -> None:
    async def use(ask: Callable[[], Awaitable[PlainReply]]) -> None:
        for _ in range(3):
            assert (await ask()).body == b"hi"

    keep, last = OK + b"Content-Length: 2\r\n\r\nhi", OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi"
    assert serve([[keep], [keep], [keep]], use)[1] == 1
    assert serve([[keep], [last, CLOSE], [keep]], use)[1] == 2


FURTHER: dict[str, bytes] = {
    "what is no HTTP": b"SMTP hello",
    "a whole answer": OK + b"Content-Length: 2\r\n\r\nno",
    "an answer's head": OK + b"Content-Length: 2\r\n\r\n",
    "the beginning of a head": OK + b"Content-Le",
}


@pytest.mark.parametrize("name", FURTHER)
def test_what_comes_with_an_answer_beyond_it_is_not_taken_for_the_next(name: str) -> None:
    keep = OK + b"Content-Length: 2\r\n\r\nhi"
    found: list[PlainReply] = []

    async def use(ask: Callable[[], Awaitable[PlainReply]]) -> None:
        found.extend([await ask(), await ask()])

    assert serve([[keep + FURTHER[name]], [keep]], use)[1] == 2
    assert found == [PlainReply(200, [(b"content-length", b"2")], b"hi")] * 2


def test_a_call_that_is_given_up_takes_its_connection_with_it() -> None:
    async def use(ask: Callable[[], Awaitable[PlainReply]]) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask(), 0.5)
        assert (await ask()).body == b"hi"

    assert serve([[OK], [OK + b"Content-Length: 2\r\n\r\nhi"]], use)[1] == 2


def test_a_header_that_would_begin_another_is_refused_without_its_value() -> None:
    with pytest.raises(ValueError, match="the header X-Key holds a line break") as raised:
        request_head("POST", "/", "host", [("X-Key", "sk-1\r\nX-Other: 1")])
    assert "sk-1" not in str(raised.value)
