"""The profile of rewards: figures against their definitions, what is left out, the files, the screen and the page."""

from __future__ import annotations

import json
import random
import statistics
import tracemalloc
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referee.errors import ConfigurationError, DataError, OutputError
from referee.gym.commands import reward_profile
from referee.gym.rollouts.profile import TaskProfile, steps
from referee.gym.rollouts.profile_page import profile_page
from referee.gym.rollouts.profiling import write_profile

AGENT = {"name": "an_agent"}


def filed(task: int, rollout: int, **fields: Any) -> dict[str, Any]:
    row = {"responses_create_params": {"input": f"question {task}"}, "agent_ref": AGENT}
    return {**row, "_ng_task_index": task, "_ng_rollout_index": rollout, **fields}


def scored(task: int, rollout: int, reward: float, **fields: Any) -> dict[str, Any]:
    answer = {"output": [], "usage": {"output_tokens": 10 + rollout}}
    return filed(task, rollout, reward=reward, response=answer, judge_status="scored", judge_cost=0.25, **fields)


def save(folder: Path, rows: list[dict[str, Any]], *failures: dict[str, Any], asked: int | None = None) -> Path:
    """A collection; `asked` rollouts of each task are what was asked for."""
    path = folder / "out.jsonl"
    tasks = sorted({row["_ng_task_index"] for row in [*rows, *failures]})
    inputs = [filed(task, rollout) for task in tasks for rollout in range(asked or 0)]
    for name, lines in (("out", rows), ("out_failures", failures), ("out_materialized_inputs", inputs)):
        if lines:
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three tasks of four: one in between, one whose judge failed once, one of which nothing came."""
    monkeypatch.chdir(tmp_path)
    rows = [scored(0, at, reward) for at, reward in enumerate((1.0, 0.0, 1.0, 0.5))]
    rows[3]["judge_status"] = "unclear"
    rows += [scored(1, at, 0.0) for at in range(3)]
    rows.append(scored(1, 3, 1.0) | {"judge_status": "failed", "judge_error_kind": "timeout"})
    random.Random(0).shuffle(rows)
    failures = [filed(2, at, _ng_failure_class="rollout_failed", _ng_failure_kind="refused") for at in range(4)]
    failures.append(
        filed(0, 0, _ng_failure_class="judge_failed", judge_cost=0.25)
    )  # tried again, and then it went well
    return save(tmp_path, rows, *failures, asked=4)


def command(*words: str) -> int:
    return reward_profile.run(words)


def test_the_files_are_those_of_the_original_and_say_more(collection: Path) -> None:
    assert command(f"+rollouts_jsonl_fpath={collection}") == 0
    first, second = lines(collection.with_name("out_reward_profiling.jsonl"))
    assert (first["mean/reward"], first["max/reward"], first["min/reward"], first["median/reward"]) == (
        0.625,
        1,
        0,
        0.75,
    )
    assert first["std/reward"] == pytest.approx(statistics.stdev([1, 0, 1, 0.5]))
    assert first["mean/output_tokens"] == 11.5
    assert (first["num_rollouts"], first["expected_num_rollouts"], first["missing_num_rollouts"]) == (4, 4, 0)
    assert first["reward_profile_completion_pct"] == 100.0
    assert first["sample"] == {"responses_create_params": {"input": "question 0"}, "agent_ref": AGENT}
    assert [info["rollout_id"] for info in first["rollout_infos"]] == ["0:0", "0:1", "0:2", "0:3"]
    assert first["rollout_infos"][1] == {
        "rollout_id": "0:1",
        "_ng_task_index": 0,
        "_ng_rollout_index": 1,
        "reward": 0.0,
        "judge_cost": 0.25,
        "output_tokens": 11,
    }
    assert (first["pass@1"], first["pass@2"], first["pass@4"]) == (0.5, pytest.approx(5 / 6), 1.0)
    assert (first["num_judge_unclear"], first["num_failed"], first["judge_cost"]) == (1, 0, 1.25)
    assert second["_ng_task_index"] == 1
    (agent,) = json.loads(collection.with_name("out_agent_metrics.json").read_text())
    assert agent["agent_ref"] == AGENT
    assert agent["mean/reward"] == pytest.approx(2.5 / 7)
    assert (agent["num_tasks"], agent["num_rollouts"], agent["num_failed"]) == (3, 7, 5)


def test_a_failure_is_counted_and_is_never_a_reward(collection: Path) -> None:
    found = write_profile(collection, collection.with_name("out_materialized_inputs.jsonl"))
    _, second, third = found.tasks
    assert (second.rewarded, second.mean, second.high, second.passed, second.failed) == (3, 0.0, 0.0, 0, 1)
    assert (third.rewarded, third.mean, third.pass_at(1), third.failed, third.missing) == (0, None, None, 4, 0)
    assert found.kinds == {"refused": 4, "timeout": 1}
    infos = lines(collection.with_name("out_reward_profiling.jsonl"))[1]["rollout_infos"]
    assert "reward" not in infos[3]
    assert infos[3]["_ng_failure_class"] == "judge_failed"


def test_what_passes_is_said_and_can_be_set(collection: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(f"+rollouts_jsonl_fpath={collection}", "+pass_threshold=0.5") == 0
    assert "A rollout passes whose reward is at least 0.5." in capsys.readouterr().out
    first = lines(collection.with_name("out_reward_profiling.jsonl"))[0]
    assert (first["pass@1"], first["num_passed"], first["pass_threshold"]) == (0.75, 3, 0.5)


@given(st.lists(st.booleans(), min_size=1, max_size=7), st.integers(1, 7))
def test_pass_at_k_is_the_share_of_draws_with_a_pass(passes: list[bool], k: int) -> None:
    task = TaskProfile(0, "a", "", len(passes), 0.0, 0.0, 0.0, 0.0, sum(passes), 0, 0, 0, None, 0)
    draws = [any(draw) for draw in combinations(passes, k)]
    assert task.pass_at(k) == (pytest.approx(statistics.fmean(draws)) if draws else None)


def test_the_ks() -> None:
    assert [steps(n) for n in (0, 1, 2, 3, 8, 10)] == [[], [1], [1, 2], [1, 2, 3], [1, 2, 4, 8], [1, 2, 4, 8, 10]]


def test_the_headline_is_of_nearly_all_tasks(tmp_path: Path) -> None:
    rows = [scored(task, at, float(task == at)) for task in range(3) for at in range(8 if task else 5)]
    found = write_profile(save(tmp_path, rows), None)
    assert [(one.k, one.tasks) for one in found.pass_at_ks] == [(1, 3), (2, 3), (4, 3), (8, 2)]
    assert found.headline == 4


def test_what_is_missing_must_be_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rollouts = save(tmp_path, [scored(0, 0, 1.0), scored(1, 0, 0.0), scored(1, 1, 0.0)], asked=2)
    with pytest.raises(DataError, match=r"1 rollout that out_materialized_inputs.jsonl asks for .*of the tasks 0.*"):
        command(f"+rollouts_jsonl_fpath={rollouts}")
    assert not rollouts.with_name("out_reward_profiling.jsonl").exists()
    assert command(f"+rollouts_jsonl_fpath={rollouts}", "+allow_partial_rollouts=true") == 0
    assert "1 rollout of what was asked for is missing." in capsys.readouterr().out
    first = lines(rollouts.with_name("out_reward_profiling.jsonl"))[0]
    assert (first["missing_num_rollouts"], first["reward_profile_completion_pct"]) == (1, 50.0)


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    rollouts = save(tmp_path, [scored(0, 0, 1.0), scored(0, 0, 0.0)])
    with pytest.raises(DataError, match=r"has task 0, rollout 0 twice: .* profile each by itself"):
        write_profile(rollouts, None)
    save(tmp_path, [scored(0, 0, 1.0), scored(0, 1, 0.0)], asked=1)
    with pytest.raises(DataError, match=r"has 2 rollouts of task 0, and .* asks for 1"):
        write_profile(rollouts, tmp_path / "out_materialized_inputs.jsonl")
    rollouts.write_text('{"reward": 1.0}\n')
    with pytest.raises(DataError, match="a row without _ng_task_index"):
        write_profile(rollouts, None)
    rollouts.write_text("")
    with pytest.raises(DataError, match="has no rollouts"):
        write_profile(rollouts, None)


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    rollouts = save(tmp_path, [scored(0, 0, 1.0)])
    (tmp_path / "out_agent_metrics.json").mkdir()
    with pytest.raises(OutputError, match=r"out_agent_metrics.json cannot be written: Is a directory"):
        write_profile(rollouts, None)
    assert not list(tmp_path.glob("*.tmp"))


def test_mistakes_on_the_command_line_are_told_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        command("+pass_threshold=high", "+show=0")
    assert "rollouts_jsonl_fpath is not given" in str(caught.value)
    assert "pass_threshold is 'high', and should be a number" in str(caught.value)
    assert "show is 0" in str(caught.value)


def test_the_screen_shows_the_lowest_and_what_counted_for_nothing(
    collection: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(f"+rollouts_jsonl_fpath={collection}", "+show=2") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("7 rollouts of 3 tasks: mean reward 0.357, pass@1 0.25, pass@2 0.42.\n")
    assert "5 rollouts failed (4 refused, 1 timeout); no figure counts failures." in printed
    assert "Unclear verdicts: 1 of 7; their rewards count." in printed
    assert "Of 2 tasks rolled out several times 0 always passed, 1 never. In 1 all rewards are equal" in printed
    assert "The judge cost $2.25." in printed
    assert "question 1" in printed
    assert "question 0" not in printed
    assert "1 task with a higher mean is not shown" in printed


class Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not any(
            name.startswith("on") or (name in ("src", "href") and value != "data:,") for name, value in attrs
        )


def test_the_page_loads_nothing_and_what_was_asked_is_only_text(tmp_path: Path) -> None:
    hostile = "</td></table><script>alert(1)</script><img src=x onerror=alert(1)>"
    row = scored(0, 0, 1.0) | {"responses_create_params": {"input": [{"role": "user", "content": hostile}]}}
    page = profile_page(write_profile(save(tmp_path, [row]), None)).html()
    seen = Elements(page).seen
    assert not {"script", "img", "iframe", "object"} & set(seen)
    assert "alert(1)" in page
    assert "default-src 'none'" in page


def test_memory_does_not_grow_with_what_was_said(tmp_path: Path) -> None:
    said = "a long answer " * 300
    path = tmp_path / "out.jsonl"
    with path.open("w") as file:
        for at in range(800):
            row = scored(at % 100, at // 100, float(at % 3 == 0))
            row["response"]["output"] = [{"content": said}]
            file.write(json.dumps(row) + "\n")
    tracemalloc.start()
    write_profile(path, None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > 3_000_000
    assert peak < 600_000
