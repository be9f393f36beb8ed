"""The options that every command talking to a platform has, and the client they make."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from referee.client import PlatformClient

_PANEL = "The platform"

BaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Its address; NMP_BASE_URL or the one that `nemo setup` wrote by default.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Workspace = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        "-w",
        metavar="NAME",
        help="NMP_WORKSPACE, the one that `nemo setup` wrote, or `default`.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]


@contextmanager
def connected(base_url: str | None, workspace: str | None = None) -> Generator[PlatformClient]:
    """A client of the platform that is meant, in the workspace that is meant."""
    from referee.cli.nemo.configuration import load
    from referee.client import PlatformClient

    known = load()
    address = base_url or os.environ.get("NMP_BASE_URL") or _address(known.host, known.port)
    name = workspace or os.environ.get("NMP_WORKSPACE") or known.workspace or "default"
    with PlatformClient(base_url=address, workspace=name) as client:
        yield client


def _address(host: str | None, port: int | None) -> str | None:
    """Where a platform that listens so is reached from this machine; None for the client's own default."""
    host = os.environ.get("REFEREE_PLATFORM_HOST") or host
    given = os.environ.get("REFEREE_PLATFORM_PORT", "")
    port = int(given) if given.isdecimal() and int(given) else port  # 0 is whatever was free: not known here
    if host is None and port is None:
        return None
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", None: "127.0.0.1"}.get(host, host)
    return f"http://{f'[{host}]' if host and ':' in host else host}:{8080 if port is None else port}"
