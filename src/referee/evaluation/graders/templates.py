"""The templates of graders and of judges, as the same pieces: texts, and places whose values are inserted.

A grader's template knows `{{ item.… }}` and `{{ sample.… }}` and nothing else, so that all else is text: braces with a
percent sign in them, say, which Jinja2 would run.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import jinja2
from jinja2 import nodes

from referee.errors import TemplateError
from referee.judge.prompt import Syntax

_VARIABLE = re.compile(r"\{\{(?!\{)((?:(?!\{\{|\}\}).)*)\}\}", re.DOTALL)
_PLACE = re.compile(r"\s*(item|sample)((?:\.[\w-]+|\[\d+\])+)\s*", re.ASCII)
_KEY = re.compile(r"\.([\w-]+)|\[(\d+)\]", re.ASCII)
_NAME = re.compile(r"[\w-]+", re.ASCII)
_JINJA_WOULD_RUN = re.compile(r"\{(?=[{%#\r]|\Z)|\r")  # and a carriage return, which it would make a newline


@dataclass(frozen=True)
class Place:
    """Where a value is: in the row (`item`) or in the answer (`sample`), by keys and positions."""

    root: Literal["item", "sample"]
    keys: tuple[str | int, ...]


Piece = str | Place


def read_grader_text(text: str) -> list[Piece]:
    """The pieces of a grader's template.

    Raises:
        TemplateError: something in double braces is no variable of it.
    """
    pieces: list[Piece] = []
    end = 0
    for variable in _VARIABLE.finditer(text):
        found = _PLACE.fullmatch(variable[1])
        if found is None:
            raise TemplateError(
                f"{variable[0]!r} is no variable of a grader: these are {{{{ item.… }}}} and {{{{ sample.… }}}}, "
                f"with names after the dots"
            )
        keys = tuple(name or int(position) for name, position in _KEY.findall(found[2]))
        pieces += [text[end : variable.start()], Place("item" if found[1] == "item" else "sample", keys)]
        end = variable.end()
    return _joined([*pieces, text[end:]])


def write_grader_text(pieces: Iterable[Piece]) -> str:
    """The grader's template of these pieces.

    Raises:
        TemplateError: a key that its syntax cannot say, or a text that it would take for a variable.
    """
    wanted = _joined(pieces)
    written = "".join(piece if isinstance(piece, str) else _grader_variable(piece) for piece in wanted)
    try:
        reads_back = read_grader_text(written) == wanted
    except TemplateError:
        reads_back = False
    if not reads_back:
        raise TemplateError("a text has double braces in it, which a grader takes for a variable: write it otherwise")
    return written


def read_template(text: str, syntax: Syntax = "jinja") -> list[Piece]:
    """The pieces of a judge's or a metric's template; bare names are the row's fields, and `output_text` the answer.

    Raises:
        TemplateError: it does more than to insert fields of `item` and `sample`.
    """
    if syntax == "format":
        pieces: list[Piece] = []
        for literal, name, _, _ in string.Formatter().parse(text):
            pieces += [literal] if name is None else [literal, _place(tuple(name.split(".")))]
        return _joined(pieces)
    body = jinja2.Environment(keep_trailing_newline=True).parse(text).body
    if not all(isinstance(node, nodes.Output) for node in body):
        raise TemplateError("the template does more than to insert fields, and a grader's cannot: no {% … %} in it")
    return _joined(_piece(node) for output in body if isinstance(output, nodes.Output) for node in output.nodes)


def write_template(pieces: Iterable[Piece]) -> str:
    """The Jinja2 template of these pieces, in which every text stands for itself."""
    return "".join(_escaped(piece) if isinstance(piece, str) else _jinja_variable(piece) for piece in _joined(pieces))


def _escaped(text: str) -> str:
    return _JINJA_WOULD_RUN.sub(lambda found: '{{ "{" }}' if found[0] == "{" else '{{ "\\r" }}', text)


def _jinja_variable(place: Place) -> str:
    path = place.root
    for key in place.keys:
        path += f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{json.dumps(key)}]"
    return "{{ " + path + " }}"


def _grader_variable(place: Place) -> str:
    path = place.root
    for key in place.keys:
        if isinstance(key, str) and _NAME.fullmatch(key) is None:
            raise TemplateError(f"a grader cannot name the field {key!r}: letters, digits, - and _ are what it takes")
        path += f".{key}" if isinstance(key, str) else f"[{key}]"
    return "{{ " + path + " }}"


def _piece(node: nodes.Expr) -> Piece:
    if isinstance(node, nodes.TemplateData):
        return node.data
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return node.value
    return _place(_path(node))


def _path(node: nodes.Expr) -> tuple[str | int, ...]:
    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        return (*_path(node.node), node.attr)
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str | int):
        return (*_path(node.node), node.arg.value)
    raise TemplateError(
        "the template inserts more than a field as it is, and a grader's cannot: no filters, tests or sums"
    )


def _place(path: tuple[str | int, ...]) -> Place:
    root, *keys = path
    if root in ("scores", "rubric_item"):
        raise TemplateError(
            f"the template inserts {'.'.join(map(str, path))}, and a grader's sees the row and the answer"
        )
    if root in ("item", "sample"):
        if not keys:
            raise TemplateError(f"the template inserts the whole {root}, and a grader's only its fields")
        return Place("item" if root == "item" else "sample", tuple(keys))
    return Place("sample" if path == ("output_text",) else "item", path)


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """The same without empty texts, and with neighbouring texts as one."""
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(before := joined[-1], str):
            joined[-1] = before + piece
        elif piece != "":
            joined.append(piece)
    return joined


def places(pieces: Sequence[Piece]) -> list[Place]:
    """The places among them."""
    return [piece for piece in pieces if isinstance(piece, Place)]
