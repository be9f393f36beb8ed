"""verifiers' rewards, with tasks and traces of the form its release 0.4 has; `make interop` runs its own."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from referee import Environment
from referee.errors import LaunchError, RewardError
from referee.gym.trainers import verifiers_judge, verifiers_reward
from referee.inference import Reply
from referee.testing import ScriptedEndpoint


class Message(BaseModel):
    role: str
    content: str | None = None
    tool_calls: list[dict[str, str]] | None = None
    tool_call_id: str | None = None


class Data(BaseModel):
    idx: int = 3
    prompt: str = "Who wrote it?"
    timeout: dict[str, float] = {}
    question: str = "Who wrote it?"
    expected_answer: str = "Ada"


class Trace(BaseModel):
    messages: list[Message]
    root_reply: str | None = None


def trace(said: str) -> Trace:
    call = {"id": "c", "type": "function", "name": "look_up", "arguments": "{}"}
    return Trace(
        messages=[
            Message(role="user", content="Who wrote it?"),
            Message(role="assistant", content="", tool_calls=[call]),
            Message(role="tool", tool_call_id="c", content="Ada"),
            Message(role="assistant", content=said),
        ]
    )


def judged(body: dict[str, Any]) -> Any:
    asked = str(body["messages"][-1]["content"])
    return Reply(400, {}, b"no") if "fail" in asked else "A" if "It was Ada." in asked else "B"


@pytest.fixture(scope="module")
def environment() -> Iterator[Environment]:
    with (
        ScriptedEndpoint(judged) as endpoint,
        Environment.load("simpleqa", judge={"url": endpoint.url, "name": "m"}) as loaded,
    ):
        yield loaded


def test_the_last_answer_is_rewarded_and_a_failed_judge_raises(environment: Environment) -> None:
    reward = verifiers_reward(environment)
    assert list(inspect.signature(reward).parameters) == ["task", "trace"]  # by their names they are given
    assert asyncio.run(reward(task=Data(), trace=trace("It was Ada."))) == 1.0
    assert asyncio.run(reward(task=Data(), trace=trace("It was Bob."))) == 0.0
    assert asyncio.run(reward(task=Data(), trace=trace("It was Bob.").model_copy(update={"root_reply": "It was Ada."})))
    with pytest.raises(RewardError, match="simpleqa has no reward"):
        asyncio.run(reward(task=Data(), trace=trace("fail")))


def test_without_verifiers_its_judge_says_what_to_install(environment: Environment) -> None:
    with pytest.raises(LaunchError, match=r"pip install 'verifiers>=0.4'"):
        verifiers_judge(environment)
