"""Judges that an environment calls itself."""

from __future__ import annotations

from nemo_gym._absent import INSTEAD
from referee.gym.api.judge_calls import JudgeError, call_judge, judge_failsafe
from referee_nemo import missing

__all__ = [
    "JudgeError",
    "call_judge",
    "judge_failsafe",
]


def __getattr__(name: str) -> object:
    raise missing(__name__, name, INSTEAD)
