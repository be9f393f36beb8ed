"""References to other servers, and the bodies of aggregation."""

from __future__ import annotations

from nemo_gym._absent import INSTEAD
from referee.errors import DefinitionError as ConfigError
from referee.gym.api.aggregation import (
    AggregateMetrics,
    AggregateMetricsRequest,
)
from referee.gym.api.config import (
    AgentServerRef,
    BaseRunServerInstanceConfig,
    ModelServerRef,
    ResourcesServerRef,
)
from referee_nemo import missing

ServerRef = ModelServerRef | ResourcesServerRef | AgentServerRef

__all__ = [
    "AgentServerRef",
    "AggregateMetrics",
    "AggregateMetricsRequest",
    "BaseRunServerInstanceConfig",
    "ConfigError",
    "ModelServerRef",
    "ResourcesServerRef",
    "ServerRef",
]


def __getattr__(name: str) -> object:
    raise missing(__name__, name, INSTEAD)
