"""The texts of a rollout: what the user last asked, what the policy finally answered, and the whole conversation.

Requests and answers are models, or decoded JSON where that was found plain (`api.plain`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from referee.gym.api.responses import NeMoGymResponse, NeMoGymResponseCreateParamsNonStreaming

Json = dict[str, Any]


def last_assistant_text(response: NeMoGymResponse | Json) -> str:
    """The text of the last message, its parts joined by newlines, without white space around it.

    Empty where there is none: no output, only reasoning or tool calls, or a refusal in the API's own field for it.
    """
    for item in reversed(_of(response, "output")):
        if _role(item) == "assistant":
            return "\n".join(_texts(item)).strip()
    return ""


def assistant_text(response: NeMoGymResponse | Json) -> str:
    """The text of all messages with nothing between."""
    return "".join(text for item in _of(response, "output") if _role(item) == "assistant" for text in _texts(item))


def last_user_text(params: NeMoGymResponseCreateParamsNonStreaming | Json) -> str:
    """The text of the last user message, as it stands; empty where there is none."""
    given = _of(params, "input")
    if isinstance(given, str):
        return given
    for item in reversed(given):
        if _role(item) == "user":
            return "\n".join(_texts(item))
    return ""


def transcript(params: NeMoGymResponseCreateParamsNonStreaming | Json, response: NeMoGymResponse | Json) -> list[Json]:
    """The conversation as `{role, content}`; tool calls and their answers have the roles `tool_call` and `tool`."""
    given, instructions, output = _of(params, "input"), _of(params, "instructions"), _of(response, "output")
    turns = [{"role": "system", "content": instructions}] if instructions else []
    if isinstance(given, str):
        return [*turns, {"role": "user", "content": given}, *_turns(output)]
    return [*turns, *_turns([*given, *output])]


def _turns(items: Iterable[Any]) -> Iterable[dict[str, Any]]:
    for item in items:
        kind = _of(item, "type")
        if (role := _role(item)) is not None:
            yield {"role": role, "content": "\n".join(_texts(item))}
        elif kind == "function_call":
            yield {"role": "tool_call", "content": f"{_of(item, 'name') or ''}({_of(item, 'arguments') or ''})"}
        elif kind == "function_call_output":
            yield {"role": "tool", "content": _of(item, "output")}


def _role(item: Any) -> str | None:
    if type(item) is dict:
        return item["role"]  # what is plain holds messages only, whose type may be left out
    return getattr(item, "role", None) if getattr(item, "type", None) == "message" else None


def _texts(item: Any) -> Iterable[str]:
    content = _of(item, "content")
    if isinstance(content, str):
        yield content
        return
    for part in content:
        text = _of(part, "text")
        if isinstance(text, str):
            yield text


def _of(value: Any, name: str) -> Any:
    return value.get(name) if type(value) is dict else getattr(value, name, None)
