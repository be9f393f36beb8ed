"""Going on with a collection: after kill -9, after Ctrl-C, after failures, and where it would be another collection."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import running_gym as tools
from collecting import STRICT, TOLERANT, Gym, beside, lines, running

PARALLEL = 4


class Latency:
    """Seconds that the model takes. Slow ones leave time to end a collection, however slow the machine is itself."""

    seconds = 0.0

    def __call__(self, _: object) -> float:
        return self.seconds


LATENCY = Latency()


@pytest.fixture(scope="module")
def gym(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gym]:
    with running(tmp_path_factory.mktemp("gym"), seconds=30.0, latency=LATENCY) as gym:
        yield gym


def keys(output: Path) -> list[tuple[int, int]]:
    return [(one["_ng_task_index"], one["_ng_rollout_index"]) for one in lines(output)]


def begin(gym: Gym, rows: Path, output: Path, *more: str) -> subprocess.Popen[bytes]:
    """A collection that has written its first rollouts, and takes a long time over the others."""
    LATENCY.seconds = 0.5
    slowly = f"+num_samples_in_parallel={PARALLEL}"
    running = subprocess.Popen(gym.command(rows, output, slowly, *more), **gym.options())
    tools.wait_until(lambda: output.exists() and output.read_bytes().count(b"\n") >= PARALLEL, 200)
    return running


def end(running: subprocess.Popen[bytes], number: int) -> tuple[int, str, str]:
    running.send_signal(number)
    out, err = running.communicate(timeout=200)
    LATENCY.seconds = 0.0
    return running.returncode, out.decode(), err.decode()


def test_after_kill_nine_only_what_was_under_way_is_done_again(gym: Gym, tmp_path: Path) -> None:
    rows = gym.rows(tmp_path, *(f"question {number}" for number in range(20)))
    output = tmp_path / "out.jsonl"
    before = gym.endpoint.served.answers
    assert end(begin(gym, rows, output, "+num_repeats=2"), signal.SIGKILL)[0] == -signal.SIGKILL
    kept = output.read_bytes()
    kept = kept[: kept.rfind(b"\n") + 1]
    output.write_bytes(kept + b'{"reward": 1.0, "respon')  # a line that was torn
    done = gym.collect(rows, output, "+num_repeats=2")
    assert done.returncode == 0, done.stderr
    assert "going on" in done.stderr
    assert output.read_bytes().startswith(kept)
    assert sorted(keys(output)) == [(task, rollout) for task in range(20) for rollout in range(2)]

    def asked_for(rollouts: int) -> bool:
        # Two calls each, and those that were under way: the servers make them to their end, some of them after this.
        return 2 * rollouts <= gym.endpoint.served.answers - before <= 2 * (rollouts + PARALLEL)

    assert asked_for(40)
    figures: Any = json.loads(beside(output, "_aggregate_metrics.json").read_bytes())
    assert figures[0]["agent_metrics"]["num_rollouts"] == 40

    again = gym.collect(rows, output, "+num_repeats=2", "+resume_from_cache=true")  # nothing is left to do
    assert again.returncode == 0
    assert asked_for(40)
    more = gym.collect(rows, output, "+num_repeats=3", "+resume_from_cache=true")  # what is new is added
    assert more.returncode == 0
    assert asked_for(60)
    assert len(set(keys(output))) == len(keys(output)) == 60
    anew = gym.collect(rows, output, "+limit=1")  # a finished one is begun anew, and kept under another name
    assert "beginning anew" in anew.stderr
    assert len(lines(output)) == 1
    assert len(lines(beside(output, ".previous.jsonl"))) == 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_what_was_collected(gym: Gym, tmp_path: Path, number: int) -> None:
    rows = gym.rows(tmp_path, *(f"{number} {one}" for one in range(40)))
    output = tmp_path / "out.jsonl"
    code, out, err = end(begin(gym, rows, output), number)
    assert code == 130, err
    assert "Traceback" not in err
    found = len(lines(output))
    assert PARALLEL <= found < 40
    assert f"Stopped with {40 - found} rollouts left" in out
    assert "run the same command again to go on" in out
    assert not beside(output, "_aggregate_metrics.json").exists()


def test_another_collection_under_the_same_name_is_refused_with_the_difference(gym: Gym, tmp_path: Path) -> None:
    rows = gym.rows(tmp_path, *(f"one {number}" for number in range(30)))
    output = tmp_path / "out.jsonl"
    warm = "+responses_create_params={temperature: 1.0}"
    end(begin(gym, rows, output, warm), signal.SIGKILL)
    kept = output.read_bytes()
    refused = gym.collect(rows, output, "+responses_create_params={temperature: 0.5}")
    assert refused.returncode == 1
    assert "responses_create_params.temperature was 1.0 and is 0.5 (" in refused.stderr
    assert "+resume_from_cache=false, which begins anew" in refused.stderr
    gym.rows(tmp_path, *(f"two {number}" for number in range(30)))
    refused = gym.collect(rows, output, warm, "+resume_from_cache=true")
    assert "responses_create_params.input is another one (" in refused.stderr
    assert output.read_bytes() == kept
    assert gym.collect(rows, output, "+resume_from_cache=false", "+limit=2").returncode == 0
    assert len(lines(output)) == 2


def test_what_failed_is_tried_three_times_and_refused_rows_once(gym: Gym, tmp_path: Path) -> None:
    rows = gym.rows(tmp_path, "good", "judge: 500;")
    with rows.open("a") as file:
        file.write(json.dumps({"responses_create_params": {"input": "x", "colour": "blue"}}) + "\nno row\n")
    output = tmp_path / "out.jsonl"
    agent = f"+agent_name={STRICT}"
    for attempt in (1, 2, 3):
        done = gym.collect(rows, output, agent)
        assert done.returncode == 3
        failures = [one["_ng_failure_class"] for one in lines(beside(output, "_failures.jsonl"))]
        assert failures.count("judge_failed") == attempt
        assert (failures.count("row_refused"), failures.count("bad_row")) == (1, 1)
        assert len(lines(output)) == 1
    given_up = gym.collect(rows, output, agent, "+resume_from_cache=true")
    assert given_up.returncode == 3
    assert len(lines(beside(output, "_failures.jsonl"))) == len(failures)
    assert "2 rollouts that failed before were not tried again" in given_up.stdout


def test_an_agent_that_is_gone_ends_it_and_spends_no_attempt(tmp_path: Path) -> None:
    with running(tmp_path, latency=LATENCY) as gym:
        rows = gym.rows(tmp_path, *(f"question {number}" for number in range(200)))
        output = tmp_path / "out.jsonl"
        collecting = begin(gym, rows, output)
    LATENCY.seconds = 0.0
    out, err = collecting.communicate(timeout=200)  # 200 rollouts by themselves would take no time, each tried for long
    assert collecting.returncode == 3, err
    assert f"the agent {TOLERANT!r} is gone" in out.decode()
    assert "is ng_run still running?" in out.decode()
    assert 1 <= len(lines(output)) < 200
