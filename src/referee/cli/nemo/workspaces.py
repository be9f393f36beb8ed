"""`nemo workspaces create | list | show | delete`."""

from __future__ import annotations

from typing import Annotated

import typer

from referee.cli.nemo.connecting import BaseUrl, connected
from referee.cli.nemo.printing import Form, Output, print_many, print_one

app = typer.Typer(help="Workspaces: each holds the secrets, filesets and jobs of one project.", no_args_is_help=True)
_COLUMNS = ("name", "description", "created_at")
_Name = Annotated[str, typer.Argument(metavar="NAME", help="The workspace.", show_default=False)]


@app.command()
def create(
    name: _Name,
    description: Annotated[str | None, typer.Option(help="For people.", show_default=False)] = None,
    exist_ok: Annotated[bool, typer.Option("--exist-ok", help="One that is there already will do.")] = False,
    output: Output = Form.table,
    base_url: BaseUrl = None,
) -> None:
    """Make a workspace."""
    with connected(base_url) as client:
        made = client.workspaces.create(name, description=description, exist_ok=exist_ok)
        print_one(made.to_dict(), output)


@app.command("list")
def list_(output: Output = Form.table, base_url: BaseUrl = None) -> None:
    """List the workspaces, the newest first."""
    with connected(base_url) as client:
        found = (each.to_dict() for each in client.workspaces.list())
        print_many(found, _COLUMNS, output, nothing="there is no workspace")


@app.command()
def show(name: _Name, output: Output = Form.table, base_url: BaseUrl = None) -> None:
    """Show a workspace."""
    with connected(base_url) as client:
        print_one(client.workspaces.retrieve(name).to_dict(), output)


@app.command()
def delete(name: _Name, base_url: BaseUrl = None) -> None:
    """Delete an empty workspace; of one that holds something, it says what."""
    with connected(base_url) as client:
        client.workspaces.delete(name)
        typer.echo(f"deleted the workspace {name}", err=True)
