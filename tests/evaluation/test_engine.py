"""The engine: the order in which outcomes are handed on, what ends a run, and what is there when it has ended."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from running import QUICK, answer, judge, number, rows, run

from referee.data import Row
from referee.errors import RunStopped
from referee.evaluation.engine import RunOptions
from referee.evaluation.engine import run as run_engine
from referee.evaluation.outcome import RowOutcome
from referee.evaluation.progress import Progress
from referee.inference import Budget, Caller, Meter
from referee.judge import Failed, Scored
from referee.testing import Fault, ScriptedEndpoint, ScriptedTransport
from referee.testing.steps import error_step


def scored(outcome: RowOutcome, name: str = "llm-judge") -> float | str:
    """The value of a row's score, or the kind of its failure."""
    score = outcome.verdicts[name].scores["quality"]
    return score.value if isinstance(score, Scored) else score.kind if isinstance(score, Failed) else "unclear"


def indices(outcomes: list[RowOutcome]) -> list[int]:
    return [outcome.row.index for outcome in outcomes]


@pytest.mark.parametrize("concurrency", [1, 7, 64])
def test_outcomes_come_in_row_order_whichever_is_ready_first(concurrency: int) -> None:
    transport = ScriptedTransport(answer, latency=lambda body: (number(body) * 7919 % 13) / 2000)
    report, kept = run(judge(), rows(200), transport, options=RunOptions(concurrency=concurrency))
    assert indices(kept) == list(range(200))
    assert [scored(outcome) for outcome in kept] == [float(row % 10) for row in range(200)]
    assert report is not None
    assert report.aggregate.score("llm-judge.quality").count == 200


def test_in_order_of_completion_a_slow_row_keeps_nobody_waiting() -> None:
    transport = ScriptedTransport(answer, latency=lambda body: 0.5 if number(body) == 0 else 0.001)
    _, kept = run(judge(), rows(40), transport, options=RunOptions(concurrency=8, order="completion"))
    assert indices(kept)[-1] == 0
    assert sorted(indices(kept)) == list(range(40))


def test_rows_are_read_no_further_ahead_of_a_slow_one_than_the_window() -> None:
    read = 0
    ahead: list[int] = []
    slow_is_done = threading.Event()

    def source() -> Iterator[dict[str, Any]]:
        nonlocal read
        for read, row in enumerate(rows(4000)):
            if not slow_is_done.is_set():
                ahead.append(read)
            yield row

    def answers(body: dict[str, Any]) -> str:
        return answer(body)

    def watch(progress: Progress) -> None:
        if progress.judged_rows == 1500:
            slow_is_done.set()

    transport = ScriptedTransport(answers, latency=lambda body: 1.0 if number(body) == 0 else 0.0)
    _, kept = run(judge(), source(), transport, watch=watch)
    assert indices(kept) == list(range(4000))
    assert max(ahead) < 1024 + 2 * 8 + 500


def test_repeats_are_samples_of_their_own_and_stand_together() -> None:
    transport = ScriptedTransport([f'{{"quality": {value}}}' for value in range(6)])
    _, kept = run(judge(), rows(2), transport, options=RunOptions(concurrency=1, repeats=3))
    assert [(outcome.row.index, outcome.repeat) for outcome in kept] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert [scored(outcome) for outcome in kept] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_two_judges_with_the_same_question_ask_it_once_for_each_row_and_repeat() -> None:
    transport = ScriptedTransport(answer, latency=0.002)
    judges = [judge(), judge(name="other", scores=[{"name": "quality", "minimum": 0, "maximum": 9, "parser": REGEX}])]
    judges[1] = judges[1].model_copy(update={"structured_output": {"schema": judges[0].answer_schema}})
    _, kept = run(judges, rows(5), transport, options=RunOptions(repeats=2))
    assert transport.served.answers == 10
    assert [scored(outcome) for outcome in kept] == [scored(outcome, "other") for outcome in kept]


REGEX = {"type": "regex", "pattern": r"(\d)"}


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_when_every_call_of_the_first_round_is_refused_the_run_stops_at_once(status: int) -> None:
    transport = ScriptedTransport(error_step(status, "no such thing").reply, latency=0.002)
    with pytest.raises(RunStopped, match=r"stopped, as every one of the first 8 rows .*no such thing") as stopped:
        run(judge(structured_output=False), rows(1000), transport)
    assert stopped.value.kind in ("unauthorised", "bad_request")
    assert len(transport.requests) <= 16


def test_an_endpoint_that_is_down_stops_the_run_too() -> None:
    with socket.socket() as held:  # nobody else takes the port, and nobody listens
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        with pytest.raises(RunStopped, match=r"every one of the first 8 rows failed .unreachable.*no connection"):
            run(judge(url), rows(1000))


def test_so_does_one_that_refuses_all_of_a_run_shorter_than_a_round() -> None:
    with pytest.raises(RunStopped, match=r"stopped, as all 3 rows failed \(unauthorised\)"):
        run(judge(), rows(3), ScriptedTransport(Fault("401")))
    with pytest.raises(RunStopped, match=r"stopped, as the only row failed \(unauthorised\)"):
        run(judge(), rows(1), ScriptedTransport(Fault("401")))


def test_one_refused_among_good_ones_is_that_rows_failure() -> None:
    def picky(body: dict[str, Any]) -> Any:
        return error_step(400, "too long").reply if number(body) == 5 else answer(body)

    report, kept = run(judge(), rows(30), ScriptedTransport(picky, latency=0.001))
    assert [scored(outcome) for outcome in kept] == [
        *map(float, range(5)),
        "bad_request",
        *(r % 10 for r in range(6, 30)),
    ]
    assert report is not None
    assert report.progress.failures == {"bad_request": 1}


def test_an_endpoint_that_is_too_busy_is_not_one_that_refuses() -> None:
    report, _ = run(judge(), rows(20), ScriptedTransport(Fault("429"), latency=0.001))
    assert report is not None
    assert report.progress.failures == {"rate_limited": 20}


def test_a_run_may_end_at_its_first_failure() -> None:
    def fails(body: dict[str, Any]) -> Any:
        return Fault("500") if number(body) == 20 else answer(body)

    transport = ScriptedTransport(fails, latency=0.001)
    with pytest.raises(RunStopped, match=r"row 20: quality failed: .*answered 500.*\(2 tries\)") as stopped:
        run(judge(), rows(1000), transport, options=RunOptions(concurrency=4, stop_at_failure=True))
    assert stopped.value.kind == "server_error"
    assert transport.served.answers < 100


@pytest.mark.parametrize("where", ["script", "rows", "sink", "watch"])
def test_what_is_no_failure_of_a_call_ends_the_run_and_comes_out(where: str) -> None:
    def source() -> Iterator[dict[str, Any]]:
        yield from rows(20)
        if where == "rows":
            raise ZeroDivisionError(where)
        yield from rows(20)

    def answers(body: dict[str, Any]) -> str:
        if where == "script" and number(body) == 10:
            raise ZeroDivisionError(where)
        return answer(body)

    def sink(outcome: RowOutcome) -> None:
        if where == "sink" and outcome.row.index == 10:
            raise ZeroDivisionError(where)

    def watch(progress: Progress) -> None:
        if where == "watch" and progress.judged_rows == 10:
            raise ZeroDivisionError(where)

    with pytest.raises(ZeroDivisionError, match=where):
        run(judge(), source(), ScriptedTransport(answers, latency=0.001), keep=sink, watch=watch)


def test_what_was_ready_behind_a_gap_is_handed_on_when_a_run_is_cancelled() -> None:
    """As Ctrl-C does it: row 0 hangs, the others were answered."""
    given: list[RowOutcome] = []

    async def scene() -> None:
        meter = Meter()
        transport = ScriptedTransport(lambda body: Fault("hang") if number(body) == 0 else answer(body))
        async with Caller(QUICK, meter=meter, transports={"http": transport}) as caller:
            data = [Row(index, b'{"text":"row %d"}' % index) for index in range(50)]
            options, progress = RunOptions(concurrency=4), Progress(meter)
            going = asyncio.create_task(run_engine([judge()], data, caller, given.append, options, progress))  # pyright: ignore[reportArgumentType]
            while progress.judged_rows < 49:
                await asyncio.sleep(0.01)
            assert given == []
            going.cancel()
            with pytest.raises(asyncio.CancelledError):
                await going
            assert meter.calls == 49

    asyncio.run(scene())
    assert indices(given) == list(range(1, 50))


def test_a_budget_ends_a_run_without_failing_rows() -> None:
    report, kept = run(judge(), rows(100), ScriptedTransport(answer), budget=Budget(tokens=40), options=RunOptions(1))
    assert report is not None
    assert report.progress.cut_short
    assert 5 < len(kept) < 30
    assert {type(scored(outcome)) for outcome in kept} == {float}


def test_concurrency_is_of_rows_and_of_calls() -> None:
    first = iter([0.3] * 6)  # on a busy machine they come one after the other
    with ScriptedEndpoint(answer, latency=lambda _: next(first, 0.005)) as endpoint:
        run(judge(endpoint.url), rows(60), options=RunOptions(concurrency=6))
        assert endpoint.served.most_in_flight == 6


def test_a_row_that_cannot_be_asked_about_sends_nothing() -> None:
    data = [{"text": "row 0"}, {"prompt": "no text"}, {"text": "row 2"}]
    transport = ScriptedTransport(answer)
    _, kept = run(judge(), data, transport)
    assert [scored(outcome) for outcome in kept] == [0.0, "bad_request", 2.0]
    assert len(transport.requests) == 2


def test_a_slow_endpoint_is_kept_busy() -> None:
    with ScriptedEndpoint(answer, latency=0.2, record=False) as endpoint:
        begun = time.perf_counter()
        run(judge(endpoint.url), rows(128), options=RunOptions(concurrency=32), calls=QUICK)
        assert time.perf_counter() - begun < 128 * 0.2 / 5, "four waves of answers, and time for a busy machine"
