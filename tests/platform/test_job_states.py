"""The states of a job: paused and gone on with, cancelled, deleted; lists of jobs; what the log says."""

from __future__ import annotations

import threading
import time

import pytest
from running_platform import some_rows, spec

from referee.platform.jobs.states import State
from referee.testing import Fault, ScriptedEndpoint


@pytest.fixture
def gate():
    """An endpoint whose answers wait until they are let through; `gate.open` lets all through."""
    opened = threading.Event()
    begun = threading.Event()

    def latency(body):
        begun.set()
        return 0.0 if opened.is_set() else 0.2

    with ScriptedEndpoint('{"helpfulness": 3}', latency=latency) as endpoint:
        endpoint.open, endpoint.begun = opened.set, begun.wait
        yield endpoint


def act(platform, name, what):
    return platform.post(f"{platform.jobs}/{name}/{what}")


def begin(platform, gate, count=30, **params):
    name = platform.submit(spec(gate.url, some_rows(count), parallelism=2, **params)).json["name"]
    assert gate.begun(60)
    return name


def test_paused_and_gone_on_with(platform, gate):
    name = begin(platform, gate)
    assert act(platform, name, "pause").json["status"] == "paused"
    gate.open()
    answered = gate.served.answers
    assert platform.status(name)["status"] == "paused"
    assert platform.get(f"{platform.evaluate}/{name}/results/aggregate-scores/download").status == 404
    assert act(platform, name, "resume").json["status"] == "pending"
    assert platform.wait(name)["status"] == "completed"
    assert [row["item"] for row in platform.rows(name)] == some_rows(30)
    assert gate.served.answers <= 30 + 2 + max(0, answered - answered)


def test_cancelled_with_what_it_has(platform, gate):
    name = begin(platform, gate)
    while gate.served.answers < 4:
        time.sleep(0.01)
    assert act(platform, name, "cancel").json["status"] in ("cancelling", "cancelled")
    assert platform.wait(name)["status"] == "cancelled"
    rows = platform.rows(name)
    assert 0 < len(rows) < 30
    assert platform.aggregate(name)["helpfulness"]["count"] == len(rows)


def test_only_legal_moves(platform, model):
    name = platform.run(spec(model.url, some_rows(1)))
    for what, state in (("pause", "paused"), ("resume", "pending"), ("cancel", "cancelling")):
        answer = act(platform, name, what)
        assert answer.status == 409
        assert answer.detail == f"Job {name!r} is completed, and cannot become {state}"
    assert act(platform, "none", "cancel").status == 404


def test_every_state_comes_to_an_end():
    reached = {State.created}
    for _ in State:
        reached |= {after for state in reached for after in State if state.may_become(after)}
    assert reached == set(State)
    assert {state for state in State if state.is_final} == {State.completed, State.cancelled, State.error}
    assert not any(state.may_become(state) for state in State)


def test_resumed_after_an_error_was_mended(platform):
    broken = True

    def answer(body):
        return Fault("401") if broken and "question 6" in str(body) else '{"helpfulness": 3}'

    with ScriptedEndpoint(answer) as endpoint:
        wanted = spec(endpoint.url, some_rows(10), parallelism=2)
        wanted["metric"]["ignore_request_failure"] = False
        name = platform.run(wanted)
        status = platform.status(name)
        assert status["status"] == "error"
        assert "row 6" in status["error_details"]["message"]
        broken = False
        assert act(platform, name, "resume").json["status"] == "pending"
        assert platform.wait(name)["status"] == "completed"
        assert platform.status(name)["error_details"] is None
        assert endpoint.served.answers <= 10 + 2  # those in flight when it stopped may be asked for again
    assert [row["item"] for row in platform.rows(name)] == some_rows(10)
    assert platform.aggregate(name)["helpfulness"]["count"] == 10


def test_deleted_while_it_runs(platform, gate, tmp_path):
    name = begin(platform, gate)
    assert platform.delete(f"{platform.jobs}/{name}").status == 204
    assert platform.get(f"{platform.jobs}/{name}").status == 404
    gate.open()
    later = platform.run(spec(gate.url, some_rows(1)))
    assert len(list((tmp_path / "data" / "jobs").iterdir())) == 1
    assert platform.delete(f"{platform.evaluate}/{later}").status == 204
    assert list((tmp_path / "data" / "jobs").iterdir()) == []


def test_a_deleted_fileset_does_not_change_a_job(platform, gate):
    platform.upload("set", "rows.jsonl", b'{"prompt": "p", "response": "r"}\n' * 30)
    name = platform.submit(spec(gate.url, "ws/set#rows.jsonl", parallelism=2)).json["name"]
    assert gate.begun(60)
    assert platform.delete(f"{platform.filesets}/set").status == 200
    gate.open()
    assert platform.wait(name)["status"] == "completed"
    assert len(platform.rows(name)) == 30


def test_the_log_and_the_lists(platform, model):
    first = platform.run(spec(model.url, some_rows(6)))
    second = platform.submit(spec(model.url, some_rows(1)), name="mine", description="d").json["name"]
    platform.wait(second)
    assert second == "mine"
    assert platform.submit(spec(model.url, some_rows(1)), name="mine").status == 409
    log = platform.get(f"{platform.jobs}/{first}/logs").json
    said = [line["message"] for line in log["data"]]
    assert [*said[:2], *sorted(said[2:4]), *said[4:]] == [
        "submitted",
        "6 rows in 2 shards",
        "rows 0 to 3 are done: 0 unclear, 0 failed",
        "rows 4 to 5 are done: 0 unclear, 0 failed",
        "completed",
    ]
    assert log["total"] == 5
    pages = platform.get(f"{platform.jobs}/{first}/logs?limit=2").json
    rest = platform.get(f"{platform.jobs}/{first}/logs?limit=2&page_cursor={pages['next_page']}").json
    assert rest["data"] == log["data"][2:4]
    assert platform.get(f"{platform.jobs}/{first}/logs?tail=1").json["data"] == log["data"][-1:]
    assert platform.get(f"{platform.jobs}/{first}/logs?page_cursor=x").status == 400
    for url in (platform.jobs, platform.evaluate):
        listed = platform.get(f"{url}?filter[status]=completed").json
        assert [job["name"] for job in listed["data"]] == ["mine", first]
        assert listed["data"][0]["status_details"]["progress"] == 100.0
    assert platform.get(f"{platform.jobs}?filter[status]=error").json["data"] == []


def test_rows_are_there_while_the_job_runs(platform, gate):
    name = begin(platform, gate)
    while platform.status(name)["status_details"].get("samples_processed", 0) < 4:
        time.sleep(0.01)
    rows = platform.get(f"{platform.evaluate}/{name}/rows").json["data"]
    assert [row["row_index"] for row in rows] == list(range(len(rows)))
    assert len(rows) >= 4
    gate.open()
    assert platform.wait(name)["status"] == "completed"
