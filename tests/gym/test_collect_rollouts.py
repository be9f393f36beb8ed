"""`ng_collect_rollouts` against a gym that runs: what it writes, what it says, and what becomes of rows that fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from collecting import STRICT, TOLERANT, Gym, beside, lines, row, running


@pytest.fixture(scope="module")
def gym(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gym]:
    with running(tmp_path_factory.mktemp("gym")) as gym:
        yield gym


def test_a_rollout_is_its_verify_response_with_what_it_is_filed_under(gym: Gym, tmp_path: Path) -> None:
    rows = gym.rows(tmp_path, "one", "two", "one", metadata={"k": 1})
    output = tmp_path / "out.jsonl"
    done = gym.collect(rows, output, "+num_repeats=2", "+responses_create_params={temperature: 0.5}")
    assert done.returncode == 0, done.stderr
    found = lines(output)
    keys = {(one["_ng_task_index"], one["_ng_rollout_index"]) for one in found}
    assert keys == {(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (0, 3)}  # identical rows are one task
    assert len(found) == 6
    for one in found:
        assert one["reward"] == 1.0
        assert one["agent_ref"] == {"name": TOLERANT}
        assert one["metadata"] == {"k": 1}
        assert one["responses_create_params"]["temperature"] == 0.5
        assert one["responses_create_params"]["input"] == ["one", "two"][one["_ng_task_index"]]
    asked = lines(beside(output, "_materialized_inputs.jsonl"))
    assert [(one["_ng_task_index"], one["_ng_rollout_index"]) for one in asked[:3]] == [(0, 0), (0, 1), (1, 0)]
    assert asked[0] | {"agent_ref": {"name": TOLERANT}} == asked[0]
    (figures,) = json.loads(beside(output, "_aggregate_metrics.json").read_bytes())
    assert figures["agent_ref"] == {"name": TOLERANT}
    assert figures["key_metrics"]["mean/reward"] == 1.0
    assert figures["agent_metrics"]["num_rollouts"] == 6
    assert [group["num_rollouts"] for group in figures["group_level_metrics"]] == [4, 2]
    assert "6 of 6 rollouts" in done.stdout
    assert "mean reward 1 over 6 · 0 unclear · 0 failed" in done.stdout


def test_rows_go_to_the_agent_that_is_named_for_all(gym: Gym, tmp_path: Path) -> None:
    rows, output = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    named: list[Any] = [
        {"name": STRICT},
        STRICT,
        None,
        {},
        {"name": TOLERANT, "type": "responses_api_agents"},
        TOLERANT,
    ]
    rows.write_text("".join(json.dumps({"agent_ref": one} | row(str(one))) + "\n" for one in named))
    done = gym.collect(rows, output)
    assert done.returncode == 0, done.stderr
    assert "2 rows name another agent" in done.stdout
    found = sorted(lines(output), key=lambda one: one["_ng_task_index"])
    assert [one["agent_ref"] for one in found] == [{"name": TOLERANT}] * 4 + named[4:]


FAILURES: dict[str, tuple[str, str, str, str]] = {
    "the policy's endpoint fails": (TOLERANT, "policy: 500;", "rollout_failed", "server_error"),
    "the policy's key is refused": (TOLERANT, "policy: 401;", "rollout_failed", "unauthorised"),
    "the policy does not answer in time": (TOLERANT, "policy: hang;", "rollout_failed", "timeout"),
    "the policy's answer is a web page": (TOLERANT, "policy: html;", "rollout_failed", "bad_reply"),
    "the judge fails": (STRICT, "judge: 500;", "judge_failed", "server_error"),
    "the judge does not answer in time": (STRICT, "judge: hang;", "judge_failed", "timeout"),
}


def test_each_failure_is_recorded_with_its_class_and_kind_and_stops_nothing(gym: Gym, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    good = [row("good") | {"agent_ref": {"name": TOLERANT}}]
    failing = [row(f"{text} {name}") | {"agent_ref": {"name": agent}} for name, (agent, text, *_) in FAILURES.items()]
    refused = [row("x") | {"agent_ref": {"name": TOLERANT}, "responses_create_params": {"input": "x", "colour": 1}}]
    texts = [json.dumps(one) for one in good + failing + refused]
    texts[1:1] = ['{"responses_create_params": ', "[1]", '{"responses_create_params": {"input": "nobody"}}']
    rows.write_text("\n".join(texts) + "\n")
    output = tmp_path / "out.jsonl"
    done = gym.collect(rows, output, "++agent_name=null")
    assert done.returncode == 3, done.stderr
    assert [one["responses_create_params"]["input"] for one in lines(output)] == ["good"]
    failures = lines(beside(output, "_failures.jsonl"))
    bad = {one["_ng_input_line"]: one for one in failures if one["_ng_failure_class"] == "bad_row"}
    assert "rows.jsonl, line 2: not JSON" in bad[2]["_ng_failure_message"]
    assert "rows.jsonl, line 3: a row is an object" in bad[3]["_ng_failure_message"]
    assert "line 4: it names no agent" in bad[4]["_ng_failure_message"]
    asked = {
        one["_ng_task_index"]: one["responses_create_params"]["input"]
        for one in lines(beside(output, "_materialized_inputs.jsonl"))
    }
    classes = {asked[one["_ng_task_index"]]: one for one in failures if "_ng_task_index" in one}
    for name, (_, text, failure_class, kind) in FAILURES.items():
        one = classes[f"{text} {name}"]
        assert one["_ng_failure_class"] == failure_class, name
        assert kind in (one.get("_ng_failure_kind"), one.get("judge_error_kind")), one
    assert classes["x"]["_ng_failure_class"] == "row_refused"
    assert "colour" in classes["x"]["_ng_failure_message"]
    assert len(failures) == 3 + len(FAILURES) + 1
    assert "10 rollouts failed (3 bad_row, 2 server_error" in done.stdout
    figures: Any = json.loads(beside(output, "_aggregate_metrics.json").read_bytes())
    assert figures[0]["agent_metrics"]["num_rollouts"] == 1


def test_without_a_gym_it_says_to_start_one(gym: Gym, tmp_path: Path) -> None:
    rows = gym.rows(tmp_path, "one")
    done = gym.collect(rows, tmp_path / "out.jsonl", "++head_server.port=1")
    assert done.returncode == 1
    assert "no head server answers at http://127.0.0.1:1" in done.stderr
    assert "start one with ng_run" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_every_mistake_is_told_at_once(gym: Gym, tmp_path: Path) -> None:
    more = ("++limit=-1", "++num_repeats=0", "++resume_from_cache=maybe", "++agent_name=5")
    done = gym.collect(tmp_path / "none.jsonl", tmp_path / "out.jsonl", *more)
    assert done.returncode == 1
    for key in ("limit", "num_repeats", "resume_from_cache", "agent_name", "input_jsonl_fpath"):
        assert f"\n{key}" in done.stderr
    unknown = gym.collect(
        gym.rows(tmp_path, "one"), tmp_path / "out.jsonl", "+agent_name=tolerantagent", "+num_repeat=4"
    )
    assert "warning: num_repeat has no effect; did you mean 'num_repeats'?" in unknown.stderr
    assert "'tolerantagent'" in unknown.stderr
    assert "did you mean 'tolerant_agent'?" in unknown.stderr


def test_verdicts_that_nobody_can_read_are_diagnosed(gym: Gym, tmp_path: Path) -> None:
    questions = [f"judge: It helped, I would say.; {number}" for number in range(37)]
    rows = gym.rows(tmp_path, *questions, "a", "b", "c")
    output = tmp_path / "out.jsonl"
    done = gym.collect(rows, output)
    assert done.returncode == 0
    assert (
        "37 of 40 verdicts unreadable; the judge never wrote [[COMPLIED]] or [[REFUSED]]; it wrote: "
        "It helped, I would say." in done.stdout
    )
    assert sorted({one["reward"] for one in lines(output)}) == [0.5, 1.0]


def test_the_figures_of_several_files_together(gym: Gym, tmp_path: Path) -> None:
    for shard, question in enumerate(("one", "judge: dunno;")):
        assert gym.collect(gym.rows(tmp_path, question), tmp_path / f"shard{shard}.jsonl").returncode == 0
    output = tmp_path / "shard_all.jsonl"
    for _ in range(2):  # the merged file is not taken for a shard
        done = gym.workshop.command(
            "aggregate_rollouts", f"+input_glob={tmp_path}/shard*.jsonl", f"+output_jsonl_fpath={output}"
        )
        assert done.returncode == 0, done.stderr
        (figures,) = json.loads(beside(output, "_aggregate_metrics.json").read_bytes())
        assert figures["key_metrics"]["mean/reward"] == 0.75
        assert len(lines(output)) == 2
    none = gym.workshop.command("aggregate_rollouts", "+input_glob=none*.jsonl", f"+output_jsonl_fpath={output}")
    assert "no file of rollouts matches input_glob='none*.jsonl'" in none.stderr
