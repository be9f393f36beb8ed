"""Prompt templates: compiled once, rendered in a single pass, with the row's text kept from acting as structure.

A value from a row is inserted as text and never expanded again; `Guard` breaks up the few strings in it that could
forge the prompt's delimiters or a verdict. Most templates only insert columns: those are joined from pieces, whichever
syntax they are written in, at a tenth of what Jinja2 costs. What is left goes through Jinja2's sandbox.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import jinja2
import orjson
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from referee.errors import TemplateError
from referee.judge.guard import Guard

Syntax = Literal["jinja", "format"]
Context = Mapping[str, Any]
Render = Callable[[Context], Any]
Find = Callable[[Context], object]

_Piece = tuple[str, tuple[str, ...]]
"""A literal text and the path of the value that follows it; an empty path for none."""
_ROWS = ("rubric_item", "item")
_EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


def compile_messages(
    messages: Sequence[Mapping[str, Any]],
    syntax: Syntax,
    *,
    marks: Iterable[str] | None = None,
    optional: Iterable[str] = (),
) -> Render:
    """Compile chat messages into a function from a context to rendered messages.

    Args:
        messages: each with `role` and `content`; every text in them is a template.
        syntax: `jinja` (sandboxed Jinja2) or `format` (NeMo Gym's `{placeholder}`).
        marks: labels and tokens that a row's text must not be able to forge, beside the template's own delimiters.
            None inserts values as they stand, as for a prompt that no judge reads.
        optional: fields that may be missing; they render as nothing.

    Raises:
        TemplateError: a template cannot be compiled; when rendering, a field is missing (`error.field` names it).
    """
    literals = [literal for text in _texts(messages) for literal in _literals(text, syntax)]
    guarded = str if marks is None else Guard(marks, literals).__call__

    def insert(value: object) -> str:
        if type(value) is str:
            return guarded(value)
        text = _as_text(value)
        return text if type(value) is _Own else guarded(text)

    skipped = frozenset(name.rpartition(".")[2] for name in optional)
    if syntax == "format":
        return _compile(list(messages), lambda text: _join(_format_pieces(text), _column, insert, skipped))
    return _compile(list(messages), _jinja_compiler(insert, skipped))


def compile_text(template: str) -> Callable[[Context], str]:
    """Compile a Jinja2 template whose text is compared with another, and not sent to a model.

    A value is inserted exactly as it stands, and a null counts as missing: equal to an empty text it is not.

    Raises:
        TemplateError: it cannot be compiled; when rendering, a field is missing or null.
    """

    def insert(value: object) -> str:
        if value is None:
            raise TemplateError("a field that the template asks for is null")
        return _as_text(value)

    return _jinja_compiler(insert, frozenset())(template)


def own(value: Any) -> Any:
    """The same value, its texts marked as the judge's own: a template inserts them as they stand."""
    if isinstance(value, str):
        return _Own(value)
    if isinstance(value, Mapping):
        return {key: own(part) for key, part in value.items()}
    return [own(part) for part in value] if isinstance(value, list | tuple) else value


class _Own(str):
    __slots__ = ()


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(part)


def _literals(text: str, syntax: Syntax) -> Iterable[str]:
    """What the template says itself, with a NUL wherever a value is inserted."""
    if syntax == "jinja":
        return [_EXPRESSION.sub("\0", text)]
    return ["".join(literal + "\0" * bool(path) for literal, path in _format_pieces(text))]


def _compile(value: Any, compiler: Callable[[str], Render]) -> Render:
    """A renderer for text, or for any nesting of lists and mappings with texts in it."""
    if isinstance(value, Mapping):
        begun: dict[str, Any] = {**value}
        varying = [(key, _compile(part, compiler)) for key, part in begun.items() if not _is_fixed(part)]

        def render_mapping(context: Context) -> dict[str, Any]:
            rendered = begun.copy()
            for key, render in varying:
                rendered[key] = render(context)
            return rendered

        return render_mapping
    if isinstance(value, list | tuple):
        renders = [_compile(part, compiler) for part in value]
        return lambda context: [render(context) for render in renders]
    return (lambda _: value) if _is_fixed(value) else compiler(value)


def _is_fixed(value: object) -> bool:
    """Whether it is rendered as the same immutable value for every row."""
    if isinstance(value, str):
        return "{" not in value and "}" not in value
    return not isinstance(value, Mapping | list | tuple)


def _as_text(value: object) -> str:
    """The text of a value: nothing for None, JSON for lists and mappings."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, dict | list | tuple):
        try:
            return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        except TypeError as error:
            raise TemplateError(f"a value that the prompt inserts cannot be written as JSON: {error}") from error
    if callable(value):
        # A column that the row lacks and that dicts have a method for: `item.values`.
        raise TemplateError(f"the prompt inserts {value!r}, which is no value of the row")
    return str(value)


def _join(
    pieces: Sequence[_Piece],
    finder: Callable[[tuple[str, ...], frozenset[str]], Find],
    insert: Callable[[object], str],
    optional: frozenset[str],
) -> Render:
    literals: list[str] = []
    holes: list[tuple[int, Find]] = []
    for literal, path in pieces:
        literals.append(literal)
        if path:
            holes.append((len(literals), finder(path, optional)))
            literals.append("")

    def render(context: Context) -> str:
        texts = literals.copy()
        for at, find in holes:
            texts[at] = insert(find(context))
        return "".join(texts)

    return render


def _value(path: tuple[str, ...], optional: frozenset[str]) -> Find:
    """The value at a path from the context, or from the sample's fields or the row's columns by their bare names."""
    first = path[0]

    def find(context: Context) -> object:
        value: Any = context
        if first not in context:
            value = next((part for part in _bare(context) if first in part), context)
        for key in path:
            # Asking for the exact type first spares most rows what `Mapping` costs.
            if (type(value) is not dict and not isinstance(value, Mapping)) or key not in value:
                if path[-1] in optional or key in optional:
                    return ""
                name = ".".join(path).removeprefix("item.")  # as the row calls it
                raise TemplateError(f"there is no field {name!r}, which the prompt asks for", field=name)
            value = value[key]
        return value

    return find


def _bare(context: Context) -> list[Mapping[str, Any]]:
    """Whose fields a template may call by their bare names; of two the first has it."""
    parts = (context.get("sample"), context.get("item"))
    return [part for part in parts if type(part) is dict or isinstance(part, Mapping)]


def _column(path: tuple[str, ...], optional: frozenset[str]) -> Find:
    """The rubric item's field of that name, else the item's column, else the value at the path from the context."""
    name, otherwise = ".".join(path), _value(path, optional)

    def find(context: Context) -> object:
        for key in _ROWS:
            place = context.get(key)
            if place is not None and (type(place) is dict or isinstance(place, Mapping)) and name in place:
                return place[name]  # pyright: ignore[reportUnknownVariableType]
        return otherwise(context)

    return find


def _format_pieces(text: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    try:
        for literal, name, format_spec, conversion in string.Formatter().parse(text):
            if name == "" or format_spec or conversion:
                raise ValueError("a {placeholder} is a plain field name")
            pieces.append((literal, tuple(name.split(".")) if name else ()))
    except ValueError as error:
        raise TemplateError(
            f"the prompt template cannot be compiled: {error}; braces that are text are written {{{{ and }}}}"
        ) from error
    return pieces


def _jinja_pieces(environment: jinja2.Environment, text: str) -> list[_Piece] | None:
    """The pieces of a template that only inserts columns, or None where it does more."""
    try:
        body = environment.parse(text).body
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"the prompt template cannot be compiled: {error.message}, line {error.lineno}") from error
    pieces: list[_Piece] = []
    for output in body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            path = () if isinstance(node, nodes.TemplateData) else _path(node)
            if path is None:
                return None
            pieces.append((node.data if isinstance(node, nodes.TemplateData) else "", path))
    return pieces


def _path(node: nodes.Expr) -> tuple[str, ...] | None:
    """`item.a.b` and `item["a"]` as a path; None for any other expression."""
    if isinstance(node, nodes.Name):
        return (node.name,)
    key = node.attr if isinstance(node, nodes.Getattr) else None
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        key = node.arg.value
    if not isinstance(key, str) or not isinstance(node, nodes.Getattr | nodes.Getitem):
        return None
    parent = _path(node.node)
    return None if parent is None else (*parent, key)


class _Missing(jinja2.StrictUndefined):
    """A field that the row does not have; using it raises an error that carries the field's name."""

    def _fail_with_undefined_error(self, *args: Any, **kwargs: Any) -> Any:
        name = str(self._undefined_name)
        raise TemplateError(f"there is no field {name!r}, which the prompt asks for", field=name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._fail_with_undefined_error()


for _class in (jinja2.Undefined, jinja2.StrictUndefined):
    for _name, _method in list(vars(_class).items()):
        if _method is jinja2.Undefined._fail_with_undefined_error:  # pyright: ignore[reportPrivateUsage]
            setattr(_Missing, _name, _Missing._fail_with_undefined_error)  # pyright: ignore[reportPrivateUsage]


class _Environment(ImmutableSandboxedEnvironment):
    def __init__(self, insert: Callable[[object], str], optional: frozenset[str]) -> None:
        def finalize(value: object) -> object:
            return value if isinstance(value, _Missing) else insert(value)

        super().__init__(
            undefined=_Missing,
            finalize=finalize,
            keep_trailing_newline=True,
            autoescape=False,
        )
        self.optional = optional
        del self.globals["lipsum"], self.filters["random"]  # equal rows make equal requests

    def getattr(self, obj: Any, attribute: str) -> Any:
        # A row's columns come before the methods of the dict that holds them: `item.values` is a column.
        if isinstance(obj, Mapping):
            if attribute in obj:
                return obj[attribute]
            if attribute in self.optional:
                return ""
            if attribute not in ("get", "items", "keys", "values"):
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping) and isinstance(argument, str):
            return self.getattr(obj, argument)
        return super().getitem(obj, argument)


def _jinja_compiler(insert: Callable[[object], str], optional: frozenset[str]) -> Callable[[str], Render]:
    environment = _Environment(insert, optional)

    def compile_template(text: str) -> Render:
        pieces = _jinja_pieces(environment, text)
        return _jinja(environment, text) if pieces is None else _join(pieces, _value, insert, optional)

    return compile_template


def _jinja(environment: _Environment, text: str) -> Render:
    try:
        template = environment.from_string(text)
    except jinja2.TemplateError as error:
        raise TemplateError(f"the prompt template cannot be compiled: {error}") from error
    # `template.render` merges the globals anew for each row; merged here once, a row costs a tenth of that.
    names = {**dict.fromkeys(environment.optional, ""), **environment.globals}
    make_context, root = environment.context_class, template.root_render_func

    def render(context: Context) -> str:
        try:
            seen = dict(names)
            for part in reversed(_bare(context)):
                seen.update(part)
            seen.update(context)
            return "".join(root(make_context(environment, seen, template.name, template.blocks)))
        except TemplateError:
            raise
        except Exception as error:
            # A template is the user's program: whatever it raises is about this template and this row.
            raise TemplateError(f"the prompt template cannot be rendered: {error}") from error

    return render
