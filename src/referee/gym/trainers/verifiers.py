"""verifiers' tasks (its `verifiers.v1`): an environment as one of a task's rewards, or as a judge that is plugged in.

Read off release 0.4: a reward is a coroutine function of `task` (the task's data) and `trace` (what the policy did); a
judge is a subclass of `Judge` with a config and `score(task, trace)`. A judge that fails raises there, so that the
sample is tried again and not scored against the policy; so does this.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from importlib import import_module
from typing import Any

import orjson

from referee.errors import LaunchError, RewardError
from referee.gym.environment import Environment
from referee.gym.trainers.rows import Row, RowOf, rollout

NOT_ITEM = frozenset(
    {"idx", "image", "workdir", "agent_user", "skills", "network_allow", "network_block", "artifacts"}
    | {"artifact_max_bytes", "timeout", "resources", "prompt", "system_prompt"}
)
"""Fields of every task's data that say where and how it runs, and its prompt, which the trace begins with."""

Reward = Callable[[Any, Any], Coroutine[Any, Any, float]]


def verifiers_reward(environment: Environment, *, row: RowOf | None = None) -> Reward:
    """A reward `(task, trace) -> float`: to be called by a task's own `@vf.reward`, or plugged by its import path.

    The row's fields are those of the task's data, and the conversation is that of the trace's last branch.

    Args:
        environment: loaded once.
        row: makes the environment's row of this one, where the data's fields are named otherwise.

    Returns:
        a coroutine function. It raises RewardError where the judge failed.
    """

    async def reward(task: Any, trace: Any) -> float:
        return _reward(environment, await _verify(environment, row, task, trace))

    reward.__name__ = environment.name
    return reward


def verifiers_judge(environment: Environment, *, row: RowOf | None = None) -> Any:
    """A class of `verifiers.v1.Judge`, for a module whose `__all__` names it: the module's name is the judge's id.

    Beside the reward it records the verdict in the trace, with what the judge's calls used.

    Args:
        environment: loaded once.
        row: makes the environment's row of the task's data.

    Raises:
        LaunchError: verifiers is not installed, or has no `verifiers.v1`.
    """
    try:
        library: Any = import_module("verifiers.v1")
    except ImportError as error:
        raise LaunchError("verifiers_judge needs verifiers 0.4 or later: pip install 'verifiers>=0.4'") from error
    usage_of: Any = import_module("verifiers.v1.types").Usage

    class EnvironmentJudge(library.Judge):
        """The rewards of an environment; the config's endpoint and model are not asked, the environment has its own."""

        async def score(self, task: Any, trace: Any) -> float:
            answer = await _verify(environment, row, task, trace)
            verdict = {name: answer.get(name) for name in ("reward", "judge_status", "judge_error_kind", "judge_error")}
            usage = usage_of(
                prompt_tokens=answer.get("judge_input_tokens") or 0,
                completion_tokens=answer.get("judge_output_tokens") or 0,
                cost=answer.get("judge_cost"),
            )
            trace.record_judge_call(
                name=self.reward_name,
                request={"model": environment.name, "messages": []},
                response=library.JudgeResponse(text=orjson.dumps(verdict).decode(), usage=usage),
            )
            return _reward(environment, answer)

    return EnvironmentJudge


async def _verify(environment: Environment, row: RowOf | None, task: Any, trace: Any) -> Row:
    data: Mapping[str, Any] = task.model_dump(mode="json")
    fields = {name: value for name, value in data.items() if name not in NOT_ITEM}
    messages = [message.model_dump(mode="json", exclude_none=True) for message in trace.messages]
    made, answer = rollout([_as_chat(message) for message in messages], [], fields)
    if trace.root_reply is not None:  # the agent's own, where the last branch is another's
        answer = trace.root_reply
    return await environment.averify(made if row is None else row(made), answer)


def _as_chat(message: Mapping[str, Any]) -> Row:
    """A message as chat completions have it: verifiers' tool calls have name and arguments beside their id."""
    chat = dict(message)
    if calls := chat.get("tool_calls"):
        chat["tool_calls"] = [
            {"id": one["id"], "type": "function", "function": {"name": one["name"], "arguments": one["arguments"]}}
            for one in calls
        ]
    return chat


def _reward(environment: Environment, answer: Row) -> float:
    reward = environment.reward(answer)
    if reward is None:
        raise RewardError(environment.name, answer.get("judge_error_kind"), answer.get("judge_error"))
    return reward
