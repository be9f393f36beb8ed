"""What needs no model to be found sound: requests and answers of the commonest form, a conversation of texts.

Servers look at the same request several times in a rollout, and at each answer. What is found plain here the models of
`responses` take too, at ten times the cost; what is not may be sound all the same, and is for them to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

_NONE = type(None)
_PARAMETERS: dict[str, tuple[type, ...]] = {
    "instructions": (str,),
    "max_output_tokens": (int,),
    "model": (str,),
    "temperature": (float, int),
    "top_p": (float, int),
    "user": (str,),
}
_MESSAGE = frozenset({"role", "content", "type"})
_ROLES = ("user", "assistant", "system", "developer")
_ANSWER: dict[str, tuple[type, ...]] = {
    "background": (bool, _NONE),
    "created_at": (int, float),
    "error": (_NONE,),
    "id": (str,),
    "incomplete_details": (_NONE,),
    "max_output_tokens": (int, _NONE),
    "max_tool_calls": (int, _NONE),
    "metadata": (dict, _NONE),
    "model": (str, _NONE),
    "output": (list,),
    "parallel_tool_calls": (bool,),
    "previous_response_id": (str, _NONE),
    "prompt": (dict, _NONE),
    "reasoning": (dict, _NONE),
    "service_tier": (str, _NONE),
    "temperature": (float, int, _NONE),
    "text": (dict, _NONE),
    "tool_choice": (str, _NONE),
    "tools": (list,),
    "top_logprobs": (int, _NONE),
    "top_p": (float, int, _NONE),
    "truncation": (str, _NONE),
    "usage": (dict, _NONE),
    "user": (str, _NONE),
}
_STATUSES = ("completed", "incomplete", "in_progress")
_DETAILS = ("input_tokens_details", "output_tokens_details")


def are_plain(params: Any) -> bool:
    """Whether these are `responses_create_params` of the commonest form: a text or a conversation of texts, and the
    usual sampling parameters."""
    if type(params) is not dict:
        return False
    given = cast("dict[str, Any]", params)
    for key, value in given.items():
        if key != "input" and type(value) not in _PARAMETERS.get(key, ()):
            return False
    asked = given.get("input")
    if type(asked) is str:
        return True
    if type(asked) is not list:
        return False
    for item in cast("list[Any]", asked):
        if not (
            type(item) is dict
            and item.keys() <= _MESSAGE
            and type(item.get("content")) is str
            and item.get("role") in _ROLES
            and item.get("type", "message") == "message"
        ):
            return False
    return True


def is_plain_answer(response: Any) -> bool:
    """Whether this is a Responses object of the commonest form: messages of text, and nothing that went wrong."""
    if type(response) is not dict:
        return False
    answer = cast("dict[str, Any]", response)
    kinds = _ANSWER
    for key, value in answer.items():
        if key in kinds and type(value) not in kinds[key]:
            return False
    items: list[Any] | None = answer.get("output")
    if items is None or answer.get("tools") or answer.get("object", "response") != "response":
        return False
    if answer.get("status") not in (None, *_STATUSES):
        return False
    usage: dict[str, Any] | None = answer.get("usage")
    return (usage is None or _are_counts(usage)) and all(map(_is_message, items))


def _is_message(item: Any) -> bool:
    if not (
        type(item) is dict
        and item.get("type") == "message"
        and item.get("role") == "assistant"
        and item.get("status", "completed") in _STATUSES
        and type(item.get("id", "")) is str
        and type(item.get("content")) is list
        and "generation_token_ids" not in item
    ):
        return False
    for part in item["content"]:
        if not (
            type(part) is dict
            and part.get("type") == "output_text"
            and type(part.get("text")) is str
            and type(part.get("annotations", [])) is list
            and type(part.get("logprobs")) in (list, _NONE)
        ):
            return False
    return True


def _are_counts(usage: Mapping[str, Any]) -> bool:
    for key, value in usage.items():
        if type(value) is int:
            continue
        if type(value) is not dict or key not in _DETAILS:
            return False
        for count in cast("dict[str, Any]", value).values():
            if type(count) is not int:
                return False
    return True
