"""`nemo filesets create | upload | list | files | show | download | delete`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from referee.cli.nemo.connecting import BaseUrl, Workspace, connected
from referee.cli.nemo.printing import Form, Output, print_many, print_one
from referee.errors import DefinitionError

if TYPE_CHECKING:
    from referee.client.files import Progress

app = typer.Typer(help="Filesets: data under a name, uploaded or read where it lies.", no_args_is_help=True)
_COLUMNS = ("name", "storage.type", "description", "created_at")
_Name = Annotated[str, typer.Argument(metavar="NAME", help="The fileset.", show_default=False)]


@app.command()
def create(
    name: _Name,
    huggingface: Annotated[
        str | None,
        typer.Option(metavar="OWNER/REPO", help="A dataset of the Hugging Face hub.", show_default=False),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Its branch, tag or commit; main by default.", show_default=False)
    ] = None,
    token_secret: Annotated[
        str | None, typer.Option(metavar="SECRET", help="The secret with the hub's token.", show_default=False)
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="A place that fsspec knows, such as s3://bucket/folder.", show_default=False)
    ] = None,
    description: Annotated[str | None, typer.Option(help="For people.", show_default=False)] = None,
    output: Output = Form.table,
    workspace: Workspace = None,
    base_url: BaseUrl = None,
) -> None:
    """Register a fileset: for uploads, or with --huggingface or --url for data that lies elsewhere."""
    storage = _storage(huggingface, revision, token_secret, url)
    with connected(base_url, workspace) as client:
        made = client.files.filesets.create(name, storage=storage, description=description)
        print_one(made.to_dict(), output)


@app.command()
def upload(
    local: Annotated[Path, typer.Argument(metavar="PATH", help="A file or a folder.", show_default=False)],
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILESET[#PATH]", help="Where to: a fileset, and a path or a folder/ in it.", show_default=False
        ),
    ],
    create: Annotated[bool, typer.Option("--create", help="Make the fileset where there is none.")] = False,
    workspace: Workspace = None,
    base_url: BaseUrl = None,
) -> None:
    """Upload a file, or all files of a folder."""
    with connected(base_url, workspace) as client:
        client.files.upload(
            local_path=local, remote_path=_reference(target), fileset_auto_create=create, progress=_said("uploaded")
        )


@app.command("list")
def list_(output: Output = Form.table, workspace: Workspace = None, base_url: BaseUrl = None) -> None:
    """List a workspace's filesets, the newest first."""
    with connected(base_url, workspace) as client:
        found = (each.to_dict() for each in client.files.filesets.list())
        print_many(found, _COLUMNS, output, nothing=f"the workspace {client.workspace} has no fileset")


@app.command()
def files(
    place: Annotated[
        str,
        typer.Argument(metavar="FILESET[#PATTERN]", help="A fileset, and which of its files.", show_default=False),
    ],
    output: Output = Form.table,
    workspace: Workspace = None,
    base_url: BaseUrl = None,
) -> None:
    """List the files of a fileset."""
    with connected(base_url, workspace) as client:
        found = [file.to_dict() for file in client.files.list(remote_path=_reference(place))]
        print_many(found, ("path", "size", "cache_status"), output, nothing=f"{place} has no file")


@app.command()
def show(name: _Name, output: Output = Form.table, workspace: Workspace = None, base_url: BaseUrl = None) -> None:
    """Show a fileset."""
    with connected(base_url, workspace) as client:
        print_one(client.files.filesets.retrieve(name).to_dict(), output)


@app.command()
def download(
    place: Annotated[
        str,
        typer.Argument(metavar="FILESET[#PATTERN]", help="A fileset, and which of its files.", show_default=False),
    ],
    local: Annotated[str, typer.Argument(metavar="PATH", help="A folder, or the name of a single file.")] = ".",
    workspace: Workspace = None,
    base_url: BaseUrl = None,
) -> None:
    """Download the files of a fileset."""
    with connected(base_url, workspace) as client:
        client.files.download(remote_path=_reference(place), local_path=local, progress=_said("downloaded"))


@app.command()
def delete(
    place: Annotated[
        str,
        typer.Argument(metavar="FILESET[#PATH]", help="A fileset, or one file of it.", show_default=False),
    ],
    workspace: Workspace = None,
    base_url: BaseUrl = None,
) -> None:
    """Delete a fileset with what was uploaded into it, or one file."""
    with connected(base_url, workspace) as client:
        if "#" in place:
            client.files.delete(remote_path=place)
        else:
            owner, _, name = place.rpartition("/")
            client.files.filesets.delete(name, workspace=owner or None)
        typer.echo(f"deleted {place}", err=True)


def _reference(place: str) -> str:
    """A fileset alone means all of its files."""
    return place if "#" in place else f"{place}#"


def _storage(
    huggingface: str | None, revision: str | None, token_secret: str | None, url: str | None
) -> dict[str, Any] | None:
    if huggingface is not None and url is not None:
        raise DefinitionError(f"the fileset is to be {huggingface} and {url}: give one of --huggingface and --url")
    if huggingface is None and (revision or token_secret):
        raise DefinitionError("--revision and --token-secret are of a Hugging Face dataset: give --huggingface too")
    if url is not None:
        return {"type": "url", "url": url}
    if huggingface is None:
        return None
    fields = {"repo_id": huggingface, "repo_type": "dataset", "revision": revision, "token_secret": token_secret}
    return {"type": "huggingface"} | {name: value for name, value in fields.items() if value is not None}


def _said(what: str) -> Progress:
    def say(path: str, size: int) -> None:
        typer.echo(f"{what} {path} ({size:,} bytes)", err=True)

    return say
