"""What environment authors write against: base classes for the three kinds of server, and the types of their bodies.

The names are imported when they are first used: FastAPI costs half a second, which a command that only reads
rollouts does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from referee.on_use import import_on_use

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
    "AgentServerRef": ".config",
    "AggregateMetrics": ".aggregation",
    "AggregateMetricsRequest": ".aggregation",
    "BaseResourcesServerConfig": ".config",
    "BaseResponsesAPIAgentConfig": ".config",
    "BaseResponsesAPIModelConfig": ".config",
    "BaseRunRequest": ".resources",
    "BaseRunServerInstanceConfig": ".config",
    "BaseSeedSessionRequest": ".resources",
    "BaseSeedSessionResponse": ".resources",
    "BaseServer": ".base",
    "BaseVerifyRequest": ".resources",
    "BaseVerifyResponse": ".resources",
    "call_judge": ".judge_calls",
    "compute_aggregate_metrics": ".aggregation",
    "get_response_json": ".judge_calls",
    "judge_failsafe": ".judge_calls",
    "JudgeError": ".judge_calls",
    "ModelServerRef": ".config",
    "NeMoGymChatCompletion": ".chat",
    "NeMoGymChatCompletionCreateParamsNonStreaming": ".chat",
    "NeMoGymEasyInputMessage": ".responses",
    "NeMoGymFunctionCallOutput": ".responses",
    "NeMoGymResponse": ".responses",
    "NeMoGymResponseCreateParamsNonStreaming": ".responses",
    "NeMoGymResponseFunctionToolCall": ".responses",
    "NeMoGymResponseOutputMessage": ".responses",
    "NeMoGymResponseOutputRefusal": ".responses",
    "NeMoGymResponseOutputText": ".responses",
    "NeMoGymResponseReasoningItem": ".responses",
    "raise_for_status": ".judge_calls",
    "ResourcesServerRef": ".config",
    "ServerClient": "..server",
    "SESSION_ID_KEY": ".sessions",
    "SimpleResourcesServer": ".resources",
    "SimpleResponsesAPIAgent": ".agents",
    "SimpleResponsesAPIModel": ".models",
    "SimpleServer": ".base",
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

__getattr__ = import_on_use(__name__, _HOMES)
