"""The transport over HTTP, on real sockets: timeouts apart, TLS, what breaks off, and what is too large."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson
import pytest
from calling import ONCE, ask, failure, model, request, text

from referee.exchange import Failure
from referee.inference import CallOptions, Reply, Timeouts
from referee.inference.http import LARGEST_REPLY, HttpTransport
from referee.inference.transport import TransportError
from referee.testing import Answer, Fault, FaultName, ScriptedEndpoint
from referee.testing.replies import reply

SELF_SIGNED = Path(__file__).parent / "self_signed.pem"


@pytest.fixture(autouse=True, params=["connections of our own", "aiohttp"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each promise holds both ways. Where proxies are named, aiohttp takes all calls, also those that need none."""
    if request.param == "aiohttp":
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "127.0.0.1,localhost,no-such-host.invalid")


def fails(url: str, timeouts: Timeouts = Timeouts(5, 5, 5)) -> Failure:
    return failure(ask(request(), at=model(url), options=CallOptions(retry=ONCE, timeouts=timeouts))[0])


@contextmanager
def listening(context: ssl.SSLContext | None = None, backlog: int = 8) -> Iterator[int]:
    """A port where connections are made, and with a context shake hands, and where nobody ever answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as server:

        def shake_hands() -> None:
            assert context is not None
            with suppress(OSError):
                connection, _ = server.accept()
                with connection, suppress(OSError):
                    context.wrap_socket(connection, server_side=True).close()

        if context is not None:
            threading.Thread(target=shake_hands, daemon=True).start()
        yield server.getsockname()[1]


def test_the_limit_on_connecting() -> None:
    with listening(backlog=0) as port:
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # these fill the queue of connections, so that the next one is not answered
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        refused = fails(f"http://127.0.0.1:{port}/v1", Timeouts(connect=0.2, read=30, total=30))
        for one in waiting:
            one.close()
    assert refused.kind == "timeout"
    assert "did not answer within 0.2 s of connecting" in refused.message


def test_the_limit_between_two_reads() -> None:
    with ScriptedEndpoint(Fault("slow_drip", seconds=8)) as endpoint:
        refused = fails(endpoint.url, Timeouts(connect=5, read=0.2, total=30))
    assert refused.kind == "timeout"
    assert "within 0.2 s of waiting for data" in refused.message


def test_the_limit_on_the_whole_call() -> None:
    with ScriptedEndpoint(Fault("slow_drip", seconds=8)) as endpoint:
        refused = fails(endpoint.url, Timeouts(connect=5, read=2, total=0.3))
    assert refused.kind == "timeout"
    assert "did not answer within 0.3 s" in refused.message


def test_slow_answers_within_the_limits_are_answers() -> None:
    with ScriptedEndpoint(Fault("slow_drip", seconds=0.4, text="4")) as endpoint:
        options = CallOptions(retry=ONCE, timeouts=Timeouts(connect=5, read=5, total=10))
        assert text(ask(request(), at=model(endpoint.url), options=options)[0]) == "4"


def test_an_endpoint_that_is_down() -> None:
    with socket.socket() as held:  # nobody else takes the port, and nobody listens
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        refused = fails(f"http://127.0.0.1:{port}/v1")
    assert refused.kind == "unreachable"
    assert f"http://127.0.0.1:{port}/v1/chat/completions: no connection: " in refused.message


def test_a_host_that_does_not_exist() -> None:
    refused = fails("http://no-such-host.invalid/v1")
    assert refused.kind == "unreachable"
    assert "no connection" in refused.message


def test_plain_http_where_tls_was_asked_for() -> None:
    with ScriptedEndpoint("4") as endpoint:
        refused = fails(endpoint.url.replace("http://", "https://"))
    assert refused.kind == "unreachable"
    assert ": TLS failed: " in refused.message


def test_a_certificate_that_nobody_vouches_for() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    with listening(context) as port:
        refused = fails(f"https://127.0.0.1:{port}/v1")
    assert refused.kind == "unreachable"
    assert "its TLS certificate is not trusted (self-signed certificate)" in refused.message


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        ("close_before_answer", "unreachable", "closed the connection without an answer"),
        ("close_mid_body", "bad_reply", "stopped in the middle of its answer"),
        ("truncated_json", "bad_reply", "the reply is not JSON, or ends in the middle: 1"),
        ("empty_body", "bad_reply", "the reply is empty"),
        ("html", "bad_reply", "the reply is a web page: is this the url of the API? It says: Sign in"),
        ("wrong_shape", "bad_reply", "the reply has not the form of its API: KeyError('message')"),
    ],
)
def test_answers_that_are_none(fault: FaultName, kind: str, said: str) -> None:
    with ScriptedEndpoint(Fault(fault)) as endpoint:
        refused = fails(endpoint.url)
        assert refused.message.startswith(endpoint.url)
    assert refused.kind == kind
    assert said in refused.message


def test_ten_megabytes_of_text_each_way() -> None:
    prompt = "Rate this. " * 1_000_000
    with ScriptedEndpoint(Fault("huge_answer")) as endpoint:
        assert len(text(ask(request(prompt), at=model(endpoint.url))[0])) == 10_000_000
        assert endpoint.requests[0].body["messages"][0]["content"] == prompt


def packed(body: bytes) -> Reply:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    return Reply(200, headers, gzip.compress(body))


def test_a_compressed_answer() -> None:
    answer = orjson.dumps(reply("chat", Answer("4"), {"model": "m"}, 0)[0])
    with ScriptedEndpoint(packed(answer)) as endpoint:
        assert text(ask(request(), at=model(endpoint.url))[0]) == "4"


def test_a_small_answer_that_unpacks_into_a_huge_one_is_not_read_to_its_end() -> None:
    with ScriptedEndpoint(packed(b" " * (LARGEST_REPLY + 1))) as endpoint:
        refused = fails(endpoint.url, Timeouts(30, 30, 60))
    assert refused.kind == "bad_reply"
    assert "more than is read" in refused.message


def test_one_connection_serves_many_calls_and_all_are_closed() -> None:
    async def calls() -> None:
        transport = HttpTransport()
        headers = {"Content-Type": "application/json"}
        for _ in range(5):
            answered = await transport.post(f"{endpoint.url}/chat/completions", b"{}", headers, Timeouts())
            assert (answered.status, answered.headers["content-type"]) == (200, "application/json")
        await transport.aclose()
        await transport.aclose()

    with ScriptedEndpoint("4") as endpoint:
        asyncio.run(calls())
        assert len(endpoint.requests) == 5


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_address_that_is_refused_gets_nothing(scheme: str) -> None:
    asked: list[tuple[str, str]] = []

    def refuse(host: str, address: str) -> str:
        asked.append((host, address))
        return f"{host} is not to be called"

    async def call(url: str) -> None:
        transport = HttpTransport(refuse)
        try:
            await transport.post(url, b"{}", {}, Timeouts())
        finally:
            await transport.aclose()

    with ScriptedEndpoint("4") as endpoint:
        url = endpoint.url.replace("http://127.0.0.1", f"{scheme}://localhost")
        with pytest.raises(TransportError, match="localhost is not to be called") as refused:
            asyncio.run(call(url))
        assert not endpoint.requests
    assert refused.value.kind == "unreachable"
    assert {host for host, _ in asked} == {"localhost"}
    assert {address for _, address in asked} <= {"127.0.0.1", "::1"}


def test_redirects_are_not_followed() -> None:
    moved = Reply(307, {"location": "https://elsewhere/v1"}, b"")
    with ScriptedEndpoint(moved) as endpoint:
        refused = fails(endpoint.url)
    assert "it redirects to https://elsewhere/v1" in refused.message


def test_a_header_that_cannot_be_sent_is_said_without_its_value() -> None:
    key = "sk-live-0123456789\nX-Other: 1"
    with ScriptedEndpoint("4") as endpoint:
        options = CallOptions(retry=ONCE)
        at = model(endpoint.url, api_key_secret="any")
        (answer,) = ask(request(), at=at, secrets=lambda _: key, options=options)
    assert failure(answer).kind == "unreachable"
    assert "0123456789" not in failure(answer).message
