"""Expressions in an environment's configuration: what stands in a field, when no judge is asked, what the reward is.

They are Jinja2's, in its sandbox: `item.adversarial_prompt or prompt`, `main.reward * (2 if extra.asked else 1)`. They
come from the configuration's author; the rows that they look at are values and are never evaluated. A name that a row
lacks is none.
"""

from __future__ import annotations

import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, cast

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from referee.errors import DefinitionError
from referee.exchange import excerpt
from referee.judge import ReasoningParams

Context = Mapping[str, Any]
_Part = Callable[[Context], Any]
_REASONING = ReasoningParams()
_PATH = re.compile(r"([A-Za-z]\w*)(?:\.([A-Za-z]\w*))?", re.ASCII)
_WORDS = ("true", "True", "false", "False", "none", "None", "not", "loop", "self", "super", "varargs", "kwargs")
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
        plain = _PATH.fullmatch(self.text)
        self._path = plain.groups() if plain and not hasattr(dict, plain[2] or "") else None
        try:
            self._evaluate = _compile(self.text)
            if plain and (plain[1] in _environment().globals or plain[0] in _WORDS):
                self._path = None
        except jinja2.TemplateSyntaxError as error:
            raise DefinitionError(
                f"{where}: the expression {excerpt(self.text, 120)!r} cannot be read: {error.message}"
            ) from error

    def __call__(self, context: Context) -> Any:
        """Its value.

        Raises:
            RowError: it has none in this context.
        """
        if self._path is not None:
            # A value by its name, or a field of a row: most expressions are no more.
            name, field = self._path
            value = context.get(name)
            if field is None:
                return value
            if type(value) is dict:
                return cast("dict[str, Any]", value).get(field)
        try:
            value = self._evaluate(context)
            return None if isinstance(value, jinja2.Undefined) else value
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


def _compile(text: str) -> Callable[[Context], Any]:
    environment = _environment()
    evaluate = environment.compile_expression(text, undefined_to_none=False)
    # Jinja2 sets up a whole template for each evaluation, which costs more than the rest of a rollout. Most
    # expressions are a name, a field of it, a comparison: these are worked out here, in the environment's own terms.
    (output,) = environment.parse(f"{{{{ ({text}) }}}}").find_all(nodes.Output)
    return _direct(output.nodes[0], environment) or (lambda context: evaluate(dict(context)))


def _direct(node: nodes.Node, environment: jinja2.Environment) -> Callable[[Context], Any] | None:
    """An expression as a function; None where it is for Jinja2."""
    if isinstance(node, nodes.Const):
        constant = node.value
        return lambda _: constant
    if isinstance(node, nodes.Name):
        name = node.name
        if name in environment.globals:
            return None
        return lambda context: context[name] if name in context else environment.undefined(name=name)
    parts = [_direct(part, environment) for part in node.iter_child_nodes() if not isinstance(part, nodes.Operand)]
    parts += [_direct(part.expr, environment) for part in node.iter_child_nodes() if isinstance(part, nodes.Operand)]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if isinstance(node, nodes.Getattr):
        return _field(known[0], node.attr, environment)
    if isinstance(node, nodes.Not):
        (value,) = known
        return lambda context: not value(context)
    if isinstance(node, nodes.And | nodes.Or | nodes.Mul | nodes.Add | nodes.Sub):
        left, right = known
        return _BINARY[type(node)](left, right)
    if isinstance(node, nodes.CondExpr) and node.expr2 is not None:
        test, then, otherwise = (cast(Any, _direct(part, environment)) for part in (node.test, node.expr1, node.expr2))
        return lambda context: then(context) if test(context) else otherwise(context)
    if isinstance(node, nodes.Compare) and len(node.ops) == 1 and node.ops[0].op in _COMPARED:
        left, right = known
        compared = _COMPARED[node.ops[0].op]
        return lambda context: compared(left(context), right(context))
    if isinstance(node, nodes.Tuple):
        return lambda context: tuple(part(context) for part in known)
    return None


def _field(value: _Part, name: str, environment: jinja2.Environment) -> _Part:
    own = hasattr(dict, name)

    def read(context: Context) -> Any:
        thing = value(context)
        # What the sandbox would find after its checks: a row's field, or what a class says may be read of it.
        if type(thing) is dict and not own:  # pyright: ignore[reportUnknownArgumentType]
            return thing[name] if name in thing else environment.undefined(obj=thing, name=name)
        if name in getattr(type(thing), "READABLE", ()):
            return getattr(thing, name)
        return environment.getattr(thing, name)

    return read


_BINARY: dict[type[nodes.Node], Callable[[_Part, _Part], _Part]] = {
    nodes.And: lambda left, right: lambda context: left(context) and right(context),
    nodes.Or: lambda left, right: lambda context: left(context) or right(context),
    nodes.Mul: lambda left, right: lambda context: left(context) * right(context),
    nodes.Add: lambda left, right: lambda context: left(context) + right(context),
    nodes.Sub: lambda left, right: lambda context: left(context) - right(context),
}
_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gteq": operator.ge,
    "lt": operator.lt,
    "lteq": operator.le,
    "in": lambda one, many: one in many,
    "notin": lambda one, many: one not in many,
}


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
