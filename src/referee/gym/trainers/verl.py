"""verl's `compute_score`: one answer in, its score out, with what it says of the judge beside it.

verl (read off release 0.9.1) calls `compute_score(data_source=…, solution_str=…, ground_truth=…, extra_info=…)` for
each sample, on threads and, with some reward managers, in worker processes, or awaits it where
`inspect.iscoroutinefunction` says so. It takes a number, or a mapping whose `score` is the number and whose other
entries it keeps for its logs. It has no way to say that there is none: what a failed judge counts as must be chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Literal, overload

from referee.errors import RewardError
from referee.gym.environment import Environment
from referee.gym.trainers.rows import Row, RowOf, plain, rollout

IfFailed = float | Literal["raise"]
Score = dict[str, float]


@overload
def verl_score(
    environment: Environment, *, if_failed: IfFailed, asynchronous: Literal[False] = False, row: RowOf | None = None
) -> Callable[..., Score]: ...
@overload
def verl_score(
    environment: Environment, *, if_failed: IfFailed, asynchronous: Literal[True], row: RowOf | None = None
) -> Callable[..., Coroutine[Any, Any, Score]]: ...
def verl_score(
    environment: Environment, *, if_failed: IfFailed, asynchronous: bool = False, row: RowOf | None = None
) -> Callable[..., Any]:
    """A `compute_score`, for a file that `reward.custom_reward_function.path` names.

    It returns `score`, `judge_failed` and `judge_unclear`, the last two 0 or 1, so that their means are in verl's logs.
    The row's fields are those of `extra_info`, and beside them `data_source`, `ground_truth`, the same as
    `expected_answer` where there is none, and the question: `prompt`, or `question` where there is no `prompt`.

    Args:
        environment: loaded once. Worker processes, forked or not, have an engine of their own each.
        if_failed: the score of an answer whose judge failed: a number, which enters the group's mean as any other and
            so moves the advantages of its other members; or `raise`, which ends the training with a RewardError.
        asynchronous: a coroutine function, which verl's reward loop awaits: no thread is held for each answer.
        row: makes the environment's row of this one; a function of a module, where verl pickles `compute_score`.
    """
    return partial(_compute_score_async if asynchronous else _compute_score, environment, if_failed, row)


def _compute_score(
    environment: Environment,
    if_failed: IfFailed,
    row: RowOf | None,
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    **further: Any,
) -> Score:
    found = _row(row, data_source, ground_truth, extra_info)
    return _score(environment, environment.verify(found, solution_str), if_failed)


async def _compute_score_async(
    environment: Environment,
    if_failed: IfFailed,
    row: RowOf | None,
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    **further: Any,
) -> Score:
    found = _row(row, data_source, ground_truth, extra_info)
    return _score(environment, await environment.averify(found, solution_str), if_failed)


def _row(row: RowOf | None, data_source: str, ground_truth: Any, extra_info: Mapping[str, Any] | None) -> Any:
    fields: Row = {"expected_answer": ground_truth, **(extra_info or {})}
    fields |= {"data_source": data_source, "ground_truth": ground_truth}
    question = plain(fields.pop("prompt", None))
    made, _ = rollout(fields.get("question", "") if question is None else question, "", fields)
    return made if row is None else row(made)


def _score(environment: Environment, answer: Row, if_failed: IfFailed) -> Score:
    reward = environment.reward(answer)
    if reward is None and if_failed == "raise":
        raise RewardError(environment.name, answer.get("judge_error_kind"), answer.get("judge_error"))
    unclear = answer.get("judge_status") == "unclear"
    counted = float(if_failed) if reward is None else reward
    return {"score": counted, "judge_failed": float(reward is None), "judge_unclear": float(unclear)}
