"""From a canonical request to the bytes an endpoint gets: chat completions or Responses, and its structured output.

The messages go out as they were hashed. Structured output has three kinds, tried from the strictest: a JSON schema, a
JSON object, none. The prompt is the same under all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import orjson

from referee.exchange import Request
from referee.inference.conversion import input_from_chat_messages

Api = Literal["chat", "responses"]
Structure = Literal["json_schema", "json_object", "none"]
STRUCTURES: tuple[Structure, ...] = ("json_schema", "json_object", "none")


class Encoder:
    """Encodes the requests of one endpoint; what is the same for all rows of a judge is encoded once."""

    def __init__(self, api: Api) -> None:
        self._api: Api = api
        self._heads: dict[tuple[str, int, int, Structure], tuple[bytes, object, object]] = {}

    def encode(self, request: Request, structure: Structure) -> bytes:
        """The body as JSON."""
        # Parameters and schema are the same objects for every row; they are kept in the entry, so that their
        # identities cannot be taken over by others.
        key = (request.model, id(request.parameters), id(request.schema), structure)
        known = self._heads.get(key)
        if known is None:
            if len(self._heads) > 1000:
                self._heads.clear()
            messages = b',"messages":' if self._api == "chat" else b',"input":'
            head = orjson.dumps(self._head(request, structure))[:-1] + messages
            known = self._heads[key] = (head, request.parameters, request.schema)
        messages = request.messages_json if self._api == "chat" else _responses_input(request)
        return b"".join((known[0], messages, b"}"))

    def _head(self, request: Request, structure: Structure) -> dict[str, Any]:
        schema = request.schema if structure != "none" else None
        if self._api == "chat":
            head = {"model": request.model, **request.parameters}
            head.pop("max_output_tokens", None)
            if "max_output_tokens" in request.parameters:
                head["max_tokens"] = request.parameters["max_output_tokens"]
            return head if schema is None else head | {"response_format": _chat_format(schema, structure)}
        head: dict[str, Any] = {"model": request.model, **responses_parameters(request.parameters)}
        if schema is not None:
            head["text"] = {**(head.get("text") or {}), "format": _responses_format(schema, structure)}
        return head


def _responses_input(request: Request) -> bytes:
    """The messages as Responses input: those of plain text are the same there, content parts are called otherwise."""
    for message in request.messages:
        if not isinstance(message.get("content"), str):
            return orjson.dumps(input_from_chat_messages(request.messages))
    return request.messages_json


def _strict(schema: Mapping[str, Any]) -> bool:
    # A strict schema has to close every object; one that a user gave open is sent as he gave it.
    return schema.get("additionalProperties") is False


def _chat_format(schema: Mapping[str, Any], structure: Structure) -> dict[str, Any]:
    if structure == "json_object":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "verdict", "schema": schema, "strict": _strict(schema)}}


def _responses_format(schema: Mapping[str, Any], structure: Structure) -> dict[str, Any]:
    if structure == "json_object":
        return {"type": "json_object"}
    return {"type": "json_schema", "name": "verdict", "schema": schema, "strict": _strict(schema)}


def responses_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as the Responses API spells them."""
    sent = dict(parameters)
    for spelling in ("max_tokens", "max_completion_tokens"):
        if spelling in sent:
            sent["max_output_tokens"] = sent.pop(spelling)
    if sent.pop("logprobs", None):
        sent["include"] = [*sent.get("include", []), "message.output_text.logprobs"]
    if "reasoning_effort" in sent:
        sent["reasoning"] = {"effort": sent.pop("reasoning_effort")}
    return sent
