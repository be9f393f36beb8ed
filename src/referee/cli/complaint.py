"""How a command says what went wrong."""

from __future__ import annotations

import typer


def complain(message: str, program: str = "referee") -> None:
    """Say on stderr what went wrong."""
    typer.secho(f"{program}: ", err=True, fg="red", bold=True, nl=False)
    typer.echo(message, err=True)
