"""What model servers are written against."""

from __future__ import annotations

from fastapi import Body

from nemo_gym._absent import INSTEAD
from referee.gym.api.config import BaseResponsesAPIModelConfig
from referee.gym.api.models import SimpleResponsesAPIModel
from referee_nemo import missing

__all__ = [
    "BaseResponsesAPIModelConfig",
    "Body",
    "SimpleResponsesAPIModel",
]


def __getattr__(name: str) -> object:
    raise missing(__name__, name, INSTEAD)
