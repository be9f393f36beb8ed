"""Workspaces: made, listed, described, and deleted once nothing is in them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from referee.platform.names import Name, Text
from referee.platform.problems import exists
from referee.platform.services import Shared, find_workspace, is_built_in
from referee.platform.store.paging import Paged
from referee.platform.store.tables import Fileset, Job, Secret, Workspace, now

router = APIRouter(prefix="/apis/entities/v2/workspaces", tags=["workspaces"])
_MOST_LISTED = 20


class NewWorkspace(BaseModel):
    """A workspace to be made."""

    name: Name
    description: Text | None = None


class WorkspaceChange(BaseModel):
    """What changes of a workspace."""

    description: Text | None = None


@router.post("", status_code=201)
def create(body: NewWorkspace, services: Shared) -> dict[str, Any]:
    """Make a workspace."""
    workspace = Workspace(name=body.name, description=body.description)
    try:
        with services.database.writing() as session:
            session.add(workspace)
    except IntegrityError as error:
        raise exists("Workspace", body.name) from error
    return shape(workspace)


@router.get("")
def list_all(services: Shared, wanted: Paged) -> dict[str, Any]:
    """A page of the workspaces."""
    columns = {
        "id": Workspace.id,
        "name": Workspace.name,
        "description": Workspace.description,
        "created_at": Workspace.created_at,
        "updated_at": Workspace.updated_at,
    }
    with services.database.reading() as session:
        return wanted.within(session, select(Workspace), columns).answer(shape)


@router.get("/{name}")
def retrieve(name: str, services: Shared) -> dict[str, Any]:
    """One workspace."""
    with services.database.reading() as session:
        return shape(find_workspace(session, name))


@router.put("/{name}")
def update(name: str, body: WorkspaceChange, services: Shared) -> dict[str, Any]:
    """Change its description."""
    with services.database.writing() as session:
        workspace = find_workspace(session, name)
        if "description" in body.model_fields_set:
            workspace.description = body.description
        workspace.updated_at = now()
    return shape(workspace)


@router.delete("/{name}")
def delete(name: str, services: Shared) -> dict[str, Any]:
    """Delete an empty workspace; one that holds something is refused with a list of it."""
    if is_built_in(name):
        raise HTTPException(409, f"Workspace {name!r} comes with the platform and cannot be deleted")
    try:
        with services.database.writing() as session:
            workspace = find_workspace(session, name)
            if held := _contents(session, workspace):
                raise HTTPException(409, _refusal(name, held))
            session.delete(workspace)
    except IntegrityError as error:  # something was put into it meanwhile
        raise HTTPException(409, f"Workspace {name!r} is in use") from error
    return {"message": "Workspace deleted", "id": name, "deleted_count": 1}


def shape(workspace: Workspace) -> dict[str, Any]:
    """A workspace as clients read it."""
    return {
        "id": workspace.id,
        "name": workspace.name,
        "description": workspace.description,
        "created_at": workspace.created_at.isoformat(),
        "created_by": workspace.created_by,
        "updated_at": workspace.updated_at.isoformat(),
        "updated_by": workspace.created_by,
    }


def _contents(session: Session, workspace: Workspace) -> dict[str, list[str]]:
    held: dict[str, list[str]] = {}
    for kind, table in (("jobs", Job), ("filesets", Fileset), ("secrets", Secret)):
        names = select(table.name).where(table.workspace_id == workspace.id).order_by(table.name)
        if found := list(session.scalars(names.limit(_MOST_LISTED + 1))):
            held[kind] = found
    return held


def _refusal(name: str, held: dict[str, list[str]]) -> str:
    listed = "; ".join(
        f"{kind} {', '.join(names[:_MOST_LISTED])}{' and more' if len(names) > _MOST_LISTED else ''}"
        for kind, names in held.items()
    )
    return f"Workspace {name!r} still holds {listed}: delete these first"
