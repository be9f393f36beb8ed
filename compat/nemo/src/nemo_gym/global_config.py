"""Keys of rows, and a server's block in a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nemo_gym._absent import INSTEAD
from referee.gym.api.aggregation import ROLLOUT_INDEX_KEY_NAME, TASK_INDEX_KEY_NAME
from referee_nemo import missing

AGENT_REF_KEY_NAME = "agent_ref"
RESPONSES_CREATE_PARAMS_KEY_NAME = "responses_create_params"
RESPONSE_KEY_NAME = "response"


def get_first_server_config_dict(global_config_dict: Mapping[str, Any], top_level_path: str) -> Any:
    """The settings of a server, from the whole configuration."""
    kind = next(iter(global_config_dict[top_level_path].values()))
    return next(iter(kind.values()))


__all__ = [
    "AGENT_REF_KEY_NAME",
    "RESPONSES_CREATE_PARAMS_KEY_NAME",
    "RESPONSE_KEY_NAME",
    "ROLLOUT_INDEX_KEY_NAME",
    "TASK_INDEX_KEY_NAME",
    "get_first_server_config_dict",
]


def __getattr__(name: str) -> object:
    raise missing(__name__, name, INSTEAD)
