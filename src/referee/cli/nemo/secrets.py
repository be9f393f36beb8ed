"""`nemo secrets create | update | list | show | delete`: a value is never an argument, which others can read."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from referee.cli.nemo.connecting import BaseUrl, Workspace, connected
from referee.cli.nemo.printing import Form, Output, print_many, print_one
from referee.errors import SecretError

app = typer.Typer(help="Secrets: keys that jobs use by their name. A value never comes back.", no_args_is_help=True)
_COLUMNS = ("name", "description", "created_at", "updated_at")
_Name = Annotated[str, typer.Argument(metavar="NAME", help="The secret.", show_default=False)]
_FromEnv = Annotated[
    str | None,
    typer.Option(metavar="VARIABLE", help="Take the value of this environment variable.", show_default=False),
]
_FromFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Take the content of this file.", show_default=False)
]
_Description = Annotated[str | None, typer.Option(help="For people.", show_default=False)]


@app.command()
def create(
    name: _Name,
    from_env: _FromEnv = None,
    from_file: _FromFile = None,
    description: _Description = None,
    output: Output = Form.table,
    workspace: Workspace = None,
    base_url: BaseUrl = None,
) -> None:
    """Keep a key under a name.

    Without an option the value is asked for at the terminal, or read from
    standard input where that is none: `nemo secrets create key < key.txt`.
    """
    value = _value(name, from_env, from_file)
    with connected(base_url, workspace) as client:
        print_one(client.secrets.create(name, value, description=description).to_dict(), output)


@app.command()
def update(
    name: _Name,
    from_env: _FromEnv = None,
    from_file: _FromFile = None,
    description: _Description = None,
    output: Output = Form.table,
    workspace: Workspace = None,
    base_url: BaseUrl = None,
) -> None:
    """Give a secret a new value, which is read as for `create`."""
    value = _value(name, from_env, from_file)
    with connected(base_url, workspace) as client:
        print_one(client.secrets.update(name, value=value, description=description).to_dict(), output)


@app.command("list")
def list_(output: Output = Form.table, workspace: Workspace = None, base_url: BaseUrl = None) -> None:
    """List the names of a workspace's secrets."""
    with connected(base_url, workspace) as client:
        found = (each.to_dict() for each in client.secrets.list())
        print_many(found, _COLUMNS, output, nothing=f"the workspace {client.workspace} has no secret")


@app.command()
def show(name: _Name, output: Output = Form.table, workspace: Workspace = None, base_url: BaseUrl = None) -> None:
    """Show what is known of a secret; never its value."""
    with connected(base_url, workspace) as client:
        print_one(client.secrets.retrieve(name).to_dict(), output)


@app.command()
def delete(name: _Name, workspace: Workspace = None, base_url: BaseUrl = None) -> None:
    """Delete a secret."""
    with connected(base_url, workspace) as client:
        client.secrets.delete(name)
        typer.echo(f"deleted the secret {client.workspace}/{name}", err=True)


def _value(name: str, from_env: str | None, from_file: Path | None) -> str:
    """The value, from where it is said to be; one line end at its end is no part of it."""
    if from_env is not None and from_file is not None:
        raise SecretError(f"the value of {name} is to come from {from_env} and from {from_file}: give one of them")
    if from_env is not None:
        value, where = os.environ.get(from_env, ""), f"the environment variable {from_env}"
    elif from_file is not None:
        value, where = from_file.read_text(encoding="utf-8"), f"the file {from_file}"
    elif sys.stdin.isatty():
        value, where = typer.prompt(f"value of {name}", hide_input=True), "what was typed"
    else:
        value, where = sys.stdin.read(), "standard input"
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise SecretError(f"the secret {name} would be empty, as {where} is: nothing was kept")
    return value
