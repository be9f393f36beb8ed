"""The agent that lets a policy call an environment's tools until it has answered, and then has the episode verified.

Bodies are checked once, where they come in, and passed on as they are: of a rollout's bytes nothing is decoded and
written again that need not be. Each server's cookies go back to it with the next call, so that an episode has its
session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from referee.exchange import FailureKind, excerpt
from referee.gym.api import (
    BaseResponsesAPIAgentConfig,
    ModelServerRef,
    ResourcesServerRef,
    SimpleResponsesAPIAgent,
)
from referee.gym.api.routes import JSONAnswer, check_params, cookies_of, problem, read_object
from referee.gym.server import ServerResponse
from referee.gym.upstream import FAILURE
from referee.inference.retries import failure_kind

Json = dict[str, Any]
Cookies = dict[str, str]
_NO_TOOLS = frozenset({"verify", "seed_session", "aggregate_metrics", "run"})


class SimpleAgentConfig(BaseResponsesAPIAgentConfig):
    """Which servers it brings together.

    Args:
        resources_server: the environment.
        model_server: the policy.
        max_steps: calls of the policy in one episode; null for no limit.
    """

    resources_server: ResourcesServerRef
    model_server: ModelServerRef
    max_steps: int | None = Field(default=None, gt=0)


class SimpleAgent(SimpleResponsesAPIAgent):
    """The agent."""

    config: SimpleAgentConfig

    async def run(self, request: Request, body: bytes) -> Response:
        """Roll a row out: the verify response, or an error that says which server failed and how."""
        row = read_object(body)
        check_params(row.get("responses_create_params"), row)
        environment = self.config.resources_server.name
        cookies = cookies_of(request)
        try:
            _sound(await self._ask(environment, "/seed_session", body, cookies), environment, "/seed_session")
            response = await self._respond(row["responses_create_params"], cookies, {})
            rollout = _with_response(row, body, response)
            verified = _sound(await self._ask(environment, "/verify", rollout, cookies), environment, "/verify")
        except ServerFailure as failure:
            return failure.answer()
        return JSONAnswer(verified)

    async def responses(self, request: Request, body: bytes) -> Response:
        """Let the policy answer, tools and all; the cookies of both servers come back with the answer."""
        params = read_object(body)
        check_params(params)
        tool_cookies, model_cookies = cookies_of(request), Cookies()
        try:
            answer = JSONAnswer(await self._respond(params, tool_cookies, model_cookies))
        except ServerFailure as failure:
            return failure.answer()
        for name, value in {**tool_cookies, **model_cookies}.items():
            answer.headers.append("set-cookie", f"{name}={value}; Path=/")
        return answer

    async def aggregate_metrics(self, body: bytes) -> Response:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The environment's figures. The body is passed on as it came: it holds every rollout there is."""
        try:
            answer = await self._ask(self.config.resources_server.name, "/aggregate_metrics", body, {})
            return JSONAnswer(answer.body, answer.status)
        except ServerFailure as failure:
            return failure.answer()

    async def _respond(self, params: Json, tool_cookies: Cookies, model_cookies: Cookies) -> bytes:
        """The policy's answer as JSON: its only one as it came, of several all that was said and done."""
        policy = self.config.model_server.name
        steps, done, usage = 0, list[Json](), Json()
        while True:
            asked = {**params, "input": [*_items(params["input"]), *done]} if done else params
            answered = await self._ask(policy, "/v1/responses", orjson.dumps(asked), model_cookies)
            raw = _sound(answered, policy, "/v1/responses")
            answer = self._read(raw)
            steps += 1
            output: list[Json] = answer["output"]
            calls = [item for item in output if item.get("type") == "function_call"]
            cut = answer.get("incomplete_details") is not None
            if not done and (cut or not calls):
                return raw
            done += output
            _add_usage(usage, answer.get("usage"))
            if not cut:
                done += [await self._call_tool(call, tool_cookies) for call in calls]
            if cut or not calls or steps == self.config.max_steps:
                return orjson.dumps({**answer, "output": done, "usage": usage or None})

    async def _call_tool(self, call: Json, cookies: Cookies) -> Json:
        """What a tool answered, errors too: the policy is to read them."""
        name, call_id = call.get("name"), call.get("call_id")
        try:
            arguments = orjson.loads(call.get("arguments") or "{}")
        except (orjson.JSONDecodeError, TypeError) as error:
            output = _tool_error(f"Invalid tool call arguments: {error}")
        else:
            if not isinstance(name, str) or not name or "/" in name or name in _NO_TOOLS:
                output = _tool_error(f"There is no tool named {name!r}.")
            elif not isinstance(arguments, dict):
                output = _tool_error(f"Invalid tool call arguments: not a JSON object: {excerpt(arguments)}")
            else:
                environment = self.config.resources_server.name
                answer = await self._ask(environment, f"/{name}", orjson.dumps(arguments), cookies)
                output = await answer.text(errors="replace")
        return {"type": "function_call_output", "call_id": call_id, "output": output}

    def _read(self, raw: bytes) -> Json:
        try:
            answer = orjson.loads(raw)
            if isinstance(answer["output"], list) and all(isinstance(item, dict) for item in answer["output"]):
                return answer
        except (orjson.JSONDecodeError, KeyError, TypeError):
            pass
        said = excerpt(raw[:1000].decode(errors="replace"))
        raise ServerFailure(self.config.model_server.name, 502, f"answered no Responses object: {said}", "bad_reply")

    async def _ask(self, server: str, path: str, body: bytes, cookies: Cookies) -> ServerResponse:
        """A server's answer, whatever its status; `cookies` are what it was sent, and what it set since."""
        try:
            answer = await self.server_client.request(server, path, "POST", data=body, cookies=cookies)
        except TimeoutError as error:
            raise ServerFailure(server, 504, f"did not answer {path} in time", "timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ServerFailure(server, 502, f"could not be reached: {error}", "unreachable") from error
        if pairs := answer.cookie_pairs:
            cookies.update(pairs)
        return answer


class ServerFailure(Exception):
    """Another server could not do its part of a rollout."""

    def __init__(self, server: str, status: int, message: str, kind: FailureKind) -> None:
        super().__init__(f"the server {server!r} {message}")
        self.server = server
        self.status = status
        self.kind: FailureKind = kind

    def answer(self) -> Response:
        """What the collector is told: `{detail, server, error_kind}`."""
        return problem(self.status, str(self), server=self.server, error_kind=self.kind)


def _sound(answer: ServerResponse, server: str, path: str) -> bytes:
    """What a server answered, where that is no failure."""
    if answer.status < 400:
        return answer.body
    kind: Any = answer.headers.get(FAILURE) or failure_kind(answer.status)
    # What the environment calls a bad row is one here too; anything else is not the row's fault.
    status = answer.status if answer.status == 422 else 502
    said = excerpt(answer.body[:4000].decode(errors="replace"), 1000)
    raise ServerFailure(server, status, f"answered {answer.status} to {path}: {said}", kind)


def _with_response(row: Json, body: bytes, response: bytes) -> bytes:
    """A row, decoded and as it came, with the policy's answer."""
    if "response" in row:
        return orjson.dumps({**row, "response": orjson.Fragment(response)})
    return b"".join((body.rstrip()[:-1], b',"response":', response, b"}"))


def _items(given: str | list[Json]) -> list[Json]:
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


def _tool_error(message: str) -> str:
    return orjson.dumps({"error": message}).decode()


def _add_usage(total: Json, usage: Mapping[str, Any] | None) -> None:
    for key, value in (usage or {}).items():
        if isinstance(value, dict):
            _add_usage(total.setdefault(key, {}), value)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, int | float):
            total[key] = total.get(key, 0) + value


if __name__ == "__main__":
    SimpleAgent.run_webserver()
