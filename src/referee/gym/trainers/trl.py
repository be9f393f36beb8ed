"""TRL's `reward_funcs`: a batch of prompts and completions in, a reward for each out, None where there is none.

TRL (read off release 1.16) calls `f(prompts=…, completions=…, completion_ids=…, **columns)`, or awaits it where
`__call__` is a coroutine function; it leaves a sample with None out of this function's rewards, out of the group's
mean, and gives it no advantage. `rewards/<name>/mean` in its logs is named after `__name__`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, overload

from referee.errors import DefinitionError
from referee.gym.environment import Environment
from referee.gym.trainers.rows import Row, RowOf, rollout

NO_COLUMNS = frozenset({"trainer_state", "log_extra", "log_metric", "environments"})
"""What TRL passes beside the dataset's columns."""


@overload
def trl_reward(
    environment: Environment,
    *,
    asynchronous: Literal[False] = False,
    row: RowOf | None = None,
    at_once: int = 64,
    name: str | None = None,
) -> RewardFunction: ...
@overload
def trl_reward(
    environment: Environment,
    *,
    asynchronous: Literal[True],
    row: RowOf | None = None,
    at_once: int = 64,
    name: str | None = None,
) -> AsyncRewardFunction: ...
def trl_reward(
    environment: Environment,
    *,
    asynchronous: bool = False,
    row: RowOf | None = None,
    at_once: int = 64,
    name: str | None = None,
) -> RewardFunction | AsyncRewardFunction:
    """One of `reward_funcs`: the rewards of an environment, None for a completion whose judge failed.

    The dataset's columns are the row's fields, and the prompt its question or conversation. What an unclear verdict is
    worth is the environment's configuration; the shares of failed and unclear ones are logged, where TRL takes them,
    as `<name>/judge_failed` and `<name>/judge_unclear`.

    Args:
        environment: loaded once.
        asynchronous: a function that TRL awaits, beside its other asynchronous ones; at once with them.
        row: makes the environment's row of TRL's, where its columns are named otherwise.
        at_once: the most completions that are judged at once.
        name: in TRL's logs; the environment's by default.
    """
    kind = AsyncRewardFunction if asynchronous else RewardFunction
    return kind(environment, row=row, at_once=at_once, name=name)


class _Rewards:
    def __init__(self, environment: Environment, *, row: RowOf | None, at_once: int, name: str | None) -> None:
        self.environment = environment
        self.__name__ = name or environment.name
        self._row = row
        self._at_once = at_once

    def _rollouts(
        self, prompts: Sequence[Any], completions: Sequence[Any], columns: Mapping[str, Any]
    ) -> list[tuple[Mapping[str, Any], str]]:
        fields = {name: column for name, column in columns.items() if name not in NO_COLUMNS}
        for name, column in {"prompts": prompts, **fields}.items():
            if not isinstance(column, Sequence) or isinstance(column, str) or len(column) != len(completions):
                raise DefinitionError(
                    f"{self.__name__}: the column {name!r} is not a list with a value for each of "
                    f"the {len(completions)} completions"
                )
        found: list[tuple[Mapping[str, Any], str]] = []
        for at, completion in enumerate(completions):
            row, answer = rollout(prompts[at], completion, {name: column[at] for name, column in fields.items()})
            found.append((row if self._row is None else self._row(row), answer))
        return found

    def _told(self, answers: Iterable[Row], log: Callable[[str, float], None] | None) -> list[float | None]:
        rewards: list[float | None] = []
        unclear = 0
        for answer in answers:
            rewards.append(self.environment.reward(answer))
            unclear += answer.get("judge_status") == "unclear"
        if log is not None and rewards:
            log(f"{self.__name__}/judge_failed", sum(reward is None for reward in rewards) / len(rewards))
            log(f"{self.__name__}/judge_unclear", unclear / len(rewards))
        return rewards


class RewardFunction(_Rewards):
    """A reward function that TRL calls. Can be pickled, as its environment can."""

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """A reward for each completion.

        Raises:
            DefinitionError: the environment refuses a row, or a column has not a value for each completion.
        """
        rollouts = self._rollouts(prompts, completions, columns)
        return self._told(self.environment.verify_all(rollouts, at_once=self._at_once), columns.get("log_metric"))


class AsyncRewardFunction(_Rewards):
    """A reward function that TRL awaits. Can be pickled, as its environment can."""

    async def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """A reward for each completion.

        Raises:
            DefinitionError: the environment refuses a row, or a column has not a value for each completion.
        """
        rollouts = self._rollouts(prompts, completions, columns)
        answers = await self.environment.averify_all(rollouts, at_once=self._at_once)
        return self._told(answers, columns.get("log_metric"))
