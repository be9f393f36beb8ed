"""How the kind of structured output that a model takes is found: by the rows' own requests, at full concurrency."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import pytest
from calling import QUICK, SCHEMA, ask, failure, model, request, text

from referee.exchange import Failure, Response
from referee.inference import Caller, CallOptions, RowCalls
from referee.judge import Model
from referee.testing import Answer, ScriptedEndpoint, ScriptedTransport
from referee.testing.steps import error_step

GOOD = '{"quality": 3}'
ROWS = 16


def asked(number: object = 0) -> Any:
    return request(f"row {number}", schema=SCHEMA)


def kind(body: dict[str, Any]) -> str:
    """The kind of structured output that a request asks for."""
    return (body.get("response_format") or body.get("text", {}).get("format") or {"type": "none"})["type"]


async def in_turn(caller: Caller, at: Model, requests: list[Any]) -> list[Response | Failure]:
    return [await caller.call(at, one, RowCalls(row, 0), 0) for row, one in enumerate(requests)]


@pytest.mark.parametrize("path", ["", "/responses"])
@pytest.mark.parametrize(
    ("refuses", "found"),
    [([], "json_schema"), (["json_schema"], "json_object"), (["json_schema", "json_object"], "none")],
)
def test_it_is_found_by_the_first_rows_and_remembered(refuses: list[str], found: str, path: str) -> None:
    async def run() -> None:
        async with Caller(CallOptions(concurrency=ROWS, retry=QUICK)) as caller:
            at = model(endpoint.url + path)
            first = await asyncio.gather(*(caller.call(at, asked(row), RowCalls(row, 0), 0) for row in range(ROWS)))
            assert [text(answer) for answer in first] == [GOOD] * ROWS
            assert caller.endpoint(at).structures == {"m": found}
            assert endpoint.served.most_in_flight == ROWS, "no row waits for another one's finding"
            endpoint.requests.clear()
            later = await in_turn(caller, at, [asked(row) for row in range(ROWS, 2 * ROWS)])
            assert [text(answer) for answer in later] == [GOOD] * ROWS
            assert Counter(kind(sent.body) for sent in endpoint.requests) == {found: ROWS}
            assert caller.meter.attempts_failed == 0, "finding out is no failure"

    first = iter([0.3] * ROWS)  # on a busy machine they come one after the other
    with ScriptedEndpoint(GOOD, refuses=refuses, latency=lambda _: next(first, 0.0)) as endpoint:
        asyncio.run(run())


def test_finding_out_costs_no_more_rounds_than_there_are_kinds() -> None:
    def refused(body: dict[str, Any]) -> Any:
        return GOOD if kind(body) == "none" else error_step(400, "Unsupported").reply

    with ScriptedEndpoint(refused, latency=0.2) as endpoint:
        begun = time.perf_counter()
        ask([asked(row) for row in range(ROWS)], at=model(endpoint.url))
        assert time.perf_counter() - begun < 0.2 * 3 * ROWS / 2, "half of what one after the other takes"
        assert len(endpoint.requests) == 3 * ROWS


def test_the_prompt_is_the_same_under_all_of_them() -> None:
    transport = ScriptedTransport(GOOD, refuses=["json_schema", "json_object"])
    ask(asked(), transport=transport)
    assert [kind(sent.body) for sent in transport.requests] == ["json_schema", "json_object", "none"]
    assert [sent.body["messages"] for sent in transport.requests] == [asked().messages] * 3
    rest = [{key: part for key, part in sent.body.items() if key != "response_format"} for sent in transport.requests]
    assert rest[0] == rest[1] == rest[2]


def test_once_it_is_found_a_refusal_is_the_rows_own() -> None:
    def answer(body: dict[str, Any]) -> Any:
        return error_step(400, "too long").reply if "row long" in str(body["messages"]) else GOOD

    async def run() -> None:
        async with Caller(CallOptions(retry=QUICK), transports={"http": transport}) as caller:
            good, long, other = await in_turn(caller, model(), [asked(1), asked("long"), asked(2)])
            assert (text(good), text(other)) == (GOOD, GOOD)
            assert failure(long).kind == "bad_request"
            assert "too long" in failure(long).message

    transport = ScriptedTransport(answer)
    asyncio.run(run())
    assert [kind(sent.body) for sent in transport.requests] == ["json_schema"] * 3


def test_a_row_that_every_kind_is_refused_for_teaches_nothing() -> None:
    def answer(body: dict[str, Any]) -> Any:
        return error_step(400, "too long").reply if "row long" in str(body["messages"]) else GOOD

    async def run() -> None:
        async with Caller(CallOptions(retry=QUICK), transports={"http": transport}) as caller:
            long, good = await in_turn(caller, model(), [asked("long"), asked(1)])
            assert failure(long).attempts == 1
            assert text(good) == GOOD
            assert caller.endpoint(model()).structures == {"m": "json_schema"}

    transport = ScriptedTransport(answer)
    asyncio.run(run())
    assert [kind(sent.body) for sent in transport.requests] == ["json_schema", "json_object", "none", "json_schema"]


def test_models_behind_one_gateway_are_told_apart() -> None:
    def answer(body: dict[str, Any]) -> Any:
        return error_step(400, "Unsupported").reply if body["model"] == "old" and kind(body) != "none" else GOOD

    async def run() -> None:
        new, old = model(name="new"), model(name="old")
        async with Caller(CallOptions(retry=QUICK), transports={"http": ScriptedTransport(answer)}) as caller:
            for row in range(3):
                for at in (new, old):
                    assert (
                        text(await caller.call(at, request(model=at.name, schema=SCHEMA), RowCalls(row, 0), 0)) == GOOD
                    )
            assert caller.endpoint(new) is caller.endpoint(old)
            assert caller.endpoint(old).structures == {"new": "json_schema", "old": "none"}

    asyncio.run(run())


def test_other_failures_do_not_step_down() -> None:
    transport = ScriptedTransport(GOOD, faults=["500", "401"])
    assert failure(ask(asked(), transport=transport)[0]).kind == "unauthorised"
    assert [kind(sent.body) for sent in transport.requests] == ["json_schema"] * 2


def test_without_a_schema_nothing_is_asked_for() -> None:
    transport = ScriptedTransport(Answer("four"))
    ask(request(), transport=transport)
    assert [kind(sent.body) for sent in transport.requests] == ["none"]
