"""From input rows to rollouts: each as it will be asked for, one line each, written before the first is asked for.

Identical rows are one task. A line that is no row is reported and passed over; it keeps its place among the tasks, so
that mending it later leaves all others where they were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from referee.data.row import Row
from referee.errors import ConfigurationError, DataError
from referee.gym.configuration.wording import did_you_mean
from referee.gym.rollouts.files import numbered_rows
from referee.gym.rollouts.keys import AGENT_REF, PARAMETERS, ROLLOUT, TASK, Json, agent_of
from referee.gym.rollouts.settings import ANY_AGENT, CollectionSettings


@dataclass(frozen=True)
class BadRow:
    """A line of the input that cannot be rolled out."""

    line: int
    message: str


@dataclass
class Plan:
    """What there is to roll out.

    Args:
        rollouts: how many lines the file of rollouts has.
        agents: how many of them each agent rolls out.
        bad: the lines that are no rows.
        redirected: rows that name another agent than the one that the settings name for all.
    """

    rollouts: int = 0
    agents: Counter[str] = field(default_factory=Counter[str])
    bad: list[BadRow] = field(default_factory=list[BadRow])
    redirected: int = 0


def materialize(settings: CollectionSettings, agents: Collection[str], into: Path) -> Plan:
    """Write every rollout of the settings to the file `into`.

    Args:
        settings: the collection's.
        agents: the agents that run.
        into: the file.

    Raises:
        ConfigurationError: the agent that the settings name does not run, or rows have no agent at all.
        DataError: the input cannot be read, or holds no row.
    """
    if settings.agent is not None and settings.agent not in agents:
        raise ConfigurationError([f"agent_name is {settings.agent!r}, {_not_running(settings.agent, agents)}"])
    plan = Plan()
    materializer = _Materializer(settings, agents, plan)
    with into.open("wb") as file:
        for number, row in islice(numbered_rows(settings.input), settings.limit):
            file.writelines(materializer.rollouts(row, number))
    if not plan.rollouts:
        first = plan.bad[0].message if plan.bad else "it is empty"
        raise DataError(f"{settings.input} holds no row that could be rolled out: {first}")
    return plan


class _Materializer:
    def __init__(self, settings: CollectionSettings, agents: Collection[str], plan: Plan) -> None:
        self._settings = settings
        self._agents = frozenset(agents)
        self._plan = plan
        self._tasks: dict[int, int] = {}
        self._rollouts: dict[Any, int] = {}
        self._repeats = settings.repeats if isinstance(settings.repeats, int) else None

    def rollouts(self, read: Row, number: int) -> Iterator[bytes]:
        """The rollouts of one line of the input."""
        digest = int.from_bytes(blake2b(read.line, digest_size=8).digest())
        task = self._tasks.setdefault(digest, len(self._tasks))
        row = read.item
        wrong = read.error if row is None else self._complaint(row)
        if row is None or wrong is not None:
            message = wrong if row is None else f"{self._settings.input.name}, line {number}: {wrong}"
            self._plan.bad.append(BadRow(number, message or ""))
            return
        named = agent_of(row)
        agent = self._settings.agent or named
        assert agent is not None
        if named != agent:
            self._plan.redirected += named is not None
            row[AGENT_REF] = {"name": agent}
        if self._settings.parameters:
            row[PARAMETERS] = {**row[PARAMETERS], **self._settings.parameters}
        task = row.setdefault(TASK, task)
        count = self._repeats if self._repeats is not None else self._repeats_of(agent)
        first = self._rollouts.get(task, 0)
        for rollout in range(first, first + count):
            row[ROLLOUT] = rollout
            if self._settings.add_seed:
                row[PARAMETERS] = _seeded(row[PARAMETERS], rollout)
            yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        self._rollouts[task] = first + count
        self._plan.rollouts += count
        self._plan.agents[agent] += count

    def _complaint(self, row: Json) -> str | None:
        if not isinstance(row.get(PARAMETERS), dict):
            return f"it has no {PARAMETERS}; a row is {{{PARAMETERS}: {{input: …}}, …}}"
        agent = self._settings.agent or agent_of(row)
        if agent is None:
            return f"it names no agent: give one for all rows with +agent_name=<name>{_running(self._agents)}"
        if agent not in self._agents:
            return f"its agent_ref is {agent!r}, {_not_running(agent, self._agents)}"
        if self._repeats is None and not self._repeats_of(agent):
            return f"num_repeats has no number for its agent {agent!r}: add it, or {ANY_AGENT} for all others"
        if self._settings.add_seed:
            try:
                _seeded(row[PARAMETERS], 0)
            except (TypeError, ValueError, AttributeError):
                return f"its {PARAMETERS}.metadata.extra_body is no JSON object as text: a seed cannot be added"
        return None

    def _repeats_of(self, agent: str) -> int:
        assert not isinstance(self._settings.repeats, int)
        return self._settings.repeats.get(agent) or self._settings.repeats.get(ANY_AGENT) or 0


def _seeded(parameters: Json, seed: int) -> Json:
    """The parameters with a seed where model servers look for further parameters: JSON text in the metadata."""
    metadata = parameters.get("metadata") or {}
    further = orjson.loads(metadata.get("extra_body") or "{}")
    return {**parameters, "metadata": {**metadata, "extra_body": orjson.dumps({**further, "seed": seed}).decode()}}


def _not_running(agent: str, agents: Collection[str]) -> str:
    return f"and no agent of that name runs{did_you_mean(agent, agents)}{_running(agents)}"


def _running(agents: Collection[str]) -> str:
    return f"; there runs {', '.join(sorted(agents))}" if agents else "; ng_run runs no agent"
