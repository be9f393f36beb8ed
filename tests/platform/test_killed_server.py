"""A server killed in the middle of jobs: straight after its start they go on by themselves, and lose nothing."""

from __future__ import annotations

import time

import pytest
from running_platform import ServerProcess, some_rows, spec

from referee.testing import ScriptedEndpoint

ROWS, CONCURRENCY = 40, 4


@pytest.fixture
def slow_model():
    with ScriptedEndpoint('{"helpfulness": 3}', latency=0.05) as endpoint:
        yield endpoint


def processed(server, name):
    return server.status(name)["status_details"].get("samples_processed", 0)


def test_killed_twice_and_stopped_once(tmp_path, slow_model):
    server = ServerProcess(tmp_path / "data")
    try:
        server.make_workspace()
        name = server.submit(spec(slow_model.url, some_rows(ROWS), parallelism=CONCURRENCY)).json["name"]
        for end in ("kill", "kill", "terminate"):
            answered = slow_model.served.answers
            while slow_model.served.answers < answered + 5:
                time.sleep(0.01)
            getattr(server, end)()
            server = ServerProcess(tmp_path / "data")
        status = server.wait(name)
        assert status["status"] == "completed"
        rows = server.rows(name)
        assert [row["item"] for row in rows] == some_rows(ROWS)
        assert server.aggregate(name)["helpfulness"]["count"] == ROWS
        assert slow_model.served.answers <= ROWS + 3 * CONCURRENCY
        log = [line["message"] for line in server.get(f"{server.jobs}/{name}/logs").json["data"]]
        assert log[0] == "submitted"
        assert log[-1] == "completed"
        assert "goes on" in log
        assert server.terminate() == 0
    finally:
        server.process.kill()


def test_two_servers_never_share_a_folder(tmp_path):
    server = ServerProcess(tmp_path / "data")
    try:
        with pytest.raises(AssertionError, match="another server is at work"):
            ServerProcess(tmp_path / "data")
    finally:
        server.terminate()
