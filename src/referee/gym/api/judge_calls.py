"""For environments that call a judge with code of their own: a call that fails is told apart from a wrong answer.

`JudgeError` raised in a `verify()` becomes a row that is no score: status 200, reward 0.0 as a placeholder, and the
keys by which the collector sets it aside and tries it again. `judge_failsafe` does that; every resources server's
`verify` is wrapped in it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

import aiohttp
import orjson
from pydantic import BaseModel, ValidationError

from referee.exchange import FAILURE_KINDS, FailureKind, excerpt
from referee.gym.api.aggregation import FAILURE_CLASS, FAILURE_ERROR, JUDGE_FAILED
from referee.gym.api.routes import Handler, JSONAnswer
from referee.gym.server import ServerClient, ServerResponse
from referee.inference.retries import failure_kind

Model = TypeVar("Model", bound=BaseModel)


class JudgeError(Exception):
    """A judge call failed; it is not a wrong answer.

    Args:
        message: what happened.
        kind: one of `exchange.FAILURE_KINDS`.
    """

    def __init__(self, message: str = "", kind: FailureKind = "server_error") -> None:
        super().__init__(message)
        self.kind: FailureKind = kind


async def call_judge(
    server_client: ServerClient,
    *,
    server_name: str,
    url_path: str,
    json: Any,
    response_model: type[Model],
    **options: Any,
) -> Model:
    """POST to a judge's model server and read its answer.

    Args:
        server_client: the environment's client.
        server_name: the model server.
        url_path: `/v1/responses`, usually.
        json: the request.
        response_model: what the answer must be.
        options: for `ServerClient.post`.

    Raises:
        JudgeError: it could not be reached, answered a status of 400 or above, or answered something else.
    """
    try:
        answer = await server_client.post(server_name=server_name, url_path=url_path, json=json, **options)
        body = await answer.read()
    except TimeoutError as error:
        raise JudgeError(f"{type(error).__name__}: {server_name} did not answer in time", "timeout") from error
    except (aiohttp.ClientError, OSError) as error:
        raise JudgeError(f"{type(error).__name__}: {error}", "unreachable") from error
    if answer.status >= 400:
        said = excerpt(body.decode(errors="replace"), 1000)
        raise JudgeError(f"HTTP {answer.status} from {server_name}: {said}", failure_kind(answer.status))
    try:
        return response_model.model_validate_json(body)
    except ValidationError as error:
        said = excerpt(body.decode(errors="replace"), 300)
        message = f"{server_name} answered what is not a {response_model.__name__}: {said}"
        raise JudgeError(message, "bad_reply") from error


def judge_failsafe(verify: Handler) -> Handler:
    """Wrap a `verify` so that a JudgeError becomes a row set aside; other exceptions pass."""

    def set_aside(error: JudgeError, *given: Any) -> JSONAnswer:
        body = next(one for one in given if isinstance(one, BaseModel))
        return JSONAnswer(orjson.dumps(failed_row(body.model_dump(mode="json"), str(error), error.kind)))

    @functools.wraps(verify)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        try:
            return await verify(*args, **kwargs)
        except JudgeError as error:
            return set_aside(error, *kwargs.values(), *args)

    @functools.wraps(verify)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return verify(*args, **kwargs)
        except JudgeError as error:
            return set_aside(error, *kwargs.values(), *args)

    return awaited if inspect.iscoroutinefunction(verify) else called


def failed_row(row: Mapping[str, Any], message: str, kind: str) -> dict[str, Any]:
    """A row whose judge call failed: no score, though clients' types demand a number."""
    assert kind in FAILURE_KINDS
    return {
        **row,
        "reward": 0.0,
        "judge_status": "failed",
        "judge_error_kind": kind,
        FAILURE_CLASS: JUDGE_FAILED,
        FAILURE_ERROR: message,
    }


async def get_response_json(response: ServerResponse) -> Any:
    """The answer's body, decoded."""
    return orjson.loads(await response.read())


async def raise_for_status(response: ServerResponse) -> None:
    """Raise aiohttp's `ClientResponseError` for a status of 400 and above; its `response_content` is the body."""
    if not response.ok:
        content = await response.content.read()
        try:
            response.raise_for_status()
        except aiohttp.ClientResponseError as error:
            error.response_content = content  # pyright: ignore[reportAttributeAccessIssue]  # as authors read it
            raise
