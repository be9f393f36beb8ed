"""`referee serve`: run the evaluation platform."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from referee.errors import MissingExtraError


def serve(
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Listen there; 127.0.0.1 by default.", show_default=False)
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(metavar="PORT", min=0, max=65535, help="8080 by default; 0 takes a free one.", show_default=False),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Keep everything there; referee in XDG_DATA_HOME by default.", show_default=False
        ),
    ] = None,
) -> None:
    """Run the evaluation platform: workspaces, secrets, filesets and jobs over HTTP, until Ctrl-C."""
    with needs_platform():
        from referee.platform.server import serve as run
        from referee.platform.settings import Settings
    run(Settings.load(host=host, port=port, data=data), lambda line: typer.echo(line))


@contextmanager
def needs_platform() -> Generator[None]:
    """Around imports of the platform: say which extra is missing where a library is.

    Raises:
        MissingExtraError: one is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "referee":
            raise
        raise MissingExtraError(f"the platform (no module {error.name})", "platform") from error
