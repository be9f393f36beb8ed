"""`SimpleResourcesServer`: an environment's tools and its reward. Authors write `verify()`, and routes for tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from pydantic import BaseModel

from referee.gym.api.aggregation import AggregateMetricsMixin
from referee.gym.api.base import SimpleServer
from referee.gym.api.config import BaseResourcesServerConfig
from referee.gym.api.judge_calls import judge_failsafe
from referee.gym.api.responses import NeMoGymResponse, NeMoGymResponseCreateParamsNonStreaming
from referee.gym.api.routes import JSONAnswer


class BaseRunRequest(BaseModel):
    """A row to be rolled out."""

    responses_create_params: NeMoGymResponseCreateParamsNonStreaming


class BaseVerifyRequest(BaseRunRequest):
    """A row and what the policy answered."""

    response: NeMoGymResponse


class BaseVerifyResponse(BaseVerifyRequest):
    """The row, what the policy answered, and its reward."""

    reward: float


class BaseSeedSessionRequest(BaseModel):
    """The row at the beginning of an episode; a subclass declares the fields it needs."""


class BaseSeedSessionResponse(BaseModel):
    """Nothing; what counts is the session's cookie."""


class SimpleResourcesServer(AggregateMetricsMixin, SimpleServer):
    """An environment. Subclasses write `verify`, and add routes for tools to the app of `setup_webserver`."""

    if TYPE_CHECKING:
        config: Any
    else:
        config: BaseResourcesServerConfig

    def setup_webserver(self) -> FastAPI:
        """The app with `/seed_session`, `/verify` and `/aggregate_metrics`."""
        seeded = type(self).seed_session is not SimpleResourcesServer.seed_session
        return self.new_app(
            {
                "/seed_session": self.seed_session if seeded else _seed_nothing,
                "/verify": judge_failsafe(self.verify),
                "/aggregate_metrics": self.aggregate_metrics,
            }
        )

    async def seed_session(self, *_: Any, **__: Any) -> Any:
        """Begin an episode: `body: BaseSeedSessionRequest`, and where it is wanted `request: Request`, in whose
        `session` the episode's `session_id` is."""
        return BaseSeedSessionResponse()

    async def verify(self, *_: Any, **__: Any) -> Any:
        """The reward of a finished episode: `body: BaseVerifyRequest` to `BaseVerifyResponse`."""
        raise NotImplementedError


async def _seed_nothing(body: BaseSeedSessionRequest) -> JSONAnswer:
    return JSONAnswer(b"{}")
