"""Any endpoint that speaks OpenAI's Responses API."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from referee.gym.model_server import EndpointModelConfig, EndpointModelServer, Json, error_answer, passed_on
from referee.gym.upstream import Upstream


class OpenAIModelConfig(EndpointModelConfig):
    """Where the endpoint is.

    Args:
        openai_base_url: such as https://api.openai.com/v1.
        openai_api_key: the key.
        openai_model: the model's name there; it is sent whatever a request asks for.
        openai_default_headers: sent with every call.
        drop_input_reasoning_items: leave a policy's earlier reasoning out of its next request, for endpoints that
            refuse it.
    """

    openai_base_url: str = Field(min_length=1)
    openai_api_key: str = Field(repr=False)
    openai_model: str = Field(min_length=1)
    openai_default_headers: dict[str, str] = Field(default_factory=dict[str, str], repr=False)
    drop_input_reasoning_items: bool = False


class OpenAIModelServer(EndpointModelServer):
    """The model server."""

    config: OpenAIModelConfig

    def open_upstreams(self) -> list[Upstream]:
        """The endpoint, with its key."""
        config = self.config
        key = {"Authorization": f"Bearer {config.openai_api_key}"} if config.openai_api_key else {}
        return [
            Upstream(
                config.openai_base_url.rstrip("/"),
                {**config.openai_default_headers, **key},
                concurrency=config.max_concurrent_requests,
                retry=config.retry,
                timeouts=config.timeouts,
            )
        ]

    def responses_request(self, params: Json) -> Json:
        """With this server's model; reasoning items without a status, which OpenAI answers with and does not take."""
        given: list[Json] = [] if isinstance(params["input"], str) else params["input"]
        for item in given:
            if item.get("type") == "reasoning":
                params["input"] = [item for item in map(self._input_item, given) if item is not None]
                break
        return self.chat_request(params)

    def chat_request(self, params: Json) -> Json:
        """With this server's model."""
        return {**(self.config.extra_body or {}), **params, "model": self.config.openai_model}

    async def respond(self, request: Request, params: Json) -> Response:
        """The answer, with a word on what to do where the endpoint has no Responses API."""
        reply = await self.post(request, "/responses", self.responses_request(params))
        if reply.status != 404:
            return passed_on(reply)
        said = reply.body[:300].decode(errors="replace")
        mend = "it may have chat completions only: use vllm_model for it (base_url, api_key, model)"
        url = f"{self.config.openai_base_url}/responses"
        return error_answer(404, f"{url} was not found; {mend}. It said: {said}", "not_found")

    def _input_item(self, item: dict[str, Any]) -> dict[str, Any] | None:
        if item.get("type") != "reasoning":
            return item
        if self.config.drop_input_reasoning_items:
            return None
        return {key: value for key, value in item.items() if key != "status"}


if __name__ == "__main__":
    OpenAIModelServer.run_webserver()
