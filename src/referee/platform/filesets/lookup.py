"""Finding filesets, and what is shown of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from referee.platform.filesets.storage import FileInfo
from referee.platform.problems import not_found
from referee.platform.services import Services, find_workspace
from referee.platform.store.tables import Fileset


def find_fileset(session: Session, workspace: str, name: str) -> Fileset:
    """A fileset by its names.

    Raises:
        HTTPException: 404.
    """
    place = find_workspace(session, workspace)
    found = session.scalar(select(Fileset).where(Fileset.workspace_id == place.id, Fileset.name == name))
    if found is None:
        raise not_found("Fileset", name, workspace)
    return found


def read_fileset(services: Services, workspace: str, name: str) -> Fileset:
    """The same in a transaction of its own."""
    with services.database.reading() as session:
        return find_fileset(session, workspace, name)


def fileset_shape(fileset: Fileset, workspace: str) -> dict[str, Any]:
    """A fileset as clients read it."""
    return {
        "id": fileset.id,
        "name": fileset.name,
        "workspace": workspace,
        "description": fileset.description,
        "purpose": fileset.purpose,
        "storage": fileset.storage,
        "metadata": fileset.described,
        "custom_fields": fileset.custom_fields,
        "project": fileset.project,
        "created_at": fileset.created_at.isoformat(),
        "updated_at": fileset.updated_at.isoformat(),
    }


def file_shape(file: FileInfo, fileset: Fileset, workspace: str) -> dict[str, Any]:
    """A file as clients read it."""
    return {
        "file_ref": f"{workspace}/{fileset.name}#{file.path}",
        "file_url": f"/apis/files/v2/workspaces/{workspace}/filesets/{fileset.name}/-/{file.path}",
        "path": file.path,
        "size": file.size,
        "cache_status": file.cache_status,
    }
