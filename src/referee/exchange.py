"""What goes to a model and what comes back: `Request`, `Response`, `Failure`.

A request here is canonical: model name, messages, parameters and the wanted response schema, before any encoding for
an API or an endpoint's kind of structured output. Its hash is its identity everywhere, in the journal and out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, get_args

import orjson

FailureKind = Literal[
    "unreachable",
    "unauthorised",
    "bad_request",
    "rate_limited",
    "timeout",
    "server_error",
    "bad_reply",
    "budget",
    "cancelled",
    "not_recorded",
]
FAILURE_KINDS: tuple[str, ...] = get_args(FailureKind)

Message = Mapping[str, Any]
"""A chat message: `role` and `content` (text, or a list of content parts)."""

TOKEN_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
"""The three spellings of the token limit."""

_LARGEST_WHOLE = 2**53
"""Up to here a float is exact."""


def canonical_json(value: object) -> bytes:
    """Sorted, compact UTF-8 JSON: the bytes that hashes are taken of."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(data: bytes) -> str:
    """BLAKE2b with 128 bits, as 32 hexadecimal characters."""
    return blake2b(data, digest_size=16).hexdigest()


def canonical_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as they are compared: the three spellings of the token limit made one, whole numbers written as
    such (`0` and `0.0` ask for the same), and those that are None left out."""
    plain = {
        key: int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST_WHOLE else value
        for key, value in parameters.items()
        if value is not None
    }
    for spelling in TOKEN_LIMITS[1:]:
        if spelling in plain:
            plain["max_tokens"] = plain.pop(spelling)
    return plain


_tails: dict[tuple[str, int, int], tuple[tuple[bytes, bytes], object, object]] = {}


def _tail(model: str, parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> tuple[bytes, bytes]:
    """What follows the messages in a canonical request: the same objects for every row of a judge, encoded once."""
    key = (model, id(parameters), id(schema))
    known = _tails.get(key)
    if known is None or known[1] is not parameters or known[2] is not schema:
        if len(_tails) > 1000:
            _tails.clear()
        rest = b',"parameters":%b,"schema":%b}' % (
            canonical_json(canonical_parameters(parameters)),
            canonical_json(schema),
        )
        known = _tails[key] = ((b',"model":%b' % orjson.dumps(model), rest), parameters, schema)
    return known[0]


@dataclass(frozen=True)
class Request:
    """One model call, as a judge asks for it.

    Args:
        model: the name sent upstream.
        messages: chat messages, in order.
        parameters: sampling parameters as the user spelled them (`temperature`, `max_tokens`, `logprobs`, …).
        schema: the JSON schema the answer should follow, if any.
        route: which of the judge's models answers, where it has several; not part of the identity.
    """

    model: str
    messages: Sequence[Message]
    parameters: Mapping[str, Any]
    schema: Mapping[str, Any] | None = None
    route: str = ""

    @property
    def messages_json(self) -> bytes:
        """The messages as canonical JSON; part of both hashes and, as it stands, of the body on the wire."""
        # Kept by hand: before Python 3.12 `cached_property` takes a lock, which costs as much as the work.
        known: bytes | None = self.__dict__.get("_messages_json")
        if known is None:
            known = self.__dict__["_messages_json"] = canonical_json(self.messages)
        return known

    @property
    def prompt_hash(self) -> str:
        """The hash over model name and messages alone, by which answers are read again under other parameters."""
        return self.hashes[1]

    @property
    def hash(self) -> str:
        """The hash of the canonical request: 32 hexadecimal characters."""
        return self.hashes[0]

    @property
    def hashes(self) -> tuple[str, str]:
        """The hash of the canonical request, and the one over model name and messages alone."""
        known: tuple[str, str] | None = self.__dict__.get("_known_hashes")
        if known is None:
            # Both begin with the messages and the model: these are hashed once.
            whole = blake2b(b'{"messages":%b' % self.messages_json, digest_size=16)
            model, rest = _tail(self.model, self.parameters, self.schema)
            whole.update(model)
            prompt = whole.copy()
            prompt.update(b"}")
            whole.update(rest)
            known = self.__dict__["_known_hashes"] = (whole.hexdigest(), prompt.hexdigest())
        return known


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a call was billed for."""

    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer came. `message` tells the user what happened; it never holds a secret."""

    kind: FailureKind
    message: str
    attempts: int = 1
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One position of an answer: the token chosen there and the log-probabilities of the likeliest ones."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Response:
    """A model's answer, read from the raw reply of either API.

    `text` is the final assistant text (empty where there is none); `refusal` the model's own refusal, where the API
    marks one; `finish` is `stop`, `length`, `content_filter`, `tool_calls` or what the endpoint said.
    """

    text: str
    finish: str
    raw: Mapping[str, Any]
    refusal: str | None = None
    usage: Usage = Usage()
    latency: float = 0.0
    recorded: bool = False

    @property
    def logprobs(self) -> tuple[TokenLogprob, ...] | None:
        """The token log-probabilities in the reply, or None where the endpoint gave none in its API's form."""
        return _logprobs(self.raw)


def read_reply(
    raw: object, latency: float = 0.0, *, recorded: bool = False, usage: Usage | None = None
) -> Response | Failure:
    """Read a decoded reply body, a chat completion or a Responses object; `usage` is its bill, where that is known.

    A body that is neither is a `Failure` of kind `bad_reply`.
    """
    if isinstance(raw, dict):
        try:
            if "choices" in raw:
                return _read_chat(raw, latency, recorded, usage or read_usage(raw))
            if "output" in raw:
                return _read_responses(raw, latency, recorded, usage or read_usage(raw))
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            return Failure("bad_reply", f"the reply has not the form of its API: {error!r} in {excerpt(raw)}")
        if isinstance(raw.get("error"), dict | str):
            return Failure("bad_reply", f"the endpoint answered 200 with an error: {excerpt(raw['error'])}")
    return Failure("bad_reply", f"the reply is neither a chat completion nor a response: {excerpt(raw)}")


def excerpt(value: object, limit: int = 200) -> str:
    """A short, one-line rendering of `value` for messages."""
    if isinstance(value, str):
        text = value
    else:
        try:
            text = orjson.dumps(value, default=repr).decode()
        except TypeError:  # a number of more than 64 bits, half a surrogate pair
            text = repr(value)
    text = " ".join(text[: limit * 4].split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def read_usage(raw: object) -> Usage:
    """The tokens a decoded reply of either API was billed for; none where it does not say."""
    usage = raw.get("usage") if isinstance(raw, dict) else None
    if not isinstance(usage, dict):
        return Usage()
    inward = usage["prompt_tokens"] if "prompt_tokens" in usage else usage.get("input_tokens")
    outward = usage["completion_tokens"] if "completion_tokens" in usage else usage.get("output_tokens")
    return Usage(_tokens(inward), _tokens(outward))


def _tokens(count: object) -> int:
    if type(count) is int and 0 <= count <= _LARGEST_WHOLE:
        return count
    known = isinstance(count, int | float) and not isinstance(count, bool) and 0 <= count <= _LARGEST_WHOLE
    return int(count) if known else 0  # pyright: ignore[reportArgumentType]


def _read_chat(raw: dict[str, Any], latency: float, recorded: bool, usage: Usage) -> Response:
    choice = raw["choices"][0]
    message = choice["message"]
    content, refusal = message.get("content"), message.get("refusal")
    if isinstance(content, list):
        content = "".join(part.get("text") or "" for part in content if part.get("type") in ("text", "output_text"))
    elif content is not None and not isinstance(content, str):
        raise TypeError(f"message.content is {type(content).__name__}, not text")
    if refusal is not None and not isinstance(refusal, str):
        refusal = excerpt(refusal)
    return Response(content or "", choice.get("finish_reason") or "stop", raw, refusal, usage, latency, recorded)


def _read_responses(raw: dict[str, Any], latency: float, recorded: bool, usage: Usage) -> Response:
    status = raw.get("status")
    if status == "failed":
        raise ValueError(f"status is failed: {excerpt(raw.get('error'))}")
    texts: list[str] = []
    refusal: str | None = None
    called_tool = False
    for item in raw["output"]:
        kind = item.get("type")
        if kind == "function_call":
            called_tool = True
        if kind != "message" or item.get("role", "assistant") != "assistant":
            continue
        texts, refusal = [], None  # the last message is the answer
        for part in item["content"]:
            kind = part.get("type")
            if kind == "refusal":
                refusal = str(part.get("refusal"))
            elif kind in ("output_text", "text"):
                texts.append(part["text"])
    finish = "tool_calls" if called_tool and not texts else "stop"
    if status == "incomplete":
        reason = (raw.get("incomplete_details") or {}).get("reason")
        finish = "length" if reason == "max_output_tokens" else reason or "length"
    return Response("\n".join(texts), finish, raw, refusal, usage, latency, recorded)


def _logprobs(raw: Mapping[str, Any]) -> tuple[TokenLogprob, ...] | None:
    try:
        positions = tuple(
            TokenLogprob(
                token=str(entry["token"]),
                logprob=_log_probability(entry["logprob"]),
                top=tuple(
                    (str(top["token"]), _log_probability(top["logprob"])) for top in entry.get("top_logprobs") or ()
                ),
            )
            for entry in _logprob_entries(raw)
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return None
    return positions or None


def _logprob_entries(raw: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    if "choices" in raw:
        return (raw["choices"][0].get("logprobs") or {}).get("content") or ()
    messages = [item for item in raw.get("output") or () if item.get("type") == "message"]
    parts = messages[-1].get("content") or () if messages else ()
    return [entry for part in parts for entry in part.get("logprobs") or ()]


def _log_probability(value: Any) -> float:
    number = float(value)
    return -math.inf if math.isnan(number) else number
