"""What environments are written against."""

from __future__ import annotations

from nemo_gym._absent import INSTEAD
from referee.gym.api.aggregation import (
    AggregateMetrics,
    AggregateMetricsMixin,
    AggregateMetricsRequest,
    compute_aggregate_metrics,
)
from referee.gym.api.base import BaseServer, SimpleServer
from referee.gym.api.config import (
    BaseResourcesServerConfig,
    BaseRunServerInstanceConfig,
)
from referee.gym.api.resources import (
    BaseRunRequest,
    BaseSeedSessionRequest,
    BaseSeedSessionResponse,
    BaseVerifyRequest,
    BaseVerifyResponse,
    SimpleResourcesServer,
)
from referee.gym.api.responses import NeMoGymResponse, NeMoGymResponseCreateParamsNonStreaming
from referee.gym.api.sessions import SESSION_ID_KEY
from referee_nemo import missing

__all__ = [
    "SESSION_ID_KEY",
    "AggregateMetrics",
    "AggregateMetricsMixin",
    "AggregateMetricsRequest",
    "BaseResourcesServerConfig",
    "BaseRunRequest",
    "BaseRunServerInstanceConfig",
    "BaseSeedSessionRequest",
    "BaseSeedSessionResponse",
    "BaseServer",
    "BaseVerifyRequest",
    "BaseVerifyResponse",
    "NeMoGymResponse",
    "NeMoGymResponseCreateParamsNonStreaming",
    "SimpleResourcesServer",
    "SimpleServer",
    "compute_aggregate_metrics",
]


def __getattr__(name: str) -> object:
    raise missing(__name__, name, INSTEAD)
