"""Secrets: set and deleted. No route gives a value back; jobs read them where they run."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from referee.platform.names import Name, Text
from referee.platform.problems import exists, not_found
from referee.platform.services import Shared, find_workspace
from referee.platform.store.paging import Paged
from referee.platform.store.tables import Secret, new_id, now

router = APIRouter(prefix="/apis/secrets/v2/workspaces/{workspace}/secrets", tags=["secrets"])

Value = Annotated[str, Field(min_length=1, max_length=65_536)]


class NewSecret(BaseModel):
    """A secret to be kept."""

    name: Name
    value: Value = Field(repr=False)
    description: Text | None = None


class SecretChange(BaseModel):
    """What changes of a secret."""

    value: Value | None = Field(default=None, repr=False)
    description: Text | None = None


@router.post("", status_code=201)
def create(workspace: str, body: NewSecret, services: Shared) -> dict[str, Any]:
    """Keep a secret."""
    secret_id = new_id("secret")
    key_id, sealed = services.vault.seal(secret_id, body.value)
    try:
        with services.database.writing() as session:
            secret = Secret(
                id=secret_id,
                workspace_id=find_workspace(session, workspace).id,
                name=body.name,
                description=body.description,
                key_id=key_id,
                sealed=sealed,
            )
            session.add(secret)
    except IntegrityError as error:
        raise exists("Secret", f"{workspace}/{body.name}") from error
    return _shape(secret, workspace)


@router.get("")
def list_all(workspace: str, services: Shared, wanted: Paged) -> dict[str, Any]:
    """A page of the workspace's secrets, without their values."""
    columns = {
        "id": Secret.id,
        "name": Secret.name,
        "description": Secret.description,
        "created_at": Secret.created_at,
        "updated_at": Secret.updated_at,
    }
    with services.database.reading() as session:
        rows = select(Secret).where(Secret.workspace_id == find_workspace(session, workspace).id)
        return wanted.within(session, rows, columns).answer(partial(_shape, workspace=workspace))


@router.get("/{name}")
def retrieve(workspace: str, name: str, services: Shared) -> dict[str, Any]:
    """What is known of a secret, without its value."""
    with services.database.reading() as session:
        return _shape(_find(session, workspace, name), workspace)


@router.patch("/{name}")
def update(workspace: str, name: str, body: SecretChange, services: Shared) -> dict[str, Any]:
    """Change its value or its description."""
    with services.database.writing() as session:
        secret = _find(session, workspace, name)
        if body.value is not None:
            secret.key_id, secret.sealed = services.vault.seal(secret.id, body.value)
        if "description" in body.model_fields_set:
            secret.description = body.description
        secret.updated_at = now()
    return _shape(secret, workspace)


@router.delete("/{name}", status_code=204)
def delete(workspace: str, name: str, services: Shared) -> Response:
    """Forget a secret."""
    with services.database.writing() as session:
        session.delete(_find(session, workspace, name))
    return Response(status_code=204)


def _find(session: Session, workspace: str, name: str) -> Secret:
    place = find_workspace(session, workspace)
    found = session.scalar(select(Secret).where(Secret.workspace_id == place.id, Secret.name == name))
    if found is None:
        raise not_found("Secret", name, workspace)
    return found


def _shape(secret: Secret, workspace: str) -> dict[str, Any]:
    return {
        "name": secret.name,
        "workspace": workspace,
        "description": secret.description,
        "created_at": secret.created_at.isoformat(),
        "updated_at": secret.updated_at.isoformat(),
    }
