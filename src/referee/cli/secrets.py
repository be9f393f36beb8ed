"""`referee secrets`: the key under which the platform's secrets are encrypted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from referee.cli.serve import needs_platform

app = typer.Typer(help="The key of the platform's secrets.", no_args_is_help=True)


@app.callback()
def _group() -> None: ...


@app.command("rotate")
def rotate(
    data: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The platform's; referee in XDG_DATA_HOME by default.", show_default=False),
    ] = None,
) -> None:
    """Encrypt all secrets under a new key and forget the old one. The server must not be running.

    Keys in REFEREE_PLATFORM_KEY are rotated by putting the new one first; the others can be taken away afterwards.
    """
    with needs_platform():
        from referee.platform.services import Services
        from referee.platform.settings import Settings
    services = Services(Settings.load(data=data))
    try:
        count = services.vault.rotate(services.database)
    finally:
        services.close()
    typer.echo(f"{count} secret{'s are' if count != 1 else ' is'} encrypted under the new key")
