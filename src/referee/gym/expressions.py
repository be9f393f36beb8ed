"""Expressions in an environment's configuration: what stands in a field, when no judge is asked, what the reward is.

They are Jinja2's, in its sandbox: `item.adversarial_prompt or prompt`, `main.reward * (2 if extra.asked else 1)`. They
come from the configuration's author; the rows that they look at are values and are never evaluated. A name that a row
lacks is none.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from referee.errors import DefinitionError
from referee.exchange import excerpt
from referee.judge import ReasoningParams

Context = Mapping[str, Any]
_REASONING = ReasoningParams()
_NAMED = re.compile(r"\bconfig\.([A-Za-z_]\w*)")


class RowError(Exception):
    """An expression cannot be worked out for a row. The message says which, and why."""


class Expression:
    """An expression, compiled.

    Args:
        text: the expression; a number stands for itself.
        where: its key in the configuration, for messages.

    Raises:
        DefinitionError: it cannot be compiled.
    """

    def __init__(self, text: str | float, where: str) -> None:
        self.text = str(text)
        self.where = where
        try:
            self._evaluate: Callable[..., Any] = _environment().compile_expression(self.text)
        except jinja2.TemplateSyntaxError as error:
            raise DefinitionError(
                f"{where}: the expression {excerpt(self.text, 120)!r} cannot be read: {error.message}"
            ) from error

    def __call__(self, context: Context) -> Any:
        """Its value.

        Raises:
            RowError: it has none in this context.
        """
        try:
            return self._evaluate(dict(context))
        except Exception as error:
            # An expression is the author's program: whatever it raises is about it and this row.
            raise RowError(f"{self.where}: {excerpt(self.text, 120)!r} has no value here: {error}") from error

    def number(self, context: Context) -> float:
        """Its value, which must be a number; true is 1 and false 0.

        Raises:
            RowError: it is none.
        """
        value = self(context)
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise RowError(f"{self.where}: {excerpt(self.text, 120)!r} is {excerpt(value, 60)}, and must be a number")
        return float(value)


def settings_named(value: object) -> set[str]:
    """The settings that expressions anywhere in a value name as `config.…`."""
    if isinstance(value, str):
        return set(_NAMED.findall(value))
    if isinstance(value, Mapping):
        return {name for part in value.values() for name in settings_named(part)}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return {name for part in value for name in settings_named(part)}  # pyright: ignore[reportUnknownVariableType]
    return set()


def taken(text: object, pattern: str) -> str | None:
    """What a pattern takes out of a text: of its last match the first group that is not empty, else the whole match;
    None where it does not match. `.` matches a newline, `^` and `$` match at lines."""
    found: re.Match[str] | None = None
    for found in _compiled(pattern).finditer(str(text or "")):  # noqa: B007 - the last one counts
        pass
    if found is None:
        return None
    groups = (group.strip() for group in found.groups() if group is not None)
    return next(filter(None, groups), found.group().strip())


def number(text: object) -> float | None:
    """The number that a text is, with its commas between thousands; None where it is none."""
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return None
    try:
        value = float(str(text).strip().replace(",", "")) if "_" not in str(text) else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def visible(text: object) -> str:
    """A text without its thinking; nothing where the thinking did not end."""
    return _REASONING.strip(str(text or "")) or ""


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = ImmutableSandboxedEnvironment(undefined=jinja2.ChainableUndefined)
    filters: dict[str, Any] = environment.filters  # pyright: ignore[reportAssignmentType]  # of any signature
    filters.update(taken=taken, number=number, visible=visible)
    return environment


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(pattern, re.MULTILINE | re.DOTALL)
