"""A call: the journal is asked first, what comes is recorded before it is read, and samples are kept apart."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from calling import ONCE, PARAMETERS, QUICK, SCHEMA, ask, failure, model, request, text

from referee.exchange import Failure, Response
from referee.inference import Caller, CallOptions, Journal, Meter, Reply, RowCalls
from referee.testing import Fault, FaultName, ScriptedEndpoint, ScriptedTransport

REREAD = CallOptions(replay="reread")


def test_what_came_is_recorded_byte_for_byte_even_where_no_answer_is_in_it(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        transport = ScriptedTransport(Fault("wrong_shape"))
        answer = failure(ask(request(), transport=transport, journal=journal, options=CallOptions(retry=ONCE))[0])
        came, given_up = journal.records()
    assert came["response"] == {"object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop"}]}
    assert given_up["failure"] == {"kind": "bad_reply", "message": answer.message, "attempts": 1}
    assert (tmp_path / "j").read_bytes().count(b'"choices":[{"index":0,"finish_reason":"stop"}]') == 1


@pytest.mark.parametrize("fault", ["wrong_shape", "html", "truncated_json", "empty_body", "500", "400"])
def test_a_failed_call_is_made_again_when_the_run_goes_on(tmp_path: Path, fault: FaultName) -> None:
    transport = ScriptedTransport("4", faults=[fault])
    with Journal(tmp_path / "j") as journal:
        failure(ask(request(), transport=transport, journal=journal, options=CallOptions(retry=ONCE))[0])
    for calls in (1, 0):
        with Journal(tmp_path / "j") as journal:
            meter = Meter()
            assert text(ask(request(), transport=transport, journal=journal, meter=meter)[0]) == "4"
            assert (meter.calls, meter.recorded) == (calls, 1 - calls)
    assert transport.served.answers == 1


def test_an_answered_call_is_never_made_again(tmp_path: Path) -> None:
    requests = [request(str(row)) for row in range(20)]
    with ScriptedEndpoint(lambda body: body["messages"][0]["content"]) as endpoint:
        for recorded in (False, True):
            with Journal(tmp_path / "j") as journal:
                answers = ask(requests, at=model(endpoint.url), journal=journal)
            assert [text(answer) for answer in answers] == [str(row) for row in range(20)]
            assert {answer.recorded for answer in answers if isinstance(answer, Response)} == {recorded}
        assert endpoint.served.answers == 20


def test_an_answer_that_came_after_a_bad_reply_is_the_one_that_is_found(tmp_path: Path) -> None:
    transport = ScriptedTransport("4", faults=["wrong_shape", "html"])
    for _ in range(2):
        with Journal(tmp_path / "j") as journal:
            assert text(ask(request(), transport=transport, journal=journal)[0]) == "4"
            assert len(list(journal.records())) == 3
    assert transport.served.answers == 1


def test_identical_rows_and_repeats_are_samples_of_their_own(tmp_path: Path) -> None:
    async def run() -> list[str]:
        with Journal(tmp_path / "j") as journal:
            async with Caller(transports={"http": transport}, journal=journal) as caller:
                places = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), ("0", 0, 0)]
                return [
                    text(await caller.call(model(), request(), RowCalls(row, repeat), step))
                    for row, repeat, step in places
                ]

    transport = ScriptedTransport(["a", "b", "c", "d", "e"])
    assert asyncio.run(run()) == ["a", "b", "c", "d", "e"]
    assert asyncio.run(run()) == ["a", "b", "c", "d", "e"], "each from its own record"
    assert transport.served.answers == 5


def test_a_row_key_survives_reordering(tmp_path: Path) -> None:
    async def run(keys: str) -> dict[str, str]:
        with Journal(tmp_path / "j") as journal:
            async with Caller(transports={"http": transport}, journal=journal) as caller:
                return {key: text(await caller.call(model(), request(), RowCalls(key, 0), 0)) for key in keys}

    transport = ScriptedTransport(["1", "2", "3"])
    assert asyncio.run(run("abc")) == asyncio.run(run("cab")) == {"a": "1", "b": "2", "c": "3"}
    assert transport.served.answers == 3


def test_metrics_that_ask_the_same_of_a_row_share_the_call() -> None:
    async def run() -> None:
        async with Caller(CallOptions(retry=QUICK), transports={"http": transport}) as caller:
            row, other = RowCalls(0, 0), RowCalls(1, 0)
            parameters = {"max_completion_tokens": 50, "temperature": 0}  # in other words the same
            equal = request(parameters=parameters)
            answers = await asyncio.gather(
                caller.call(model(), request(), row, 0),
                caller.call(model(), equal, row, 0),
                caller.call(model(), request(), row, 1),
                caller.call(model(), request("Other."), row, 0),
                caller.call(model(), request(), other, 0),
            )
            assert answers[0] is answers[1]
            assert await caller.call(model(), equal, row, 0) is answers[0], "also where it comes later"
            assert caller.meter.calls == 4

    transport = ScriptedTransport("4", latency=0.01)
    asyncio.run(run())
    assert transport.served.answers == 4


def test_they_share_a_failure_too() -> None:
    async def run() -> None:
        async with Caller(transports={"http": transport}) as caller:
            row = RowCalls(0, 0)
            one, other = await asyncio.gather(*(caller.call(model(), request(), row, 0) for _ in range(2)))
            assert failure(one) is other
            assert caller.meter.failures == {"bad_request": 1}

    transport = ScriptedTransport(Fault("400"), latency=0.01)
    asyncio.run(run())
    assert transport.served.attempts == {"400": 1}


def test_who_shares_a_call_that_is_cancelled_is_told() -> None:
    async def run() -> Response | Failure:
        async with Caller(transports={"http": ScriptedTransport(Fault("hang"))}) as caller:
            row = RowCalls(0, 0)
            first = asyncio.create_task(caller.call(model(), request(), row, 0))
            second = asyncio.create_task(caller.call(model(), request(), row, 0))
            await asyncio.sleep(0.01)
            first.cancel()
            return await second

    assert failure(asyncio.run(run())) == Failure("cancelled", "the run ended before this call was answered")


def test_never_more_calls_in_flight_than_asked_for() -> None:
    first = iter([0.3] * 5)  # on a busy machine they come one after the other
    with ScriptedEndpoint("4", latency=lambda _: next(first, 0.005)) as endpoint:
        options = CallOptions(concurrency=5)
        assert len(ask([request(str(row)) for row in range(40)], at=model(endpoint.url), options=options)) == 40
        assert endpoint.served.most_in_flight == 5


def test_two_models_at_one_endpoint_share_its_limit() -> None:
    async def run() -> None:
        async with Caller(CallOptions(concurrency=3)) as caller:
            models = [model(endpoint.url, name=name) for name in "ab"]
            assert caller.endpoint(models[0]) is caller.endpoint(models[1])
            assert caller.endpoint(models[0]) is not caller.endpoint(model(endpoint.url, default_headers={"X": "1"}))
            calls = (caller.call(models[row % 2], request(str(row)), RowCalls(row, 0), 0) for row in range(20))
            await asyncio.gather(*calls)

    first = iter([0.3] * 3)
    with ScriptedEndpoint("4", latency=lambda _: next(first, 0.005)) as endpoint:
        asyncio.run(run())
        assert endpoint.served.most_in_flight == 3


def test_a_429_brings_the_calls_in_flight_down_and_they_grow_back() -> None:
    async def run() -> None:
        async with Caller(CallOptions(concurrency=16, retry=QUICK)) as caller:
            at = model(endpoint.url)
            limit = caller.endpoint(at).limit
            await asyncio.gather(*(caller.call(at, request(str(row)), RowCalls(row, 0), 0) for row in range(16)))
            assert limit.pushbacks == 16
            assert limit.places < 16
            for row in range(16, 400):
                await caller.call(at, request(str(row)), RowCalls(row, 0), 0)
            assert limit.places == 16

    faults: list[FaultName] = ["429"] * 16
    with ScriptedEndpoint("4", faults=faults, latency=0.001) as endpoint:
        asyncio.run(run())


def test_a_reread_calls_nobody_and_ignores_parameters_and_schema(tmp_path: Path) -> None:
    transport = ScriptedTransport("4")
    with Journal(tmp_path / "j") as journal:
        ask(request(), transport=transport, journal=journal)
    other = request(parameters={**PARAMETERS, "temperature": 1.0}, schema=SCHEMA)
    with Journal(tmp_path / "j") as journal:
        meter = Meter()
        requests = [other, request("A changed prompt.")]
        found, missing = ask(requests, transport=transport, journal=journal, options=REREAD, meter=meter)
        assert len(list(journal.records())) == 1
    assert text(found) == "4"
    assert failure(missing).kind == "not_recorded"
    assert (meter.recorded, meter.calls, meter.failures, transport.served.answers) == (1, 0, {"not_recorded": 1}, 1)


def test_without_a_journal_nothing_is_kept() -> None:
    transport = ScriptedTransport("4")
    for _ in range(2):
        assert text(ask(request(), transport=transport)[0]) == "4"
    assert transport.served.answers == 2


def test_the_callers_own_transports_are_closed_and_given_ones_are_not() -> None:
    transport = ScriptedTransport("4")
    ask(request(), transport=transport)
    assert not transport.closed


@pytest.mark.parametrize(
    "message",
    [
        {"content": [{"type": "text", "text": "4"}, {"type": "text", "text": "2"}]},
        {"content": "42", "refusal": None, "reasoning_content": {"odd": 1}, "tool_calls": "none"},
    ],
)
def test_answers_in_the_forms_that_endpoints_have(message: dict[str, Any]) -> None:
    body = {"choices": [{"message": message, "finish_reason": None}], "usage": None}
    assert text(ask(request(), transport=ScriptedTransport(Reply(200, {}, orjson.dumps(body))))[0]) == "42"


@pytest.mark.parametrize("refusal", ["I cannot help.", {"reason": "policy"}, True])
def test_a_refusal_is_text_whatever_form_it_came_in(refusal: Any) -> None:
    body = {"choices": [{"message": {"content": None, "refusal": refusal}}]}
    (answer,) = ask(request(), transport=ScriptedTransport(Reply(200, {}, orjson.dumps(body))))
    assert isinstance(answer, Response)
    assert isinstance(answer.refusal, str)
