"""Servers, the client between them, sessions."""

from __future__ import annotations

from nemo_gym._absent import INSTEAD
from referee.gym.api.base import BaseServer, SimpleServer
from referee.gym.api.config import BaseRunServerInstanceConfig
from referee.gym.api.judge_calls import get_response_json, raise_for_status
from referee.gym.api.sessions import SESSION_ID_KEY
from referee.gym.server import ServerClient
from referee_nemo import missing

__all__ = [
    "SESSION_ID_KEY",
    "BaseRunServerInstanceConfig",
    "BaseServer",
    "ServerClient",
    "SimpleServer",
    "get_response_json",
    "raise_for_status",
]


def __getattr__(name: str) -> object:
    raise missing(__name__, name, INSTEAD)
