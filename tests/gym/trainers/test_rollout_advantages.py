"""Advantages of collected rollouts: by group, in the rows' order, without those whose judge failed."""

from __future__ import annotations

import pytest

from referee.gym.trainers import rollout_advantages


def row(task: int, reward: float, **fields: object) -> dict[str, object]:
    return {"_ng_task_index": task, "reward": reward, **fields}


def test_a_failed_member_is_left_out_of_its_group() -> None:
    rows = [
        row(0, 1.0),
        row(1, 1.0),
        row(0, 0.5, judge_status="failed"),  # what the configuration puts in place of an answer
        row(1, 0.0, _ng_failure_class="judge_failed"),  # a placeholder
        row(0, 0.0),
        row(0, 0.0, judge_status="unclear"),
    ]
    third = 1 / 3
    assert rollout_advantages(rows) == pytest.approx([2 * third, None, None, None, -third, -third])
    assert rollout_advantages(rows, include_failed=True)[2] == pytest.approx(0.125)
    assert rollout_advantages(rows, include_failed=True)[3] is None
