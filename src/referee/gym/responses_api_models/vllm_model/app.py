"""Endpoints with chat completions only, as vLLM, SGLang and llama.cpp: Responses calls are said as chat and back.

Reasoning, tools and, for training, the tokens of prompt and answer are carried across. Of several base urls each
session gets one, in turn, and keeps it, as an endpoint has the earlier turns of a conversation in its cache.
"""

from __future__ import annotations

import re
from itertools import count
from typing import Any

import orjson
from pydantic import Field, PrivateAttr
from starlette.requests import Request
from starlette.responses import Response

from referee.errors import ConversionError
from referee.exchange import excerpt
from referee.gym.api import SESSION_ID_KEY
from referee.gym.api.routes import JSONAnswer, problem
from referee.gym.model_server import EndpointModelConfig, EndpointModelServer, Json, passed_on
from referee.gym.upstream import Upstream, no_answer
from referee.inference import Reply
from referee.inference.conversion import chat_request_from_responses, responses_reply_from_chat

_THINKING = re.compile(r"<think>(.*?)</think>", re.DOTALL)
_TOO_LONG = ("context length", "max_tokens", "max_model_len")
_SESSIONS = 100_000


class VLLMModelConfig(EndpointModelConfig):
    """Where the endpoint is, and how its model is asked.

    Args:
        base_url: one, or several that serve the same model.
        api_key: sent as a bearer token where it is not empty.
        model: the model's name there; it is sent whatever a request asks for.
        default_headers: sent with every call.
        return_token_id_information: add `prompt_token_ids`, `generation_token_ids` and `generation_log_probs` to the
            last item of each answer, for trainers.
        uses_reasoning_parser: make an item of reasoning from `<think>…</think>` in an answer.
        uses_interleaved_reasoning: send the reasoning of earlier turns along.
        chat_template_kwargs: for the endpoint's chat template; `metadata.chat_template_kwargs` of a request, as JSON
            text, comes before it.
        replace_developer_role_with_system: for templates that have no such role.
    """

    base_url: str | list[str]
    api_key: str = Field(default="", repr=False)
    model: str = Field(min_length=1)
    default_headers: dict[str, str] = Field(default_factory=dict[str, str], repr=False)
    return_token_id_information: bool = False
    uses_reasoning_parser: bool = True
    uses_interleaved_reasoning: bool = True
    chat_template_kwargs: dict[str, Any] | None = None
    replace_developer_role_with_system: bool = False


class VLLMModelServer(EndpointModelServer):
    """The model server."""

    config: VLLMModelConfig
    _turn: count[int] = PrivateAttr(default_factory=count)
    _of_session: dict[str, int] = PrivateAttr(default_factory=dict[str, int])

    def open_upstreams(self) -> list[Upstream]:
        """The endpoints, with their key."""
        config = self.config
        key = {"Authorization": f"Bearer {config.api_key}"} if config.api_key else {}
        return [
            Upstream(
                url.rstrip("/"),
                {**config.default_headers, **key},
                concurrency=config.max_concurrent_requests,
                retry=config.retry,
                timeouts=config.timeouts,
            )
            for url in ([config.base_url] if isinstance(config.base_url, str) else config.base_url)
        ]

    def choose(self, request: Request) -> Upstream:
        """The endpoint of the request's session."""
        if len(self.upstreams) == 1:
            return self.upstreams[0]
        session: str = request.session[SESSION_ID_KEY]
        if session not in self._of_session:
            if len(self._of_session) >= _SESSIONS:
                self._of_session.clear()
            self._of_session[session] = next(self._turn) % len(self.upstreams)
        return self.upstreams[self._of_session[session]]

    async def respond(self, request: Request, params: Json) -> Response:
        """The answer to a Responses request, which the endpoint is asked as a chat completion."""
        given = params["input"]
        if not self.config.uses_interleaved_reasoning and not isinstance(given, str):
            params["input"] = [item for item in given if item.get("type") != "reasoning"]
        try:
            chat = self.chat_request(chat_request_from_responses(params))
        except ConversionError as error:
            return problem(422, str(error))
        reply = await self.ask(request, chat)
        if not 200 <= reply.status < 300:
            return passed_on(reply)
        try:
            completion = orjson.loads(reply.body)
            tokens = await self._tokens(request, chat, completion) if self.config.return_token_id_information else None
            answer = responses_reply_from_chat(self._with_reasoning(completion), params)
        except (ConversionError, orjson.JSONDecodeError, KeyError, IndexError, TypeError, ValueError) as error:
            said = excerpt(reply.body[:1000].decode(errors="replace"))
            return passed_on(no_answer("bad_reply", f"{self.config.name}: {error}: {said}"))
        if tokens is not None and answer["output"]:
            answer["output"][-1].update(tokens)
        return JSONAnswer(orjson.dumps(answer))

    def chat_request(self, params: Json) -> Json:
        """A chat completion request with this server's model and parameters."""
        config = self.config
        metadata = params.pop("metadata", None) or {}
        template = {**(config.chat_template_kwargs or {}), **_decoded(metadata.pop("chat_template_kwargs", None))}
        further = {**(config.extra_body or {}), **_decoded(metadata.pop("extra_body", None))}
        chat: Json = {**further, **params, "model": config.model}
        if metadata:
            chat["metadata"] = metadata
        if template:
            chat["chat_template_kwargs"] = template
        if config.return_token_id_information:
            chat |= {"logprobs": True, "top_logprobs": 0, "return_tokens_as_token_ids": True}
        for message in chat["messages"]:
            if config.replace_developer_role_with_system and message.get("role") == "developer":
                message["role"] = "system"
            if message.get("reasoning_content"):
                message["reasoning"] = message["reasoning_content"]  # what newer versions of vLLM call it
        return chat

    async def ask(self, request: Request, chat: Json) -> Reply:
        """The endpoint's answer; a conversation longer than its context is an answer that was cut off at once."""
        reply = await self.post(request, "/chat/completions", chat)
        if reply.status == 400 and any(mark in reply.body.decode(errors="replace") for mark in _TOO_LONG):
            message = {"role": "assistant", "content": None}
            choice = {"index": 0, "message": message, "finish_reason": "length", "logprobs": {"content": []}}
            cut = {"object": "chat.completion", "model": self.config.model, "choices": [choice]}
            return Reply(200, {"content-type": "application/json"}, orjson.dumps(cut))
        return reply

    def _with_reasoning(self, completion: Json) -> Json:
        message = completion["choices"][0]["message"]
        if message.get("reasoning") and not message.get("reasoning_content"):
            message["reasoning_content"] = message["reasoning"]
        content = message.get("content")
        if self.config.uses_reasoning_parser and isinstance(content, str) and "<think>" in content:
            thoughts = [message.get("reasoning_content"), *_THINKING.findall(content)]
            message["reasoning_content"] = "\n".join(filter(None, thoughts))
            message["content"] = _THINKING.sub("", content)
        return completion

    async def _tokens(self, request: Request, chat: Json, completion: Json) -> Json:
        """The tokens of prompt and answer: from the completion, or asked of the endpoint's tokeniser."""
        choice = completion["choices"][0]
        logprobs = (choice.get("logprobs") or {}).get("content")
        if logprobs is None:
            raise ValueError("return_token_id_information needs log-probabilities, and the endpoint gave none")
        ids = choice.get("token_ids") or [int(entry["token"].removeprefix("token_id:")) for entry in logprobs]
        prompt = completion.get("prompt_token_ids") or choice["message"].get("prompt_token_ids")
        if prompt is None and logprobs:
            wanted = ("model", "messages", "tools", "chat_template_kwargs")
            asked = orjson.dumps({key: chat[key] for key in wanted if key in chat})
            upstream = self.choose(request)
            reply = await upstream.post("/tokenize", asked, base=upstream.url.removesuffix("/v1"))
            if reply.status != 200:
                raise ValueError(
                    f"return_token_id_information needs the endpoint's /tokenize, which said {reply.status}"
                )
            prompt = orjson.loads(reply.body)["tokens"]
        choice["logprobs"] = None
        return {
            "prompt_token_ids": prompt or [],
            "generation_token_ids": ids,
            "generation_log_probs": [entry["logprob"] for entry in logprobs],
        }


def _decoded(text: Any) -> Json:
    """A request's own parameters, which travel as JSON text, since metadata holds texts."""
    if not text:
        return {}
    value = orjson.loads(text) if isinstance(text, str) else text
    return value if isinstance(value, dict) else {}


if __name__ == "__main__":
    VLLMModelServer.run_webserver()
