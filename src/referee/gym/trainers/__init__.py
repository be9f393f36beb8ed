"""An environment's rewards in the form that a trainer calls: TRL, verl, verifiers; and advantages within groups.

Each adapter is made of an `Environment`, whose one engine and event loop serve all its calls. A judge that failed is no
reward: TRL gets None, verifiers an error, by which it tries again, and verl, which has no word for it, a number that
whoever trains has chosen, with a mark beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from referee.on_use import import_on_use

if TYPE_CHECKING:
    from referee.gym.trainers.advantages import rollout_advantages
    from referee.gym.trainers.trl import trl_reward
    from referee.gym.trainers.verifiers import verifiers_judge, verifiers_reward
    from referee.gym.trainers.verl import verl_score
    from referee.statistics.advantages import group_advantages

__all__ = [
    "group_advantages",
    "rollout_advantages",
    "trl_reward",
    "verifiers_judge",
    "verifiers_reward",
    "verl_score",
]

_HOMES = {
    "group_advantages": "referee.statistics.advantages",
    "rollout_advantages": ".advantages",
    "trl_reward": ".trl",
    "verifiers_judge": ".verifiers",
    "verifiers_reward": ".verifiers",
    "verl_score": ".verl",
}

__getattr__ = import_on_use(
    __name__, _HOMES, extra="gym", brings=("fastapi", "uvicorn", "hydra", "omegaconf", "itsdangerous", "jsonschema")
)
