"""What the commands about people share: the screen's width, and JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from referee.terminal import stdout

if TYPE_CHECKING:
    from referee.statistics import Estimate
    from referee.validation.agreement import Advice

WIDTH = 80
_SIGNS = {"good": ("✓", "bold green"), "note": ("·", "bold"), "warn": ("!", "bold yellow")}


def page() -> Console:
    """Standard output, at most 80 columns wide: these are pages to be read."""
    console = stdout()
    if console.width > WIDTH:
        console.width = WIDTH
    return console


def print_json(answer: dict[str, Any], exit_code: int) -> None:
    """An answer as JSON, with the exit code."""
    import orjson

    stdout().out(orjson.dumps({"exit_code": exit_code, **answer}, option=orjson.OPT_INDENT_2).decode())


def sentences(console: Console, texts: Sequence[str]) -> None:
    """The plain reading, a line each."""
    for text in texts:
        console.print(Text(text))


def advice(console: Console, found: Sequence[Advice]) -> None:
    """What to do, with a sign before each."""
    for one in found:
        sign, style = _SIGNS[one.level]
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_row(Text(sign, style=style), Text(one.text))
        console.print(grid)


def number(value: float | None, spec: str = ".2f") -> str:
    """A figure for a cell; `–` where there is none, and never a minus before zeros."""
    if value is None:
        return "–"
    text = format(value, spec)
    return text.removeprefix("-") if text.startswith("-") and not text.strip("-0.%") else text


def interval(estimate: Estimate, spec: str = ".2f") -> str:
    """The interval for a cell."""
    if estimate.low is None or estimate.high is None:
        return "" if estimate.value is None else "none"
    return f"{number(estimate.low, spec)} … {number(estimate.high, spec)}"


def table(*columns: str) -> Table:
    """A plain table; columns but the first are aligned to the right."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for place, name in enumerate(columns):
        made.add_column(
            name, justify="left" if place == 0 else "right", no_wrap=place > 0, min_width=8 if place == 0 else None
        )
    return made
