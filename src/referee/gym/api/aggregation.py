"""From many verify responses to figures: mean, max, min, median and standard deviation of every numeric field.

A reward born of a judge call that failed is no score: such rows are counted and stay out of every figure, unless a
setting says otherwise. Environments add figures of their own by overriding `compute_metrics` and `get_key_metrics`.
"""

from __future__ import annotations

import asyncio
import math
import statistics
from array import array
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from pydantic import BaseModel, Field, InstanceOf

Row = dict[str, Any]
Numbers = dict[str, float]
TASK_INDEX_KEY_NAME = "_ng_task_index"
ROLLOUT_INDEX_KEY_NAME = "_ng_rollout_index"
FAILURE_CLASS = "_ng_failure_class"
FAILURE_ERROR = "_ng_failure_judge_error"
JUDGE_FAILED = "judge_failed"
_NUMERIC = (int, float)


class AggregateMetricsRequest(BaseModel):
    """Verify responses, with `_ng_task_index` saying which belong to one task."""

    verify_responses: list[InstanceOf[Row]]


class AggregateMetrics(BaseModel):
    """Figures of all rollouts, of each task, and the few that matter most; keys are flat, as loggers want them."""

    group_level_metrics: list[Row] = Field(default_factory=list[Row])
    agent_metrics: Row = Field(default_factory=dict[str, Any])
    key_metrics: Row = Field(default_factory=dict[str, Any])


class AggregateMetricsMixin:
    """The figures of one environment, and where authors add their own."""

    def compute_metrics(self, tasks: list[list[Row]]) -> Row:
        """Further figures, from the responses of each task; `per_task_metrics` among them is a list of mappings with
        `_ng_task_index`, which join the figures of those tasks. They may not change the responses."""
        return {}

    def get_key_metrics(self, agent_metrics: Row) -> Row:
        """The figures that matter most; the means by default."""
        return {key: value for key, value in agent_metrics.items() if key.startswith("mean/")}

    def includes_failed(self) -> bool:
        """Whether rewards that stand in for failed judge calls count."""
        return False

    async def aggregate_metrics(self, body: AggregateMetricsRequest) -> AggregateMetrics:
        """The figures, worked out beside the event loop."""
        return await asyncio.to_thread(
            compute_aggregate_metrics,
            body.verify_responses,
            self.compute_metrics,
            self.get_key_metrics,
            include_failed=self.includes_failed(),
        )


def compute_aggregate_metrics(
    verify_responses: Sequence[Row],
    compute_metrics_fn: Callable[[list[list[Row]]], Row] | None = None,
    get_key_metrics_fn: Callable[[Row], Row] | None = None,
    *,
    include_failed: bool = False,
) -> AggregateMetrics:
    """The figures of verify responses, in time linear in their number.

    Args:
        verify_responses: rows as `/verify` answered them, with `_ng_task_index`.
        compute_metrics_fn: further figures, from the rows of each task.
        get_key_metrics_fn: picks the key metrics.
        include_failed: whether rewards that stand in for failed judge calls count.
    """
    if not verify_responses:
        return AggregateMetrics()
    counted = [row for row in verify_responses if include_failed or not is_failed(row)]
    whole = Columns()
    groups: dict[Any, list[tuple[Row, Numbers]]] = defaultdict(list)
    for row in counted:
        numbers = numbers_of(row)
        whole.add(numbers)
        groups[row.get(TASK_INDEX_KEY_NAME, 0)].append((row, numbers))
    tasks: dict[Any, list[Row]] = {}
    figures: dict[Any, Row] = {}
    for key in sorted(groups):
        # Rollouts come as they end; of the first k the figures are those of the first k numbers.
        group = sorted(groups[key], key=_rollout_number)
        tasks[key] = [row for row, _ in group]
        figures[key] = found = describe([numbers for _, numbers in group])
        found.update(pass_at_k([row.get("reward") for row in tasks[key]]))
        found.update({"num_rollouts": len(group), TASK_INDEX_KEY_NAME: key})
    agent = whole.figures() | _counts(verify_responses)
    if compute_metrics_fn is not None:
        further = dict(compute_metrics_fn(list(tasks.values())))
        for one in further.pop("per_task_metrics", None) or ():
            figures.get(one.get(TASK_INDEX_KEY_NAME), {}).update(one)
        agent.update(further)
    pick = get_key_metrics_fn or AggregateMetricsMixin().get_key_metrics
    found = AggregateMetrics(agent_metrics=agent, key_metrics=pick(agent))
    found.group_level_metrics = list(figures.values())  # as many as tasks, and made here: not looked through again
    return found


def is_failed(row: Mapping[str, Any]) -> bool:
    """Whether a row's reward only stands in for a judge call that failed."""
    return row.get("judge_status") == "failed" or row.get("_ng_failure_class") is not None


class Columns:
    """The numeric fields of rows, taken in one row at a time: eight bytes a number, for exact medians."""

    def __init__(self) -> None:
        self._columns: dict[str, array[float]] = {}

    def add(self, numbers: Numbers) -> None:
        """Take in the numbers of a row."""
        columns = self._columns
        for key, value in numbers.items():
            if key in columns:
                columns[key].append(value)
            else:
                columns[key] = array("d", (value,))

    def figures(self) -> dict[str, float]:
        """The figures of each field, as `describe` names them."""
        described = zip(*map(_figures, self._columns.values()), strict=True)
        return dict(zip(_headings(tuple(self._columns)), chain.from_iterable(described), strict=True))


def numbers_of(row: Mapping[str, Any]) -> Numbers:
    """The numeric fields of a verify response, and the tokens that were used; what it is filed under is no figure."""
    found: Numbers = {
        key: value
        for key, value in row.items()
        if isinstance(value, _NUMERIC) and value == value and not key.startswith("_ng_")
    }
    usage = (row.get("response") or {}).get("usage")
    for key, value in usage.items() if usage else ():
        if isinstance(value, _NUMERIC) and value == value:
            found.setdefault(key, value)
    return found


def describe(rows: Sequence[Numbers]) -> dict[str, float]:
    """`mean/…`, `max/…`, `min/…`, `median/…`, `std/…` of each of the rows' numbers.

    Booleans count as 0 and 1; the standard deviation divides by n − 1 and is 0 for a single value.
    """
    if len(rows) == 1:
        # Of a task that was rolled out once, as most are, its numbers are all figures but one.
        values = [*map(float, rows[0].values())]
        return dict(zip(_headings(tuple(rows[0])), values * 4 + [0.0] * len(values), strict=True))
    columns = Columns()
    for row in rows:
        columns.add(row)
    return columns.figures()


@lru_cache(256)
def _headings(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The names of these fields' figures: every task has the same, and there are many tasks."""
    return tuple(f"{name}/{key}" for name in ("mean", "max", "min", "median", "std") for key in keys)


def pass_at_k(rewards: Sequence[Any]) -> dict[str, float]:
    """`pass@k/reward` for every k: the chance that the best of k rollouts drawn from these succeeds.

    For rewards of 0 and 1 that is the unbiased estimate (Chen and others, 2021, arXiv 2107.03374); for others the best
    of the first k.
    """
    values = [float(value) for value in rewards if isinstance(value, _NUMERIC)]
    if not values:
        return {}
    if len(values) == 1:
        return {"pass@1/reward": values[0]}
    if all(value in (0.0, 1.0) for value in values):
        wrong, missed, found = values.count(0.0), 1.0, dict[str, float]()
        for k in range(1, len(values) + 1):
            missed *= max(0, wrong - k + 1) / (len(values) - k + 1)
            found[f"pass@{k}/reward"] = 1.0 - missed
        return found
    return {f"pass@{k}/reward": max(values[:k]) for k in range(1, len(values) + 1)}


def _counts(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    failed = sum(is_failed(row) for row in rows)
    unclear = sum(row.get("judge_status") == "unclear" for row in rows)
    return {"num_rollouts": len(rows), "num_judge_failed": failed, "num_judge_unclear": unclear}


def _rollout_number(counted: tuple[Row, Numbers]) -> Any:
    return counted[0].get(ROLLOUT_INDEX_KEY_NAME, 0)


def _figures(values: Sequence[float]) -> tuple[float, float, float, float, float]:
    """Mean, largest, smallest, median and standard deviation."""
    largest, smallest = max(values), min(values)
    if largest == smallest:
        return largest, largest, largest, largest, 0.0
    # Exact sums, so that the same rollouts have the same figures in whatever order they came.
    mean = math.fsum(values) / len(values)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return mean, largest, smallest, statistics.median(values), spread
