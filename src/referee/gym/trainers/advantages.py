"""Advantages of collected rollouts within their groups, as GRPO has them, without those whose judge failed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from referee.gym.api.aggregation import TASK_INDEX_KEY_NAME, is_failed
from referee.statistics.advantages import group_advantages


def rollout_advantages(rows: Iterable[Mapping[str, Any]], *, include_failed: bool = False) -> list[float | None]:
    """For each rollout its reward less the mean of its group's valid rewards; None where it has none.

    Args:
        rows: rollouts as `ng_collect_rollouts` writes them, or answers of `/verify` with `_ng_task_index`, which says
            which rollouts are of one group. In any order.
        include_failed: whether numbers that stand in for failed judge calls count as rewards.

    Returns:
        One entry a row, in order. A group with fewer than two valid rewards has None throughout.
    """
    groups: dict[Any, list[int]] = defaultdict(list)
    rewards: list[float | None] = []
    for at, row in enumerate(rows):
        groups[row.get(TASK_INDEX_KEY_NAME)].append(at)
        missing = "_ng_failure_class" in row or (is_failed(row) and not include_failed)
        rewards.append(None if missing else float(row["reward"]))
    advantages: list[float | None] = [None] * len(rewards)
    for members in groups.values():
        for at, advantage in zip(members, group_advantages([rewards[at] for at in members]), strict=True):
            advantages[at] = advantage
    return advantages
