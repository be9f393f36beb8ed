"""What environment authors write against: base classes for the three kinds of server, and the types of their bodies.

The names are imported when they are first used: FastAPI costs half a second, which a command that only reads
rollouts does not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from referee.gym.api.agents import SimpleResponsesAPIAgent
    from referee.gym.api.aggregation import AggregateMetrics, AggregateMetricsRequest, compute_aggregate_metrics
    from referee.gym.api.base import BaseServer, SimpleServer
    from referee.gym.api.chat import NeMoGymChatCompletion, NeMoGymChatCompletionCreateParamsNonStreaming
    from referee.gym.api.config import (
        AgentServerRef,
        BaseResourcesServerConfig,
        BaseResponsesAPIAgentConfig,
        BaseResponsesAPIModelConfig,
        BaseRunServerInstanceConfig,
        ModelServerRef,
        ResourcesServerRef,
    )
    from referee.gym.api.judge_calls import JudgeError, call_judge, get_response_json, judge_failsafe, raise_for_status
    from referee.gym.api.models import SimpleResponsesAPIModel
    from referee.gym.api.resources import (
        BaseRunRequest,
        BaseSeedSessionRequest,
        BaseSeedSessionResponse,
        BaseVerifyRequest,
        BaseVerifyResponse,
        SimpleResourcesServer,
    )
    from referee.gym.api.responses import (
        NeMoGymEasyInputMessage,
        NeMoGymFunctionCallOutput,
        NeMoGymResponse,
        NeMoGymResponseCreateParamsNonStreaming,
        NeMoGymResponseFunctionToolCall,
        NeMoGymResponseOutputMessage,
        NeMoGymResponseOutputRefusal,
        NeMoGymResponseOutputText,
        NeMoGymResponseReasoningItem,
    )
    from referee.gym.api.sessions import SESSION_ID_KEY
    from referee.gym.server import ServerClient

_HOMES = {
    "AgentServerRef": "api.config",
    "AggregateMetrics": "api.aggregation",
    "AggregateMetricsRequest": "api.aggregation",
    "BaseResourcesServerConfig": "api.config",
    "BaseResponsesAPIAgentConfig": "api.config",
    "BaseResponsesAPIModelConfig": "api.config",
    "BaseRunRequest": "api.resources",
    "BaseRunServerInstanceConfig": "api.config",
    "BaseSeedSessionRequest": "api.resources",
    "BaseSeedSessionResponse": "api.resources",
    "BaseServer": "api.base",
    "BaseVerifyRequest": "api.resources",
    "BaseVerifyResponse": "api.resources",
    "call_judge": "api.judge_calls",
    "compute_aggregate_metrics": "api.aggregation",
    "get_response_json": "api.judge_calls",
    "judge_failsafe": "api.judge_calls",
    "JudgeError": "api.judge_calls",
    "ModelServerRef": "api.config",
    "NeMoGymChatCompletion": "api.chat",
    "NeMoGymChatCompletionCreateParamsNonStreaming": "api.chat",
    "NeMoGymEasyInputMessage": "api.responses",
    "NeMoGymFunctionCallOutput": "api.responses",
    "NeMoGymResponse": "api.responses",
    "NeMoGymResponseCreateParamsNonStreaming": "api.responses",
    "NeMoGymResponseFunctionToolCall": "api.responses",
    "NeMoGymResponseOutputMessage": "api.responses",
    "NeMoGymResponseOutputRefusal": "api.responses",
    "NeMoGymResponseOutputText": "api.responses",
    "NeMoGymResponseReasoningItem": "api.responses",
    "raise_for_status": "api.judge_calls",
    "ResourcesServerRef": "api.config",
    "ServerClient": "server",
    "SESSION_ID_KEY": "api.sessions",
    "SimpleResourcesServer": "api.resources",
    "SimpleResponsesAPIAgent": "api.agents",
    "SimpleResponsesAPIModel": "api.models",
    "SimpleServer": "api.base",
}

__all__ = [
    "SESSION_ID_KEY",
    "AgentServerRef",
    "AggregateMetrics",
    "AggregateMetricsRequest",
    "BaseResourcesServerConfig",
    "BaseResponsesAPIAgentConfig",
    "BaseResponsesAPIModelConfig",
    "BaseRunRequest",
    "BaseRunServerInstanceConfig",
    "BaseSeedSessionRequest",
    "BaseSeedSessionResponse",
    "BaseServer",
    "BaseVerifyRequest",
    "BaseVerifyResponse",
    "JudgeError",
    "ModelServerRef",
    "NeMoGymChatCompletion",
    "NeMoGymChatCompletionCreateParamsNonStreaming",
    "NeMoGymEasyInputMessage",
    "NeMoGymFunctionCallOutput",
    "NeMoGymResponse",
    "NeMoGymResponseCreateParamsNonStreaming",
    "NeMoGymResponseFunctionToolCall",
    "NeMoGymResponseOutputMessage",
    "NeMoGymResponseOutputRefusal",
    "NeMoGymResponseOutputText",
    "NeMoGymResponseReasoningItem",
    "ResourcesServerRef",
    "ServerClient",
    "SimpleResourcesServer",
    "SimpleResponsesAPIAgent",
    "SimpleResponsesAPIModel",
    "SimpleServer",
    "call_judge",
    "compute_aggregate_metrics",
    "get_response_json",
    "judge_failsafe",
    "raise_for_status",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"referee.gym.{_HOMES[name]}"), name)
    return value
