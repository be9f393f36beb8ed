"""The option `--report FILE.html` of the commands about people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from referee.validation.reports.writing import Answer

REPORT = typer.Option(
    "--report", metavar="FILE.html", help="Also write it as one page to open, send or print.", show_default=False
)


def write(path: Path | None, answer: Answer, *, say: bool) -> None:
    """Write the page, where one is wanted, and say where it is."""
    if path is None:
        return
    from referee.cli.screen import stdout
    from referee.validation.reports import write_report

    write_report(path, answer)
    if say:
        stdout().print(f"\nReport: {path}", soft_wrap=True, markup=False, highlight=False)
