"""What a trainer hands to a reward function, as an environment's row and the policy's answer to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from referee.errors import ConversionError, DefinitionError
from referee.inference.conversion import input_from_chat_messages

Row = dict[str, Any]
RowOf = Callable[[Row], Mapping[str, Any]]
"""Makes the environment's row of the one that an adapter made: renames fields, adds some, leaves some out."""


def rollout(prompt: object, completion: object, fields: Mapping[str, Any]) -> tuple[Row, str]:
    """The row and the answer's text.

    Args:
        prompt: the question, or the conversation as chat messages; None where the trainer does not tell it and
            `fields` may have it.
        completion: the answer, or the messages that the policy added: the last one's text is the answer, all before it
            belongs to the conversation.
        fields: the dataset's other fields.

    Raises:
        DefinitionError: the messages have not the form of chat messages.
    """
    row: Row = {name: plain(value) for name, value in fields.items()}
    if prompt is None:
        prompt = row.pop("prompt", None)
    if isinstance(completion, str) and not is_conversation(prompt):
        return row | {"prompt": "" if prompt is None else str(prompt)}, completion
    before: list[Any] = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(_sequence(prompt))
    answer = completion
    if not isinstance(completion, str):
        before += _sequence(completion)
        last = before[-1] if before else None
        final = isinstance(last, Mapping) and cast("Mapping[str, Any]", last).get("role") == "assistant"
        answer = _text(before.pop()) if final and not _calls_tools(last) else ""
    try:
        items = input_from_chat_messages([plain(message) for message in before])
    except ConversionError as error:
        raise DefinitionError(f"the conversation cannot be judged: {error}") from error
    given = row.get("responses_create_params")
    return row | {"responses_create_params": {**(given or {}), "input": items}}, cast(str, answer)


def is_conversation(value: object) -> bool:
    """Whether it is a list of chat messages."""
    return isinstance(value, Sequence) and not isinstance(value, str)


def plain(value: Any) -> Any:
    """The value in JSON's types: arrays and numbers of numpy, which datasets bring along, become Python's own."""
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in cast("Sequence[Any]", value)]
    return value


def _sequence(value: object) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if is_conversation(value) else ()


def _calls_tools(message: Any) -> bool:
    return bool(message.get("tool_calls"))


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if is_conversation(content):
        texts = (part.get("text") for part in cast("Sequence[Mapping[str, Any]]", content))
        return "\n".join(text for text in texts if isinstance(text, str))
    return "" if content is None else str(content)
