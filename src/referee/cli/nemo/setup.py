"""`nemo setup`: configuration, key, services. It asks nothing unless it is told to, as a notebook has no terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from referee.cli.nemo.services import Data, Host, Port, settings


def setup(
    interactive: Annotated[bool, typer.Option("--interactive", help="Ask for what is not given.")] = False,
    auto: Annotated[bool, typer.Option("--auto", help="Ask nothing: what it does anyway.")] = False,
    start_services: Annotated[
        bool, typer.Option("--start-services/--no-start-services", help="Start the platform in the background.")
    ] = True,
    host: Host = None,
    port: Port = None,
    data: Data = None,
    workspace: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Where commands look that name no workspace.", show_default=False),
    ] = None,
) -> None:
    """Write the configuration, make the key, start the platform, and wait until it is ready.

    It can be run again: what is there stays, what is given changes.
    """
    from referee.cli.nemo import configuration
    from referee.errors import DefinitionError

    if interactive and auto:
        raise DefinitionError("--interactive asks and --auto does not: give one of them")
    if interactive:
        now = settings(host, port, data)
        host = typer.prompt("address to listen on", default=now.host)
        port = typer.prompt("port", default=now.port, type=int)
        data = Path(typer.prompt("folder for its data", default=str(now.data))).expanduser()
        workspace = typer.prompt("workspace", default=workspace or configuration.load().workspace or "default")
    known = configuration.load()
    changes = {"host": host, "port": port, "data": data and data.absolute(), "workspace": workspace}
    known = known.model_copy(update={name: value for name, value in changes.items() if value is not None})
    used = settings(host, port, data)
    used.check()
    typer.echo(f"configuration: {configuration.save(known)}")
    _make_key(used.data)
    if not start_services:
        typer.echo("the platform is set up: `nemo services start` starts it")
        return
    from referee.cli.nemo.background import start

    typer.echo(start(used))


def _make_key(data: Path) -> None:
    """The key that secrets are encrypted under, unless it is there or in the environment."""
    from referee.platform.vault import Vault

    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    Vault(data)
    typer.echo(f"data and key: {data}")
