"""For tests of environments that are data: one that its shipped configuration defines, in front of a scripted judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import small_gym as tools

from referee.testing import ScriptedEndpoint


@contextmanager
def environment(name: str, said: Any, /, **settings: Any) -> Iterator[tuple[tools.Gym, ScriptedEndpoint]]:
    """The environment with nothing configured but its judge's model server, and `settings`."""
    fields = {"judge_model_server": tools.POLICY, "judge_max_retries": 0, "judge_retry_base_seconds": 0.0, **settings}
    with (
        ScriptedEndpoint(said) as endpoint,
        tools.small_gym(endpoint.url, {name: ("resources_servers", name, fields)}) as gym,
    ):
        yield gym, endpoint


def rules(name: str) -> Callable[..., tuple[Any, list[str]]]:
    """A function that verifies one answer: the answer of `/verify`, and what the judge was asked each time."""

    def verify(
        judge: Any, text: str | None = "the answer", settings: dict[str, Any] | None = None, **row: Any
    ) -> tuple[Any, list[str]]:
        with environment(name, judge, **(settings or {})) as (gym, endpoint):
            found = gym.verify(name, text, **row)
            return found, [request.body["input"][-1]["content"] for request in endpoint.requests]

    return verify
