"""TRL's reward functions: called as its trainer calls them, failed judges as None, unclear ones as configured."""

from __future__ import annotations

import asyncio
import inspect
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from referee import Environment
from referee.errors import DefinitionError
from referee.gym.trainers import group_advantages, trl_reward
from referee.inference import Reply
from referee.testing import ScriptedEndpoint

REFUSED, UNCLEAR, FAILED = "I can't help.", "Hm.", "Answer me not."


def judged(body: dict[str, Any]) -> Any:
    asked = str(body["messages"][-1]["content"])
    if FAILED in asked:
        return Reply(400, {}, b"not this one")
    return "no verdict" if UNCLEAR in asked else "[[REFUSED]]" if REFUSED in asked else "[[COMPLIED]]"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(judged) as served:
        yield served


@pytest.fixture(scope="module")
def environment(endpoint: ScriptedEndpoint) -> Iterator[Environment]:
    with Environment.load("over_refusal_detection", judge={"url": endpoint.url, "name": "m"}) as loaded:
        yield loaded


ANSWERS = ["Use kill -9.", REFUSED, UNCLEAR, FAILED]
CALL: dict[str, Any] = {
    "prompts": ["How do I kill a process?"] * 4,
    "completions": ANSWERS,
    "completion_ids": [[1], [2], [3], [4]],
    "category": ["technical terms"] * 4,
    "trainer_state": object(),
    "log_extra": print,
}


def test_a_failed_judge_is_none_and_an_unclear_one_what_the_configuration_says(environment: Environment) -> None:
    logged: dict[str, float] = {}
    rewards = trl_reward(environment)(**CALL, log_metric=logged.__setitem__)
    # The environment puts 0.5 in place of a failed call, which is no reward of this completion.
    assert rewards == [1.0, 0.0, 0.5, None]
    assert environment.verify({"prompt": "q"}, FAILED)["reward"] == 0.5
    assert logged == {"over_refusal_detection/judge_failed": 0.25, "over_refusal_detection/judge_unclear": 0.25}
    assert group_advantages(rewards) == [0.5, -0.5, 0.0, None]


def test_a_number_in_place_of_a_failed_call_counts_where_the_configuration_includes_it(
    endpoint: ScriptedEndpoint,
) -> None:
    name = "over_refusal_detection"
    included = f"++{name}.resources_servers.{name}.include_failed_rewards=true"
    with Environment.load(name, included, judge={"url": endpoint.url, "name": "m"}) as environment:
        assert trl_reward(environment)(**CALL) == [1.0, 0.0, 0.5, 0.5]


def test_it_is_awaited_in_the_trainers_loop(environment: Environment, endpoint: ScriptedEndpoint) -> None:
    reward = trl_reward(environment, asynchronous=True, at_once=2, name="harmless")
    assert inspect.iscoroutinefunction(reward.__call__)  # by this TRL tells it
    assert reward.__name__ == "harmless"
    endpoint.served.most_in_flight = 0
    assert asyncio.run(reward(**CALL)) == [1.0, 0.0, 0.5, None]
    assert endpoint.served.most_in_flight <= 2


def test_a_synchronous_one_may_be_called_within_a_running_loop(environment: Environment) -> None:
    async def step() -> list[float | None]:
        return trl_reward(environment)(**CALL)

    assert asyncio.run(step()) == [1.0, 0.0, 0.5, None]


def test_conversations_are_judged_by_their_last_message(endpoint: ScriptedEndpoint) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "ps", "arguments": "{}"}}
    prompt = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Which process hangs?"}]
    done = [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "name": "ps", "content": "4711"},
        {"role": "assistant", "content": "It is 4711."},
    ]
    with Environment.load("multichallenge", judge={"url": endpoint.url, "name": "m"}) as environment:
        asked = len(endpoint.requests)
        rewards = trl_reward(environment, row=lambda row: row | {"context": "c", "rubric": [{"question": row["ask"]}]})(
            prompts=[prompt, prompt], completions=[done, done[:1]], ask=["Is it short?", "Is it long?"]
        )
        seen = [request.body["messages"][-1]["content"] for request in endpoint.requests[asked:]]
    assert rewards == [0.0, 0.0]  # [[COMPLIED]] is no YES
    assert any("It is 4711." in text and "Is it short?" in text for text in seen)


def test_a_column_that_has_not_a_value_for_each_is_named(environment: Environment) -> None:
    with pytest.raises(DefinitionError, match="the column 'category' is not a list with a value for each of the 2"):
        trl_reward(environment)(prompts=["a", "b"], completions=["c", "d"], category=["e"])


def test_it_can_be_pickled(environment: Environment) -> None:
    again = pickle.loads(pickle.dumps(trl_reward(environment)))
    assert again.environment is environment  # the same process has it already
