"""A server killed in the middle of jobs: straight after its start they go on by themselves, and lose nothing."""

from __future__ import annotations

import time

import pytest
from running_platform import Platform, ServerProcess, some_rows, spec

from referee.platform.settings import Settings
from referee.testing import ScriptedEndpoint

ROWS, CONCURRENCY = 40, 4


class Crawling:
    """The time that a model takes: none for so many answers, then a minute, so that a kill always comes in time."""

    quick = 0

    def __call__(self, _):
        self.quick -= 1
        return 0.01 if self.quick >= 0 else 60.0


def test_killed_twice_and_stopped_once(tmp_path):
    latency = Crawling()
    with ScriptedEndpoint('{"helpfulness": 3}', latency=latency) as model:
        server = ServerProcess(tmp_path / "data")
        try:
            server.make_workspace()
            latency.quick = 5
            name = server.submit(spec(model.url, some_rows(ROWS), parallelism=CONCURRENCY)).json["name"]
            for number, end in enumerate(("kill", "kill", "terminate"), 1):
                until = time.monotonic() + 60
                while model.served.answers < 5 * number:
                    assert time.monotonic() < until, "the job does not go on"
                    time.sleep(0.01)
                getattr(server, end)()
                latency.quick = 5 if number < 3 else ROWS + 3 * CONCURRENCY
                server = ServerProcess(tmp_path / "data")
            status = server.wait(name)
            assert status["status"] == "completed"
            rows = server.rows(name)
            assert [row["item"] for row in rows] == some_rows(ROWS)
            assert server.aggregate(name)["helpfulness"]["count"] == ROWS
            assert model.served.answers <= ROWS + 3 * CONCURRENCY
            log = [line["message"] for line in server.get(f"{server.jobs}/{name}/logs").json["data"]]
            assert log[0] == "submitted"
            assert log[-1] == "completed"
            assert "goes on" in log
            assert server.terminate() == 0
        finally:
            server.process.kill()


def test_two_servers_never_share_a_folder(tmp_path):
    with (
        Platform(Settings(data=tmp_path / "data")),
        pytest.raises(AssertionError, match="another server is at work"),
    ):
        ServerProcess(tmp_path / "data")
