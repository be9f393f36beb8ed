"""Finished rollouts as what is to be verified again: the row as it was asked for, and what the policy answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from referee.errors import ConfigurationError, DataError
from referee.gym.api.aggregation import is_failed
from referee.gym.configuration import Configuration
from referee.gym.configuration.wording import closest_or_all
from referee.gym.rollouts.collect import Route
from referee.gym.rollouts.files import objects_at, placed_objects, read_objects
from referee.gym.rollouts.keys import Key, agent_of, key_of
from referee.gym.rollouts.materialize import Plan
from referee.gym.rollouts.settings import beside


class Finished:
    """The rollouts of a collection.

    Args:
        rollouts: its output.
        inputs: what it had asked for.
        failed_only: take those alone whose judge failed; the others keep their reward.
        limit: at most so many.
    """

    def __init__(self, rollouts: Path, inputs: Path, *, failed_only: bool = False, limit: int | None = None) -> None:
        self._rollouts = rollouts
        self._inputs = inputs
        self._failed_only = failed_only
        self._limit = limit

    def materialize(self, into: Path) -> Plan:
        """Write each rollout as a verify request to the file `into`.

        Raises:
            DataError: there is none.
        """
        plan = Plan()
        places = dict(self._places())
        with into.open("wb") as file:
            for _, row in read_objects(self._inputs):
                key = key_of(row)
                place = places.get(key) if key is not None else None
                agent = agent_of(row)
                if place is None or agent is None or plan.rollouts == self._limit:
                    continue
                rolled_out = next(objects_at(place[0], place[1:]))
                file.write(orjson.dumps({**row, "response": rolled_out["response"]}) + b"\n")
                plan.rollouts += 1
                plan.agents[agent] += 1
        if not plan.rollouts:
            raise DataError(
                f"{self._rollouts} has no rollout that {self._inputs} has the row of: give the two files of one "
                f"collection, X.jsonl and X_materialized_inputs.jsonl"
            )
        return plan

    def scored(self) -> Iterator[bytes]:
        """The lines of rollouts that keep their reward."""
        if self._failed_only:
            for line, row in read_objects(self._rollouts):
                if not is_failed(row):
                    yield line

    def _places(self) -> Iterator[tuple[Key, tuple[Path, int]]]:
        """Where the answers to verify are: file and offset, the output's before those of failures."""
        failures = beside(self._rollouts, "_failures", ".jsonl")
        for path in (failures, self._rollouts):
            for place, row in placed_objects(path):
                key = key_of(row)
                if key is not None and isinstance(row.get("response"), dict):
                    yield key, (path, place)


def verifiers(running: Configuration) -> Mapping[str, str]:
    """The resources server of each agent that runs."""
    found: dict[str, str] = {}
    for server in running.servers:
        reference: Any = server.settings.get("resources_server")
        if server.kind == "responses_api_agents" and isinstance(reference, dict) and "name" in reference:
            found[server.name] = str(reference["name"])
    return found


def to_verifier(agent: str, running: Configuration) -> Route:
    """The route of rows that are verified.

    Raises:
        ConfigurationError: the agent that rolled them out does not run, and there are several resources servers.
    """
    known = verifiers(running)
    servers = [server.name for server in running.servers if server.kind == "resources_servers"]
    server = known.get(agent) or (servers[0] if len(servers) == 1 else None)
    if server is None:
        raise ConfigurationError(
            [f"nobody knows which resources server verifies the rollouts of {agent!r}{closest_or_all(agent, known)}"]
        )
    return Route(server, "/verify", f"the resources server {server!r}")
