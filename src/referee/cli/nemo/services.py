"""`nemo services run | start | stop | status | logs`: the platform itself, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from referee.cli.nemo.printing import Form, Output, print_one
from referee.errors import LaunchError, MissingExtraError

if TYPE_CHECKING:
    from referee.platform.settings import Settings

app = typer.Typer(help="The platform itself: start it, look at it, stop it.", no_args_is_help=True)

Host = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Listen there; 127.0.0.1 by default.", show_default=False)
]
Port = Annotated[
    int | None,
    typer.Option(metavar="PORT", min=0, max=65535, help="8080 by default; 0 takes a free one.", show_default=False),
]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Keep everything there; `referee` under XDG_DATA_HOME by default.", show_default=False
    ),
]


@app.command()
def run(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Run the platform in the foreground, until Ctrl-C. It makes what is missing: folder, key, database."""
    from referee.cli.nemo.background import run_here

    run_here(settings(host, port, data), typer.echo)


@app.command()
def start(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Start the platform in the background and wait until it answers."""
    from referee.cli.nemo.background import start as begin

    typer.echo(begin(settings(host, port, data)))


@app.command()
def stop(data: Data = None) -> None:
    """Stop it; jobs that are at work go on at the next start."""
    from referee.cli.nemo.background import stop as end

    typer.echo(end(settings(None, None, data).data))


@app.command()
def status(data: Data = None, output: Output = Form.table) -> None:
    """Say whether it runs, where, and since when. Exits with 1 where it does not."""
    from referee.cli.nemo.background import look

    found = look(settings(None, None, data).data)
    print_one(found, output)
    if found["status"] != "ready":
        raise typer.Exit(1)


@app.command()
def logs(
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="The newest lines.")] = 100,
    data: Data = None,
) -> None:
    """Print what the platform wrote last."""
    from referee.cli.nemo.background import last_lines

    chosen = settings(None, None, data)  # says it where the platform is not installed
    from referee.platform.presence import LOG_FILE

    file = chosen.data / LOG_FILE
    if not file.is_file():
        raise LaunchError(f"there is no log {file}: no platform has run on this folder; start one: nemo services start")
    typer.echo("\n".join(last_lines(file, lines)))


def settings(host: str | None, port: int | None, data: Path | None) -> Settings:
    """The settings that options, environment and configuration file make together.

    Raises:
        MissingExtraError: the platform is not installed, only its client.
    """
    import os

    from referee.cli.nemo.configuration import load

    try:
        from referee.platform.settings import Settings
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "referee":
            raise
        raise MissingExtraError(f"the platform (no module {error.name})", "platform") from error
    known = load()
    chosen: dict[str, Any] = {}
    for name, option in (("host", host), ("port", port), ("data", data)):
        if option is not None:
            chosen[name] = option
        elif not os.environ.get(f"REFEREE_PLATFORM_{name.upper()}"):
            chosen[name] = getattr(known, name)
    return Settings.load(**chosen)
