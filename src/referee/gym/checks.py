"""Deterministic checks of an answer: what a program decides better, faster and for nothing, a judge need not.

A check stands by itself or before a judge. It looks at a text (by default the policy's final answer) and at what is
expected of it; the outcome is a `Checked`, with what was taken out of the text.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import orjson
from pydantic import BaseModel, ConfigDict, Field

from referee.errors import MissingExtraError
from referee.gym.expressions import number, taken

Kind = Literal["exact", "string", "choice", "number", "regex", "json_schema", "math"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_CHOICE = r"\\boxed\{\s*\(?([A-Z])\)?\s*\}|(?i:answer|option|choice)\s*(?i:is)?\s*:?\s*\**\s*\(?([A-Z])\)?(?![A-Za-z])"
_LONE_CHOICE = r"(?<![A-Za-z'])\(?([A-Z])\)?(?![A-Za-z'])"
_NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?"
_FENCE = r"```(?:json)?\s*\n(.*?)```"


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Args:
        passed: whether the answer is as expected.
        answer: what was taken out of the text; None where nothing could be.
        reason: why it did not pass.
    """

    passed: bool
    answer: Any = None
    reason: str | None = None


class Check(BaseModel):
    """A check as a configuration says it.

    Args:
        type: `exact` to the letter; `string` without regard to case, accents, punctuation and white space; `choice` a
            letter; `number`; `regex` a pattern that must occur; `json_schema` JSON of this form; `math` an equal
            expression, by math-verify.
        type_from: an expression: the row's own type, which comes before `type` where there is one.
        expected: an expression: what is expected, or several of which one is; of `regex` the pattern, of `json_schema`
            the schema.
        answer: an expression: the text that is looked at.
        extract: a pattern that takes the answer out of the text: the last match, its first group. Without it the last
            line of `exact` and `string`, the last number, the last choice, the text itself.
        tolerance: of `number`, relative and absolute.
        timeout: seconds for `math`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Kind
    type_from: str | None = None
    expected: str = "item.expected_answer"
    answer: str = "response"
    extract: str | None = None
    tolerance: float = Field(default=1e-6, ge=0)
    timeout: float = Field(default=10.0, gt=0)

    def run(self, text: str, expected: Any, kind: Kind | None = None) -> Checked:
        """Check a text; `kind` comes before `type`."""
        if expected is None or expected == []:
            return Checked(False, None, "the row says nothing of what is expected")
        if self.extract is not None and (text := taken(text, self.extract) or "") == "":
            return Checked(False, None, f"the pattern {self.extract!r} took nothing out of the answer")
        wanted = expected if isinstance(expected, list) else [expected]
        return _CHECKS[kind or self.type](self, text, wanted)


def _exact(check: Check, text: str, wanted: list[Any]) -> Checked:
    answer = text if check.extract else _last_line(text)
    return _one_of(answer, [str(one).strip() for one in wanted], answer)


def _string(check: Check, text: str, wanted: list[Any]) -> Checked:
    answer = text if check.extract else _last_line(text)
    return _one_of(_plain(answer), [_plain(str(one)) for one in wanted], answer)


def _choice(check: Check, text: str, wanted: list[Any]) -> Checked:
    answer = taken(text, _CHOICE) or taken(text, _LONE_CHOICE)
    return _one_of(answer, [str(one).strip().upper() for one in wanted], answer)


def _number(check: Check, text: str, wanted: list[Any]) -> Checked:
    answer = number(taken(text, _NUMBER))
    if answer is None:
        return Checked(False, None, "the answer holds no number")
    values = [value for one in wanted if (value := number(one)) is not None]
    equal = (math.isclose(answer, value, rel_tol=check.tolerance, abs_tol=check.tolerance) for value in values)
    return _passed(any(equal), answer, wanted)


def _regex(check: Check, text: str, wanted: list[Any]) -> Checked:
    found = [one for pattern in wanted if (one := taken(text, str(pattern))) is not None]
    return _passed(bool(found), found[0] if found else None, wanted)


def _json_schema(check: Check, text: str, wanted: list[Any]) -> Checked:
    try:
        from jsonschema import Draft202012Validator
    except ImportError as error:
        raise MissingExtraError("the check json_schema", "gym") from error
    try:
        value = orjson.loads(taken(text, _FENCE) or text)
    except orjson.JSONDecodeError as error:
        return Checked(False, None, f"the answer is not JSON: {error}")
    schemas = [orjson.loads(one) if isinstance(one, str) else one for one in wanted]
    reasons: list[str] = []
    for schema in schemas:
        wrong: Any = next(iter(Draft202012Validator(schema).iter_errors(value)), None)
        if wrong is None:
            return Checked(True, value)
        reasons.append(str(wrong.message))
    return Checked(False, value, reasons[0])


def _math(check: Check, text: str, wanted: list[Any]) -> Checked:
    parse, verify = _math_verify()
    # No timeouts of the library's own: they hang on SIGALRM, which only the main thread has.
    answer = parse(text, parsing_timeout=None)
    if not answer:
        return Checked(False, None, "the answer holds nothing that can be read as mathematics")
    shown = str(answer[-1])
    for one in wanted:
        # Bare, an expression is searched for a number; as a result it is read whole.
        marked = str(one) if "$" in str(one) or r"\boxed" in str(one) else rf"\boxed{{{one}}}"
        gold = parse(marked, parsing_timeout=None) or parse(str(one), parsing_timeout=None)
        if gold and verify(gold, answer, timeout_seconds=None):
            return Checked(True, shown)
    return _passed(False, shown, wanted)


_CHECKS: Mapping[str, Callable[[Check, str, list[Any]], Checked]] = {
    "exact": _exact,
    "string": _string,
    "choice": _choice,
    "number": _number,
    "regex": _regex,
    "json_schema": _json_schema,
    "math": _math,
}


def _one_of(answer: Any, wanted: list[Any], shown: Any) -> Checked:
    return _passed(answer is not None and answer in wanted, shown, wanted)


def _passed(passed: bool, answer: Any, wanted: list[Any]) -> Checked:
    reason = None if passed else f"it is {answer!r}, and {' or '.join(map(repr, wanted))} was expected"
    return Checked(passed, answer, reason)


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2].strip()


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(letter if letter.isalnum() else " " for letter in letters if not unicodedata.combining(letter))
    return " ".join(kept.split())


@lru_cache(maxsize=1)
def _math_verify() -> tuple[Any, Any]:
    try:
        from math_verify import parse, verify  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtraError("the check math", "math") from error
    return parse, verify  # pyright: ignore[reportUnknownVariableType]
