"""`ng_reverify`: finished rollouts get new rewards, and the policy is not asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from collecting import CHANGED, STRICT, Gym, beside, lines, running


@pytest.fixture(scope="module")
def gym(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gym]:
    with running(tmp_path_factory.mktemp("gym")) as gym:
        yield gym


@pytest.fixture(autouse=True)
def changed() -> Iterator[dict[str, str]]:
    yield CHANGED
    CHANGED.clear()


def reverify(gym: Gym, rollouts: Path, *more: str) -> Any:
    return gym.workshop.command("reverify", f"+rollouts_jsonl_fpath={rollouts}", *more)


def rewards(path: Path) -> dict[int, float]:
    return {one["_ng_task_index"]: one["reward"] for one in lines(path)}


def test_another_verdict_on_the_same_answers(gym: Gym, tmp_path: Path, changed: dict[str, str]) -> None:
    output = tmp_path / "out.jsonl"
    assert gym.collect(gym.rows(tmp_path, "one", "judge: prose;"), output).returncode == 0
    assert rewards(output) == {0: 1.0, 1: 0.5}
    answers = gym.endpoint.served.answers
    changed["prose"] = "[[COMPLIED]]"
    done = reverify(gym, output)
    assert done.returncode == 0, done.stderr
    assert gym.endpoint.served.answers == answers + 2  # the judge's alone
    again = beside(output, "_reverified.jsonl")
    assert rewards(again) == {0: 1.0, 1: 1.0}
    assert rewards(output) == {0: 1.0, 1: 0.5}
    for new, old in zip(
        *(sorted(lines(path), key=lambda one: one["_ng_task_index"]) for path in (again, output)), strict=True
    ):
        assert new["response"] == old["response"]
        assert new["agent_ref"] == old["agent_ref"]
    figures = json.loads(beside(output, "_reverified_aggregate_metrics.json").read_bytes())
    assert figures[0]["key_metrics"]["mean/reward"] == 1.0


def test_only_what_the_judge_failed_on(gym: Gym, tmp_path: Path, changed: dict[str, str]) -> None:
    output = tmp_path / "out.jsonl"
    agent = f"+agent_name={STRICT}"
    assert gym.collect(gym.rows(tmp_path, "one", "judge: 500;", "judge: [[A!=B]];"), output, agent).returncode == 3
    assert len(lines(output)) == 2
    answers = gym.endpoint.served.answers
    changed["500"] = "[[A=B]]"
    done = reverify(gym, output, "+judge_failed_only=true", f"+output_jsonl_fpath={tmp_path}/new.jsonl")
    assert done.returncode == 0, done.stderr
    assert gym.endpoint.served.answers == answers + 1
    assert set(rewards(tmp_path / "new.jsonl")) == {0, 1, 2}
    assert rewards(tmp_path / "new.jsonl")[1] == 1.0


def test_files_that_do_not_belong_together_are_refused(gym: Gym, tmp_path: Path) -> None:
    rows = gym.rows(tmp_path, "one")
    told = reverify(gym, rows)
    assert told.returncode == 1
    assert "materialized_inputs_jsonl_fpath is not given" in told.stderr
    told = reverify(gym, rows, f"+materialized_inputs_jsonl_fpath={rows}")
    assert "give the two files of one collection" in told.stderr
