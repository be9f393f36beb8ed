"""Figures over rollouts: what is counted, what is left out, and pass@k against its definition."""

from __future__ import annotations

import math
import statistics
import time
from itertools import combinations
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from referee.gym.api.aggregation import compute_aggregate_metrics, describe, numbers_of, pass_at_k
from referee.gym.api.pass_at_k import (
    add_avg_sample_std_dev,
    compute_pass_majority_metrics,
    compute_subset_metrics,
    highest_k_metrics,
)


def row(task: int, reward: float, **fields: Any) -> dict[str, Any]:
    return {"_ng_task_index": task, "reward": reward, **fields}


def test_the_figures_of_every_numeric_field_and_of_the_tokens() -> None:
    rows = [
        row(0, 1.0, complied=True, text="x", response={"usage": {"input_tokens": 10}}),
        row(0, 0.0, complied=False, response={"usage": None}),
        row(1, 0.5, complied=True),
    ]
    found = compute_aggregate_metrics(rows).agent_metrics
    assert found["mean/reward"] == 0.5
    assert (found["max/reward"], found["min/reward"], found["median/reward"]) == (1.0, 0.0, 0.5)
    assert found["std/reward"] == pytest.approx(statistics.stdev([1.0, 0.0, 0.5]))
    assert found["mean/complied"] == pytest.approx(2 / 3)
    assert found["mean/input_tokens"] == 10.0
    assert found["std/input_tokens"] == 0.0
    assert not any("text" in key or "_ng_" in key for key in found)
    assert compute_aggregate_metrics([]).agent_metrics == {}


def test_rewards_in_place_of_a_judge_that_failed_stay_out_and_are_counted() -> None:
    rows = [row(0, 1.0), row(0, 0.5, judge_status="failed"), row(0, 0.5, judge_status="unclear")]
    rows.append(row(1, 0.0, _ng_failure_class="judge_failed"))
    found = compute_aggregate_metrics(rows)
    assert found.agent_metrics["mean/reward"] == 0.75
    assert found.agent_metrics["num_rollouts"] == 4
    assert (found.agent_metrics["num_judge_failed"], found.agent_metrics["num_judge_unclear"]) == (2, 1)
    assert [group["_ng_task_index"] for group in found.group_level_metrics] == [0]
    assert compute_aggregate_metrics(rows, include_failed=True).agent_metrics["mean/reward"] == 0.5


def test_groups_have_their_own_figures_and_pass_at_k() -> None:
    found = compute_aggregate_metrics([row(1, 1.0), row(1, 0.0), row(0, 0.0)])
    first, second = found.group_level_metrics
    assert (first["_ng_task_index"], first["num_rollouts"], first["pass@1/reward"]) == (0, 1, 0.0)
    assert (second["pass@1/reward"], second["pass@2/reward"], second["mean/reward"]) == (0.5, 1.0, 0.5)
    assert found.key_metrics == {key: value for key, value in found.agent_metrics.items() if key.startswith("mean/")}


def test_an_environment_adds_figures_of_its_own() -> None:
    found = compute_aggregate_metrics(
        [row(0, 1.0), row(1, 0.0)],
        lambda tasks: {"tasks": len(tasks), "per_task_metrics": [{"_ng_task_index": 1, "hard": 1}]},
        lambda metrics: {"tasks": metrics["tasks"]},
    )
    assert found.key_metrics == {"tasks": 2}
    assert found.group_level_metrics[1]["hard"] == 1


def test_key_metrics_that_are_no_mapping_are_refused() -> None:
    with pytest.raises(ValidationError, match="key_metrics"):
        compute_aggregate_metrics([row(0, 1.0)], get_key_metrics_fn=lambda _: cast("Any", None))


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=8))
def test_pass_at_k_is_the_share_of_draws_with_a_success(rewards: list[float]) -> None:
    found = pass_at_k(rewards)
    for k in range(1, len(rewards) + 1):
        draws = list(combinations(rewards, k))
        assert found[f"pass@{k}/reward"] == pytest.approx(sum(map(any, draws)) / len(draws))


def test_pass_at_k_of_other_rewards_is_the_best_of_the_first_k() -> None:
    assert pass_at_k([0.25, 0.5, 0.1]) == {"pass@1/reward": 0.25, "pass@2/reward": 0.5, "pass@3/reward": 0.5}
    assert pass_at_k([None]) == {}


def test_not_a_number_is_no_number() -> None:
    assert describe([numbers_of({"a": math.nan}), numbers_of({"a": 1})])["mean/a"] == 1.0


def test_a_field_named_as_the_usage_names_its_own_is_the_rows() -> None:
    usage = {"response": {"usage": {"output_tokens": 9, "input_tokens": 2}}}
    found = describe([numbers_of({"output_tokens": number, **usage}) for number in (5, 7)])
    assert (found["mean/output_tokens"], found["mean/input_tokens"]) == (6.0, 2.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_the_figures_are_those_of_the_standard_library(values: list[float]) -> None:
    found = describe([{"a": value} for value in values])
    assert (found["max/a"], found["min/a"], found["median/a"]) == (max(values), min(values), statistics.median(values))
    assert found["mean/a"] == pytest.approx(statistics.fmean(values), abs=1e-9)
    assert found["std/a"] == pytest.approx(statistics.stdev(values) if len(values) > 1 else 0.0, abs=1e-6)


def test_aggregation_is_linear() -> None:
    def seconds(count: int) -> float:
        rows = [row(index // 4, float(index % 2), a=index, b=True) for index in range(count)]
        begun = time.process_time()
        compute_aggregate_metrics(rows)
        return time.process_time() - begun

    seconds(100)
    assert min(seconds(20_000) for _ in range(2)) < 40 * max(min(seconds(2_000) for _ in range(3)), 0.001)


TASKS = [[{"reward": 1.0, "answer": "a"}, {"reward": 0.0, "answer": "b"}, {"reward": 1.0, "answer": "a"}]]


def test_benchmark_figures() -> None:
    metrics, scores, names, largest = compute_pass_majority_metrics(TASKS, answer_key="answer")
    assert (names, largest, len(scores[0])) == (["accuracy", "no_answer"], 3, 3)
    assert metrics["pass@1/accuracy"] == pytest.approx(200 / 3)
    assert metrics["pass@2/accuracy"] == 100.0
    assert metrics["pass@1[avg-of-2]/accuracy"] == 50.0
    assert metrics["majority@2/accuracy"] == 50.0
    assert metrics["majority@3/accuracy"] == 100.0
    assert metrics["per_sample_aggregate"]["accuracy"] == [100.0, 0.0, 100.0]
    assert metrics["pass@1[avg-of-2]/accuracy/std_dev_across_runs"] == pytest.approx(statistics.stdev([100.0, 0.0]))
    assert highest_k_metrics(metrics, "pass@{k}", exclude_names=["no_answer"]) == {"pass@3/accuracy": 100.0}
    assert highest_k_metrics(metrics, "pass@1[avg-of-{k}]", score_names=["accuracy"]) == {
        "pass@1[avg-of-3]/accuracy": pytest.approx(200 / 3)
    }
    assert highest_k_metrics(metrics, "nothing@{k}") == {}
    assert compute_pass_majority_metrics([]) == ({}, [], [], 0)


def test_benchmark_figures_of_subsets() -> None:
    tasks = [[{"reward": 1.0, "level": "easy"}], [{"reward": 0.0, "level": "hard"}], [{"reward": 0.0}]]
    found = compute_subset_metrics(tasks, "level", lambda rollout: {"right": rollout["reward"] == 1.0})
    assert found["easy/pass@1/right"] == 100.0
    assert found["hard/pass@1/right"] == 0.0
    assert {key.partition("/")[0] for key in found} == {"easy", "hard"}


def test_how_far_the_rollouts_of_a_task_differ_on_average() -> None:
    tasks = [[row(0, 1.0), row(0, 0.0), row(0, 1.0)], [row(1, 0.5), row(1, 0.5)], [row(2, 1.0)]]
    metrics, scored, names, largest = compute_pass_majority_metrics(tasks)
    add_avg_sample_std_dev(metrics, scored, names, largest)
    assert metrics["pass@1[avg-of-2]/accuracy/avg_sample_std_dev"] == pytest.approx(statistics.stdev([1, 0]) / 2)
    assert metrics["pass@1[avg-of-3]/accuracy/avg_sample_std_dev"] == pytest.approx(statistics.stdev([1, 0, 1]) / 2)
    assert not highest_k_metrics(metrics, "pass@1[avg-of-{k}]").keys() & {
        "pass@1[avg-of-3]/accuracy/avg_sample_std_dev"
    }
