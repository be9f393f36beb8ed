"""What the bundled model servers share: both APIs in, one endpoint out, the endpoint's answers passed on as they came.

A body is checked, as an unknown key would be lost without a word; then it is passed on with this server's own model
name and parameters. Subclasses say where the endpoint is and how a request is put to it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from referee.exchange import Failure, excerpt, read_reply
from referee.gym.api import (
    BaseResponsesAPIModelConfig,
    NeMoGymChatCompletionCreateParamsNonStreaming,
    SimpleResponsesAPIModel,
)
from referee.gym.api.plain import is_plain_answer
from referee.gym.api.routes import JSONAnswer, as_model, check_params, header_of, read_object
from referee.gym.upstream import FAILURE, NO_RETRIES, Upstream
from referee.inference import Reply, RetryPolicy, Timeouts
from referee.judge import Price

Json = dict[str, Any]
_NO_RETRIES = NO_RETRIES.encode()
_PASSED_ON = ("retry-after", FAILURE)


class EndpointModelConfig(BaseResponsesAPIModelConfig):
    """What every bundled model server is configured with.

    Args:
        extra_body: further fields of every request; a request's own come before them.
        max_concurrent_requests: the most calls in flight at once; null for no limit.
        max_retries: tries after the first one.
        retry_base_seconds: the longest wait before the first of them; it doubles with each.
        timeout_seconds: for each try.
        price: US dollars for a million tokens, `{input, output}`, for the cost of judges.
    """

    extra_body: dict[str, Any] | None = None
    max_concurrent_requests: int | None = Field(default=None, gt=0)
    max_retries: int = Field(default=3, ge=0)
    retry_base_seconds: float = Field(default=1.0, ge=0)
    timeout_seconds: float = Field(default=600.0, gt=0)
    price: Price | None = None

    @property
    def retry(self) -> RetryPolicy:
        """How refused calls are repeated."""
        return RetryPolicy(retries=self.max_retries, base=self.retry_base_seconds)

    @property
    def timeouts(self) -> Timeouts:
        """For each try."""
        return Timeouts(read=self.timeout_seconds, total=self.timeout_seconds)


class EndpointModelServer(SimpleResponsesAPIModel):
    """A model server in front of an endpoint. Subclasses write `open_upstreams`, and what a request needs there."""

    if TYPE_CHECKING:
        config: Any
    else:
        config: EndpointModelConfig

    def open_upstreams(self) -> list[Upstream]:
        """The endpoint, or several that serve the same model."""
        raise NotImplementedError

    @cached_property
    def upstreams(self) -> list[Upstream]:
        """The endpoints in use."""
        return self.open_upstreams()

    def choose(self, request: Request) -> Upstream:
        """The endpoint for one call."""
        return self.upstreams[0]

    async def aclose(self) -> None:
        """Close the connections."""
        for upstream in self.upstreams:
            await upstream.aclose()
        await super().aclose()

    async def responses(self, request: Request, body: bytes) -> Response:
        """A Responses request, put to the endpoint."""
        params = read_object(body)
        check_params(params)
        return await self.respond(request, params)

    async def chat_completions(self, request: Request, body: bytes) -> JSONAnswer:
        """A chat completion request, put to the endpoint."""
        params = read_object(body)
        as_model(NeMoGymChatCompletionCreateParamsNonStreaming, params)
        return passed_on(await self.ask(request, self.chat_request(params)))

    async def ask(self, request: Request, chat: Json) -> Reply:
        """The endpoint's answer to a chat completion request."""
        return await self.post(request, "/chat/completions", chat)

    async def respond(self, request: Request, params: Json) -> Response:
        """The answer to a checked Responses request."""
        return passed_on(await self.post(request, "/responses", self.responses_request(params)))

    def responses_request(self, params: Json) -> Json:
        """A Responses request as the endpoint gets it."""
        return params

    def chat_request(self, params: Json) -> Json:
        """A chat completion request as the endpoint gets it."""
        return params

    def post(self, request: Request, path: str, params: Json) -> Awaitable[Reply]:
        """The endpoint's answer. It is looked at, for another try, unless the caller does so itself."""
        looked_at = _complaint if header_of(request, _NO_RETRIES) is None else None
        return self.choose(request).post(path, orjson.dumps(params), looked_at)


def passed_on(reply: Reply) -> JSONAnswer:
    """An endpoint's answer as this server's own."""
    headers = {name: value for name in _PASSED_ON if (value := reply.headers.get(name)) is not None}
    return JSONAnswer(reply.body, reply.status, headers)


def error_answer(status: int, message: str, kind: str) -> JSONAnswer:
    """An error in the form of OpenAI's API."""
    return JSONAnswer(orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": None}}), status)


def _complaint(body: bytes) -> str | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return f"the answer is not JSON: {excerpt(body[:500].decode(errors='replace'))}"
    if is_plain_answer(value) and "choices" not in value:
        return None
    answer = read_reply(value)
    return answer.message if isinstance(answer, Failure) else None
