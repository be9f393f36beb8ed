"""How the commands about people give their answer: on the screen, as JSON, and by `--report FILE.html` as a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from referee.validation.reports.writing import Answer

REPORT = typer.Option(
    "--report", metavar="FILE.html", help="Also write it as one page to open, send or print.", show_default=False
)


Shown = TypeVar("Shown", bound="Answer")


def show(found: Shown, render: Callable[[Shown], None], *, report: Path | None, as_json: bool, code: int = 0) -> None:
    """Print an answer, for people or as JSON, write its page where one is wanted, and end with the exit code."""
    from referee.cli.pages import print_json

    if as_json:
        print_json(found.to_dict(), code)
    else:
        render(found)
    if report is not None:
        _write(report, found, say=not as_json)
    raise typer.Exit(code)


def _write(path: Path, answer: Answer, *, say: bool) -> None:
    from referee.terminal import stdout
    from referee.validation.reports import write_report

    write_report(path, answer)
    if say:
        stdout().print(f"\nReport: {path}", soft_wrap=True, markup=False, highlight=False)
