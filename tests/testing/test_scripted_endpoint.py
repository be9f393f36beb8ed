"""The scripted endpoint's answers, over HTTP and as a transport: both are driven through the same cases."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

import aiohttp
import orjson
import pytest

from referee.exchange import Response, Usage, read_reply
from referee.inference.transport import Reply, Timeouts, TransportError
from referee.testing import Answer, Fault, ScriptedAnswer, ScriptedEndpoint, ScriptedTransport

MESSAGES = [
    {"role": "system", "content": "You rate."},
    {"role": "user", "content": [{"type": "text", "text": "Go on"}]},
]
Replies = list[Reply]
CHAT: dict[str, Any] = {"model": "m", "messages": MESSAGES}
RESPONSES: dict[str, Any] = {"model": "m", "input": MESSAGES}


class Http:
    """Posts to a `ScriptedEndpoint` with plain aiohttp."""

    def __init__(self, answer: ScriptedAnswer, **options: Any) -> None:
        self.script = ScriptedEndpoint(answer, **options)

    def post(self, *bodies: dict[str, Any], headers: Mapping[str, str] | None = None, at_once: bool = False) -> Replies:
        async def run() -> Replies:
            async with aiohttp.ClientSession(headers=headers) as session:
                return await in_turn([self._post(session, body) for body in bodies], at_once)

        with self.script:
            return asyncio.run(run())

    async def _post(self, session: aiohttp.ClientSession, body: dict[str, Any]) -> Reply:
        path = "/responses" if "input" in body else "/chat/completions"
        async with session.post(self.script.url + path, json=body) as response:
            return Reply(response.status, dict(response.headers), await response.read())


class Memory:
    """Posts to a `ScriptedTransport`."""

    def __init__(self, answer: ScriptedAnswer, **options: Any) -> None:
        self.script = ScriptedTransport(answer, **options)

    def post(self, *bodies: dict[str, Any], headers: Mapping[str, str] | None = None, at_once: bool = False) -> Replies:
        return asyncio.run(in_turn([self._post(body, headers or {}) for body in bodies], at_once))

    async def _post(self, body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        path = "/responses" if "input" in body else "/chat/completions"
        return await self.script.post(f"http://model/v1{path}", orjson.dumps(body), headers, Timeouts())


async def in_turn(calls: Sequence[Awaitable[Reply]], at_once: bool) -> Replies:
    return await asyncio.gather(*calls) if at_once else [await call for call in calls]


both = pytest.mark.parametrize("door", [Http, Memory])
Door = type[Http] | type[Memory]


def read(reply: Reply) -> Response:
    response = read_reply(orjson.loads(reply.body))
    assert isinstance(response, Response), response
    return response


@both
@pytest.mark.parametrize("body", [CHAT, RESPONSES])
def test_one_answer_for_all(door: Door, body: dict[str, Any]) -> None:
    seen = door("four of five")
    first, second = seen.post(body, body)
    for reply in (first, second):
        assert reply.status == 200
        assert read(reply).text == "four of five"
        assert read(reply).finish == "stop"
        assert read(reply).usage == Usage(4, 3)
    assert seen.script.served.attempts == {"200": 2}
    assert seen.script.served.answers == 2
    assert (seen.script.served.input_tokens, seen.script.served.output_tokens) == (8, 6)


@both
def test_answers_in_order_and_their_end(door: Door) -> None:
    seen = door(["1", Fault("503"), Answer("2", usage=Usage(10, 20)), Reply(418, {}, b"{}")])
    got = seen.post(CHAT, CHAT, RESPONSES, CHAT, CHAT)
    assert [reply.status for reply in got] == [200, 503, 200, 418, 400]
    assert (read(got[0]).text, read(got[2]).text, read(got[2]).usage) == ("1", "2", Usage(10, 20))
    assert b"The script has 4 answers, and this is call 5" in got[4].body


@both
def test_a_call_with_a_fault_takes_no_answer(door: Door) -> None:
    seen = door(["1", "2", "3"], faults=[None, "500", Fault("slow_drip", seconds=0.02)])
    got = seen.post(CHAT, CHAT, CHAT, CHAT)
    assert [reply.status for reply in got] == [200, 500, 200, 200]
    assert [read(got[at]).text for at in (0, 2, 3)] == ["1", "2", "3"]
    assert seen.script.served.attempts == {"200": 2, "500": 1, "slow_drip": 1}
    assert seen.script.served.answers == 3


@both
def test_a_function_sees_the_body(door: Door) -> None:
    seen = door(lambda body: Fault("404") if body["model"] == "other" else body["model"].upper())
    good, bad = seen.post(CHAT, {**CHAT, "model": "other"})
    assert (read(good).text, bad.status) == ("M", 404)


@both
def test_requests_are_recorded(door: Door) -> None:
    seen = door("ok")
    seen.post(RESPONSES, headers={"X-Trace": "7"})
    [request] = seen.script.requests
    assert request.path == "/v1/responses"
    assert request.body == RESPONSES
    assert request.headers["x-trace"] == "7"
    silent = door("ok", record=False)
    silent.post(CHAT)
    assert silent.script.requests == []


@both
def test_a_key_may_be_required(door: Door) -> None:
    [without] = door("ok", api_key="k").post(CHAT)
    [wrong] = door("ok", api_key="k").post(CHAT, headers={"Authorization": "Bearer K"})
    [right] = door("ok", api_key="k").post(CHAT, headers={"Authorization": "Bearer k"})
    assert [without.status, wrong.status, right.status] == [401, 401, 200]


@both
def test_structured_output_may_be_refused(door: Door) -> None:
    schema = {**CHAT, "response_format": {"type": "json_schema", "json_schema": {}}}
    plain = {**CHAT, "response_format": {"type": "json_object"}}
    of_responses = {**RESPONSES, "text": {"format": {"type": "json_schema", "schema": {}}}}
    seen = door("ok", refuses=["json_schema", "guided_json"])
    replies = seen.post(schema, plain, CHAT, of_responses, {**CHAT, "guided_json": {}})
    assert [reply.status for reply in replies] == [400, 200, 200, 400, 400]
    messages = [orjson.loads(replies[at].body)["error"]["message"] for at in (0, 3, 4)]
    assert messages == [
        "Unsupported value: 'response_format' of type 'json_schema' is not supported.",
        "Unsupported value: 'text.format' of type 'json_schema' is not supported.",
        "Unsupported parameter: 'guided_json' is not supported.",
    ]


@both
def test_logprobs_where_they_are_asked_for(door: Door) -> None:
    answer = Answer(logprobs=[{"4": -0.5, "3": -1.0, "5": -0.25}, {"!": -0.1}])
    asked = {**CHAT, "logprobs": True, "top_logprobs": 2}
    asked_responses = {**RESPONSES, "include": ["message.output_text.logprobs"], "top_logprobs": 2}
    first, second, without = (read(reply) for reply in door(answer).post(asked, asked_responses, CHAT))
    assert first.text == without.text == "4!"
    assert without.logprobs is None
    assert first.logprobs == second.logprobs
    assert first.logprobs is not None
    assert [(position.token, position.logprob, position.top) for position in first.logprobs] == [
        ("4", -0.5, (("5", -0.25), ("4", -0.5))),
        ("!", -0.1, (("!", -0.1),)),
    ]


@both
@pytest.mark.parametrize("body", [CHAT, RESPONSES])
def test_refusals_and_cut_answers(door: Door, body: dict[str, Any]) -> None:
    [refused] = door(Answer(refusal="I cannot.")).post(body)
    assert (read(refused).text, read(refused).refusal) == ("", "I cannot.")
    [cut] = door(Answer("It is", finish="length")).post(body)
    assert (read(cut).text, read(cut).finish) == ("It is", "length")


@both
def test_latency_and_the_most_in_flight(door: Door) -> None:
    seen = door(Answer("ok", latency=0.15), latency=lambda body: 0.15)
    begun = time.monotonic()
    seen.post(*[CHAT] * 5, at_once=True)
    assert time.monotonic() - begun >= 0.3
    assert seen.script.served.most_in_flight == 5
    assert seen.script.served.in_flight == 0


def test_what_is_no_model_call() -> None:
    transport = ScriptedTransport("ok")
    assert asyncio.run(transport.post("http://model/v1/embeddings", b"{}", {}, Timeouts())).status == 404
    assert asyncio.run(transport.post("http://model/v1/responses", b"nonsense", {}, Timeouts())).status == 400


def test_what_else_the_endpoint_serves() -> None:
    async def get(path: str) -> tuple[int, Any]:
        async with aiohttp.ClientSession() as session, session.get(script.url + path) as response:
            return response.status, await response.json()

    with ScriptedEndpoint("ok") as script:
        assert asyncio.run(get("/models"))[1]["data"][0]["id"] == "scripted"
        assert asyncio.run(get("/embeddings"))[0] == 404
        stats = asyncio.run(get("/stats"))[1]
    assert stats["requests"] == 1
    assert stats["attempts"] == {"404": 1}


@pytest.mark.parametrize(
    ("fault", "kind", "timeouts"),
    [
        (Fault("hang"), "timeout", Timeouts(total=0.05)),
        (Fault("hang"), "timeout", Timeouts(read=0.05)),
        (Fault("slow_drip", seconds=5), "timeout", Timeouts(total=0.05)),
        (Fault("close_before_answer"), "unreachable", Timeouts()),
        (Fault("close_mid_body"), "bad_reply", Timeouts()),
    ],
)
def test_faults_of_the_transport(fault: Any, kind: str, timeouts: Timeouts) -> None:
    transport = ScriptedTransport(fault)
    with pytest.raises(TransportError) as caught:
        asyncio.run(transport.post("http://model/v1/responses", orjson.dumps(RESPONSES), {}, timeouts))
    assert caught.value.kind == kind
    assert transport.served.answers == 0
    asyncio.run(transport.aclose())
    assert transport.closed


def test_what_the_script_raises_comes_out() -> None:
    def picky(body: dict[str, Any]) -> str:
        assert "temperature" in body, "no temperature was sent"
        return "ok"

    with pytest.raises(AssertionError, match="no temperature was sent"):
        Memory(picky).post(CHAT)
    with pytest.raises(AssertionError, match="no temperature was sent"):
        Http(picky).post(CHAT)


def test_ports() -> None:
    with ScriptedEndpoint("ok") as endpoint:
        port = int(endpoint.url.split(":")[2].split("/")[0])
        assert endpoint.url == f"http://127.0.0.1:{port}/v1"
        with pytest.raises(OSError, match="address already in use"):
            ScriptedEndpoint("ok", port=port).start()
    with pytest.raises(RuntimeError, match="has no url before it is started"):
        _ = endpoint.url


def test_an_endpoint_stops_with_calls_in_flight() -> None:
    async def run(endpoint: ScriptedEndpoint) -> None:
        async with aiohttp.ClientSession() as session:
            call = asyncio.create_task(session.post(endpoint.url + "/responses", json=RESPONSES))
            while not endpoint.served.in_flight:
                await asyncio.sleep(0.01)
            endpoint.stop()
            with pytest.raises(aiohttp.ClientError):
                await call

    with ScriptedEndpoint("ok", latency=60) as endpoint:
        asyncio.run(asyncio.wait_for(run(endpoint), 60))
        assert endpoint.served.attempts == {"abandoned": 1}


@pytest.mark.parametrize("leaves", [False, True])
def test_an_endpoint_leaves_nothing_open_with_a_caller_who_reads_nothing(leaves: bool) -> None:
    with ScriptedEndpoint(Fault("huge_answer")) as endpoint:
        host, port = endpoint.url.split("/")[2].split(":")
        caller = socket.create_connection((host, int(port)))
        body = orjson.dumps(CHAT)
        caller.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        caller.recv(1)
        if leaves:
            caller.close()
    caller.close()
    gc.collect()  # what was left open is warned of now, and warnings are errors
