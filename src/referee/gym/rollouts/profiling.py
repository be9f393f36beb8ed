"""From finished rollouts to the profile of their rewards, and the files NeMo Gym's command writes of it.

Rollouts come in the order in which they ended, so a first reading notes where those of each task are, and a second
takes one task after the other. What is held is eight bytes a rollout and a number, and the figures of each task.
"""

from __future__ import annotations

import math
import statistics
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from referee.errors import DataError
from referee.exchange import excerpt
from referee.gym.api.aggregation import Columns, is_failed, numbers_of
from referee.gym.rollouts.files import objects_at, placed_objects, read_objects, replacing
from referee.gym.rollouts.gathered import light
from referee.gym.rollouts.keys import (
    AGENT_REF,
    BAD_ROW,
    FAILURE_CLASS,
    FAILURE_KIND,
    JUDGE_FAILED,
    PARAMETERS,
    ROLLOUT,
    TASK,
    Json,
    agent_of,
    key_of,
)
from referee.gym.rollouts.profile import Profile, TaskProfile, steps
from referee.gym.rollouts.settings import beside
from referee.readable import plural

_ASKED = 120
_NAMED = 5


def write_profile(
    rollouts: Path, inputs: Path | None, *, threshold: float = 1.0, allow_partial: bool = False
) -> Profile:
    """Work out the figures of rollouts; write `<stem>_reward_profiling.jsonl` and `<stem>_agent_metrics.json`.

    Args:
        rollouts: an output of rollouts; `<stem>_failures.jsonl` is read where it lies beside it.
        inputs: what had been asked for; None where that is not known, and nothing is missing then.
        threshold: a reward of at least this passes.
        allow_partial: whether rollouts may be missing.

    Raises:
        DataError: rollouts are missing, are there twice, or were not asked for.
        OutputError: a file is none of rollouts, or cannot be written.
    """
    reading = _Reading(rollouts, inputs)
    if not reading.tasks:
        raise DataError(f"{rollouts} has no rollouts: give an output of ng_collect_rollouts")
    if not allow_partial:
        reading.require_all()
    tasks: list[TaskProfile] = []
    columns: dict[str, Columns] = defaultdict(Columns)
    tasks_file = beside(rollouts, "_reward_profiling", ".jsonl")
    agents_file = beside(rollouts, "_agent_metrics", ".json")
    with replacing(tasks_file) as file:
        for task in sorted(reading.tasks, key=_order):
            profiled, line = reading.profile(task, threshold, columns)
            tasks.append(profiled)
            if line is not None:
                file.write(orjson.dumps(line) + b"\n")
    kinds = Counter(kind for task in reading.tasks.values() for kind in task.failed.values())
    found = Profile(rollouts, threshold, tasks, kinds, reading.bad_rows, (tasks_file, agents_file))
    agents = [_agent_figures(found, agent, columns[agent]) for agent in sorted(columns)]
    with replacing(agents_file) as file:
        file.write(orjson.dumps(agents, option=orjson.OPT_INDENT_2) + b"\n")
    return found


@dataclass(slots=True)
class _Task:
    """Where a task's rollouts are, and what is known of those that are in no output."""

    expected: int = 0
    asked_at: int | None = None
    places: array[int] = field(default_factory=lambda: array("q"))
    failed: dict[Any, str] = field(default_factory=dict[Any, str])
    costs: list[float | None] = field(default_factory=list[float | None])
    tokens: int = 0


class _Reading:
    def __init__(self, rollouts: Path, inputs: Path | None) -> None:
        self.tasks: dict[Any, _Task] = defaultdict(_Task)
        self.bad_rows = 0
        self._rollouts = rollouts
        self._inputs = inputs
        if inputs is not None:
            for place, row in placed_objects(inputs):
                task = self.tasks[_task_of(row, inputs)]
                task.expected += 1
                task.asked_at = place if task.asked_at is None else task.asked_at
        for place, row in placed_objects(rollouts):
            self.tasks[_task_of(row, rollouts)].places.append(place)
        for _, row in read_objects(beside(rollouts, "_failures", ".jsonl")):
            self._failed(row)

    def require_all(self) -> None:
        """Refuse where rollouts were asked for of which nothing is known.

        Raises:
            DataError: there are such.
        """
        lacking = {name: task.expected - len(task.places) - len(task.failed) for name, task in self.tasks.items()}
        lacking = {name: count for name, count in lacking.items() if count > 0}
        if lacking and self._inputs is not None:
            named = ", ".join(str(name) for name in list(lacking)[:_NAMED]) + (", …" if len(lacking) > _NAMED else "")
            count = sum(lacking.values())
            raise DataError(
                f"{plural(count, 'rollout')} that {self._inputs.name} asks for {'is' if count == 1 else 'are'} not in "
                f"{self._rollouts.name} (of the tasks {named}): collect them by the same ng_collect_rollouts command, "
                f"or profile what there is with +allow_partial_rollouts=true"
            )

    def profile(self, name: Any, threshold: float, columns: Mapping[str, Columns]) -> tuple[TaskProfile, Json | None]:
        """A task's figures, and its line in the file; None where no rollout of it counts."""
        task = self.tasks[name]
        sample = None
        if self._inputs is not None and task.asked_at is not None:
            sample = next(objects_at(self._inputs, [task.asked_at]))
        rows: dict[Any, Json] = {}
        for row in objects_at(self._rollouts, task.places):
            if row[ROLLOUT] in rows:
                raise DataError(
                    f"{self._rollouts} has task {name}, rollout {row[ROLLOUT]} twice: files of several collections "
                    f"number their tasks alike, so profile each by itself"
                )
            sample = sample or row
            rows[row[ROLLOUT]] = light(row)
        if self._inputs is not None and len(rows) > task.expected:
            raise DataError(
                f"{self._rollouts} has {len(rows)} rollouts of task {name}, and {self._inputs} asks for "
                f"{task.expected}: give the two files of one collection, X.jsonl and X_materialized_inputs.jsonl"
            )
        for number, row in rows.items():
            task.failed.pop(number, None)
            if not _counts(row):
                task.failed[number] = str(row.get("judge_error_kind") or "no_reward")
        counted = [row for row in rows.values() if _counts(row)]
        agent = agent_of(next(iter(rows.values()), None) or sample or {}) or "?"
        own = Columns()
        for row in counted:
            numbers = numbers_of(row)
            own.add(numbers)
            columns[agent].add(numbers)
        found = _task_profile(name, agent, _asked(sample or {}), task, list(rows.values()), counted, threshold)
        return found, _line(found, own.figures(), sample, rows, task.expected, threshold) if counted else None

    def _failed(self, row: Json) -> None:
        key = key_of(row)
        if key is None:
            self.bad_rows += row.get(FAILURE_CLASS) == BAD_ROW
            return
        task = self.tasks[key[0]]
        task.failed[key[1]] = str(row.get(FAILURE_KIND) or row.get("judge_error_kind") or row.get(FAILURE_CLASS))
        task.costs.append(_cost(row))
        task.tokens += _judge_tokens(row)


def _task_profile(
    name: Any, agent: str, asked: str, task: _Task, rows: list[Json], counted: list[Json], threshold: float
) -> TaskProfile:
    rewards = [float(row["reward"]) for row in counted]
    costs = [*task.costs, *map(_cost, rows)]
    known = [cost for cost in costs if cost is not None]
    return TaskProfile(
        task=name,
        agent=agent,
        asked=asked,
        rewarded=len(rewards),
        mean=math.fsum(rewards) / len(rewards) if rewards else None,
        spread=(statistics.stdev(rewards) if len(rewards) > 1 else 0.0) if rewards else None,
        low=min(rewards, default=None),
        high=max(rewards, default=None),
        passed=sum(reward >= threshold for reward in rewards),
        unclear=sum(row.get("judge_status") == "unclear" for row in counted),
        failed=len(task.failed),
        missing=max(0, task.expected - len(rewards) - len(task.failed)),
        judge_cost=math.fsum(known) if known else None,
        judge_tokens=task.tokens + sum(map(_judge_tokens, rows)),
    )


def _line(
    found: TaskProfile, figures: Json, sample: Json | None, rows: Mapping[Any, Json], asked_for: int, threshold: float
) -> Json:
    expected = asked_for or found.rewarded + found.failed
    filed = (TASK, ROLLOUT, "response", "reward")
    return {
        **figures,
        **{f"pass@{k}": found.pass_at(k) for k in steps(found.rewarded)},
        "pass_threshold": threshold,
        "num_passed": found.passed,
        "num_rollouts": found.rewarded,
        "expected_num_rollouts": expected,
        "missing_num_rollouts": expected - found.rewarded,
        "reward_profile_completion_pct": 100.0 * found.rewarded / expected,
        "num_failed": found.failed,
        "num_judge_unclear": found.unclear,
        "judge_cost": found.judge_cost,
        TASK: found.task,
        "sample": {key: value for key, value in (sample or {}).items() if key not in filed},
        "rollout_infos": [_info(rows[number]) for number in sorted(rows, key=_order)],
    }


def _info(row: Json) -> Json:
    """A rollout's numbers. One that failed has no reward, whatever stands in its place."""
    task, rollout = row[TASK], row[ROLLOUT]
    numbers = {key: int(value) if isinstance(value, bool) else value for key, value in numbers_of(row).items()}
    found = {"rollout_id": f"{task}:{rollout}", TASK: task, ROLLOUT: rollout, **numbers}
    if not _counts(row):
        found.pop("reward", None)
        found[FAILURE_CLASS] = row.get(FAILURE_CLASS) or JUDGE_FAILED
    return found


def _agent_figures(found: Profile, agent: str, columns: Columns) -> Json:
    part = Profile(found.rollouts, found.threshold, [task for task in found.tasks if task.agent == agent])
    return {
        **columns.figures(),
        **{f"pass@{one.k}": one.value for one in part.pass_at_ks},
        "pass_threshold": found.threshold,
        "num_tasks": len(part.tasks),
        "num_rollouts": part.rewarded,
        "num_failed": part.total(lambda task: task.failed),
        "num_judge_unclear": part.total(lambda task: task.unclear),
        "judge_cost": part.judge_cost,
        AGENT_REF: {"name": agent},
    }


def _counts(row: Json) -> bool:
    return isinstance(row.get("reward"), int | float) and not is_failed(row)


def _cost(row: Json) -> float | None:
    cost = row.get("judge_cost")
    return cost if isinstance(cost, int | float) else None


def _judge_tokens(row: Json) -> int:
    tokens = (row.get("judge_input_tokens"), row.get("judge_output_tokens"))
    return sum(count for count in tokens if isinstance(count, int))


def _task_of(row: Json, path: Path) -> Any:
    key = key_of(row)
    if key is None:
        raise DataError(f"{path} has a row without {TASK} and {ROLLOUT}: give files that ng_collect_rollouts wrote")
    return key[0]


def _asked(row: Json) -> str:
    """What the user last said."""
    parameters = row.get(PARAMETERS)
    given = parameters.get("input") if isinstance(parameters, dict) else None
    if isinstance(given, list):
        said = [item.get("content") for item in given if isinstance(item, dict) and item.get("role") == "user"]
        given = said[-1] if said else None
    if isinstance(given, list):
        given = " ".join(_texts(given))
    return excerpt(given, _ASKED) if isinstance(given, str) else ""


def _texts(parts: Iterable[Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            yield part["text"]


def _order(name: Any) -> tuple[bool, Any]:
    """Numbers by value, other names after them."""
    return (not isinstance(name, int), name if isinstance(name, int) else str(name))
