"""What agents are written against."""

from __future__ import annotations

from fastapi import Body

from nemo_gym._absent import INSTEAD
from referee.gym.api.agents import SimpleResponsesAPIAgent
from referee.gym.api.aggregation import (
    AggregateMetrics,
    AggregateMetricsRequest,
)
from referee.gym.api.config import BaseResponsesAPIAgentConfig
from referee.gym.api.resources import BaseRunRequest, BaseVerifyResponse
from referee_nemo import missing

__all__ = [
    "AggregateMetrics",
    "AggregateMetricsRequest",
    "BaseResponsesAPIAgentConfig",
    "BaseRunRequest",
    "BaseVerifyResponse",
    "Body",
    "SimpleResponsesAPIAgent",
]


def __getattr__(name: str) -> object:
    raise missing(__name__, name, INSTEAD)
