"""How lists and single things are printed: a table for people, JSON for programs, both on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer


class Form(StrEnum):
    """How output is printed."""

    table = "table"
    json = "json"


Output = Annotated[Form, typer.Option("--output", "-o", help="A table for people, JSON for programs.")]


def print_many(things: Iterable[Mapping[str, Any]], columns: Sequence[str], form: Form, *, nothing: str) -> None:
    """Print a list.

    Args:
        things: what is listed, as JSON values.
        columns: the fields that the table shows; a dot leads into a field (`storage.type`).
        form: how.
        nothing: what the table says where the list is empty.
    """
    listed = list(things)
    if form is Form.json:
        print_json(listed)
    elif not listed:
        typer.echo(nothing, err=True)
    else:
        from rich import box
        from rich.table import Table

        from referee.terminal import stdout

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            table.add_column(column.rpartition(".")[2].replace("_", " "), overflow="fold")
        for thing in listed:
            table.add_row(*(text(at(thing, column)) for column in columns))
        stdout().print(table)


def print_one(thing: Mapping[str, Any], form: Form, *, leave_out: Sequence[str] = ()) -> None:
    """Print one thing: a line for each field that says something."""
    if form is Form.json:
        print_json(thing)
        return
    shown = {name: value for name, value in thing.items() if name not in leave_out and value not in (None, "", {}, [])}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        typer.echo(f"{name.replace('_', ' '):<{width}}  {text(value)}")


def print_json(value: object) -> None:
    """Print a value as JSON."""
    import orjson

    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def at(thing: Mapping[str, Any], field: str) -> Any:
    """A field, or with dots a field in a field; None where it is missing."""
    value: Any = thing
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def text(value: Any) -> str:
    """A value in one line of text."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {text(part)}" for name, part in value.items() if part is not None)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str) and (moment := _moment(value)):
        return moment
    return str(value)


def _moment(value: str) -> str | None:
    """A time of the wire, which is naive and in UTC, in this machine's zone and to the second."""
    if len(value) < 19 or value[4:5] != "-" or value[10:11] != "T":
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found.astimezone().strftime("%Y-%m-%d %H:%M:%S")
