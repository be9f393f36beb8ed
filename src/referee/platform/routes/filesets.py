"""Filesets: where their files are, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import String, cast, select
from sqlalchemy.exc import IntegrityError

from referee.platform.filesets.local import remove_folder
from referee.platform.filesets.lookup import fileset_shape, find_fileset
from referee.platform.names import Name, Text
from referee.platform.problems import exists
from referee.platform.services import Services, Shared, find_workspace
from referee.platform.store.paging import Paged
from referee.platform.store.tables import Fileset, new_id, now

router = APIRouter(prefix="/apis/files/v2/workspaces/{workspace}/filesets", tags=["filesets"])

_BUFFERS = {"read_chunk_size": 1 << 20, "write_buffer_size": 16 << 20}


class NewFileset(BaseModel):
    """A fileset to be made; without `storage` its files are uploaded."""

    name: Name
    description: Text = ""
    purpose: str = Field(default="generic", max_length=32)
    storage: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    custom_fields: dict[str, Any] = Field(default_factory=dict)
    project: str = Field(default="", max_length=255)
    cache: bool = False


class FilesetChange(BaseModel):
    """What changes of a fileset; what is left out stays."""

    description: Text | None = None
    purpose: str | None = Field(default=None, max_length=32)
    metadata: dict[str, Any] | None = None
    custom_fields: dict[str, Any] | None = None
    project: str | None = Field(default=None, max_length=255)


@router.post("")
def create(workspace: str, body: NewFileset, services: Shared) -> dict[str, Any]:
    """Make a fileset; a repository of the hub is pinned to the commit that its revision stands for now."""
    with services.database.reading() as session:
        place = find_workspace(session, workspace)
        taken = select(Fileset.id).where(Fileset.workspace_id == place.id, Fileset.name == body.name)
        if session.scalar(taken):
            raise exists("Fileset", f"{workspace}/{body.name}")
    fileset_id = new_id("fileset")
    fileset = Fileset(
        id=fileset_id,
        workspace_id=place.id,
        name=body.name,
        description=body.description,
        purpose=body.purpose,
        storage=_storage(services, body.storage, fileset_id, workspace),
        described=_metadata(body.metadata),
        custom_fields=body.custom_fields,
        project=body.project,
    )
    try:
        with services.database.writing() as session:
            find_workspace(session, workspace)
            session.add(fileset)
    except IntegrityError as error:
        raise exists("Fileset", f"{workspace}/{body.name}") from error
    return fileset_shape(fileset, workspace)


@router.get("")
def list_all(workspace: str, services: Shared, wanted: Paged) -> dict[str, Any]:
    """A page of the workspace's filesets."""
    columns: dict[str, Any] = {
        "id": Fileset.id,
        "name": Fileset.name,
        "description": Fileset.description,
        "purpose": Fileset.purpose,
        "project": Fileset.project,
        "storage_type": cast(Fileset.storage["type"].as_string(), String),
        "created_at": Fileset.created_at,
        "updated_at": Fileset.updated_at,
    }
    with services.database.reading() as session:
        rows = select(Fileset).where(Fileset.workspace_id == find_workspace(session, workspace).id)
        return wanted.within(session, rows, columns).answer(partial(fileset_shape, workspace=workspace))


@router.get("/{name}")
def retrieve(workspace: str, name: str, services: Shared) -> dict[str, Any]:
    """One fileset."""
    with services.database.reading() as session:
        return fileset_shape(find_fileset(session, workspace, name), workspace)


@router.patch("/{name}")
def update(workspace: str, name: str, body: FilesetChange, services: Shared) -> dict[str, Any]:
    """Change what is known of a fileset."""
    with services.database.writing() as session:
        fileset = find_fileset(session, workspace, name)
        session.refresh(fileset, with_for_update=True)
        if body.description is not None:
            fileset.description = body.description
        if body.purpose is not None:
            fileset.purpose = body.purpose
        if body.project is not None:
            fileset.project = body.project
        if body.custom_fields is not None:
            fileset.custom_fields = fileset.custom_fields | body.custom_fields
        if body.metadata is not None:
            fileset.described = fileset.described | _metadata(body.metadata, whole=False)
        fileset.updated_at = now()
    return fileset_shape(fileset, workspace)


@router.delete("/{name}")
def delete(workspace: str, name: str, services: Shared) -> dict[str, Any]:
    """Delete a fileset with what was uploaded to it. Jobs have the rows they need already."""
    with services.database.writing() as session:
        fileset = find_fileset(session, workspace, name)
        session.delete(fileset)
    remove_folder(services.fileset_folder(fileset.id))
    return fileset_shape(fileset, workspace)


def _storage(services: Services, storage: Mapping[str, Any] | None, fileset_id: str, workspace: str) -> dict[str, Any]:
    """The storage as it is kept."""
    if storage is None:
        folder = services.fileset_folder(fileset_id)
        return {"read_chunk_size": _BUFFERS["read_chunk_size"], "type": "local", "path": str(folder)} | _BUFFERS
    kind = storage.get("type")
    for field in _REQUIRED.get(str(kind), ()):
        if not isinstance(storage.get(field), str) or not storage[field]:
            raise HTTPException(400, f"the storage of type {kind!r} needs {field!r}, a text")
    match kind:
        case "huggingface":
            from referee.platform.filesets.hub import pin

            return pin(services, storage, workspace)
        case "s3" | "url":
            from referee.platform.filesets.remote import check

            return check(storage, services.settings)
        case "local":
            raise HTTPException(
                400, "files of the server's own disk cannot be named: leave the storage out and upload them"
            )
        case _:
            raise HTTPException(
                400,
                f"there is no storage of type {str(kind)[:100]!r}: leave it out to upload files, or give huggingface, "
                "s3 or url",
            )


_REQUIRED = {"huggingface": ("repo_id",), "s3": ("bucket",), "url": ("url",)}


def _metadata(given: Mapping[str, Any] | None, *, whole: bool = True) -> dict[str, Any]:
    described = dict(given or {})
    if isinstance(described.get("dataset"), dict):
        described["dataset"] = {"schema": {}, "schema_defs": {}, "schemas_by_path": {}} | described["dataset"]
    return {"dataset": None, "model": None, "environment": None} | described if whole else described
