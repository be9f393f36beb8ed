"""`client.files.filesets`: register, look at, list and delete filesets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from referee.client.calls import Call, Steps, ask, do, given, path
from referee.client.pages import PAGE_SIZE, AsyncPages, Listing, Page, fetch
from referee.client.transport import AsyncSession, Session
from referee.client.types import Fileset, StorageConfigParam
from referee.errors import ConflictError

ALL = "/apis/files/v2/workspaces/{workspace}/filesets"
ONE = ALL + "/{name}"


def create(workspace: str | None, name: str, fields: Mapping[str, Any], exist_ok: bool) -> Steps[Fileset]:
    """Register a fileset, as an operation."""
    try:
        return (yield from ask(Call("POST", path(ALL, workspace=workspace), json={"name": name, **fields}), Fileset))
    except ConflictError:
        if not exist_ok:
            raise
    return (yield from retrieve(workspace, name))


def retrieve(workspace: str | None, name: str) -> Steps[Fileset]:
    """Look at a fileset, as an operation."""
    return ask(Call("GET", path(ONE, workspace=workspace, name=name)), Fileset)


def _update(workspace: str | None, name: str, fields: Mapping[str, Any]) -> Steps[Fileset]:
    return ask(Call("PATCH", path(ONE, workspace=workspace, name=name), json=fields), Fileset)


def _delete(workspace: str | None, name: str) -> Steps[None]:
    return do(Call("DELETE", path(ONE, workspace=workspace, name=name)))


def _listing(
    workspace: str | None, page: int, page_size: int, sort: str | None, filter: Mapping[str, Any] | None
) -> Listing[Fileset]:
    return Listing(path(ALL, workspace=workspace), Fileset, page, page_size, sort, filter)


class Filesets:
    """Filesets of a workspace: the client's own, where the call does not name another one."""

    def __init__(self, session: Session, workspace: str | None) -> None:
        self._session = session
        self._workspace = workspace

    def create(
        self,
        name: str,
        *,
        workspace: str | None = None,
        description: str | None = None,
        storage: StorageConfigParam | None = None,
        metadata: Mapping[str, Any] | None = None,
        purpose: str | None = None,
        custom_fields: Mapping[str, Any] | None = None,
        project: str | None = None,
        exist_ok: bool = False,
    ) -> Fileset:
        """Register a fileset: without `storage` a place for uploads, with it files that lie elsewhere.

        Args:
            name: unique within the workspace.
            workspace: the client's own by default.
            description: for people.
            storage: where the files lie; see `types.HuggingfaceStorageConfigParam` and its neighbours.
            metadata: `{"dataset": {"schema": …}}` says what a row looks like.
            purpose: `generic`, `dataset`, `model`.
            custom_fields: anything else that is to be kept with it.
            project: a label to find it by.
            exist_ok: whether one that is there already will do; it is not changed.

        Raises:
            ConflictError: there is one of this name.
            BadRequestError: the storage cannot be reached.
        """
        fields = given(
            description=description,
            storage=storage,
            metadata=metadata,
            purpose=purpose,
            custom_fields=custom_fields,
            project=project,
        )
        return self._session.run(create(workspace or self._workspace, name, fields, exist_ok))

    def retrieve(self, name: str, *, workspace: str | None = None) -> Fileset:
        """A fileset by its name."""
        return self._session.run(retrieve(workspace or self._workspace, name))

    def update(
        self,
        name: str,
        *,
        workspace: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        custom_fields: Mapping[str, Any] | None = None,
    ) -> Fileset:
        """Change what is known about a fileset; what is not given stays."""
        fields = given(description=description, metadata=metadata, custom_fields=custom_fields)
        return self._session.run(_update(workspace or self._workspace, name, fields))

    def delete(self, name: str, *, workspace: str | None = None) -> None:
        """Delete a fileset with the files that were uploaded into it; files that lie elsewhere stay there."""
        self._session.run(_delete(workspace or self._workspace, name))

    def list(
        self,
        *,
        workspace: str | None = None,
        page: int = 1,
        page_size: int = PAGE_SIZE,
        sort: str | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> Page[Fileset]:
        """The workspace's filesets, the newest first."""
        return fetch(self._session, _listing(workspace or self._workspace, page, page_size, sort, filter))


class AsyncFilesets:
    """The same for code that awaits."""

    def __init__(self, session: AsyncSession, workspace: str | None) -> None:
        self._session = session
        self._workspace = workspace

    async def create(
        self,
        name: str,
        *,
        workspace: str | None = None,
        description: str | None = None,
        storage: StorageConfigParam | None = None,
        metadata: Mapping[str, Any] | None = None,
        purpose: str | None = None,
        custom_fields: Mapping[str, Any] | None = None,
        project: str | None = None,
        exist_ok: bool = False,
    ) -> Fileset:
        """Register a fileset; see `Filesets.create`."""
        fields = given(
            description=description,
            storage=storage,
            metadata=metadata,
            purpose=purpose,
            custom_fields=custom_fields,
            project=project,
        )
        return await self._session.run(create(workspace or self._workspace, name, fields, exist_ok))

    async def retrieve(self, name: str, *, workspace: str | None = None) -> Fileset:
        """A fileset by its name."""
        return await self._session.run(retrieve(workspace or self._workspace, name))

    async def update(
        self,
        name: str,
        *,
        workspace: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        custom_fields: Mapping[str, Any] | None = None,
    ) -> Fileset:
        """Change what is known about a fileset; what is not given stays."""
        fields = given(description=description, metadata=metadata, custom_fields=custom_fields)
        return await self._session.run(_update(workspace or self._workspace, name, fields))

    async def delete(self, name: str, *, workspace: str | None = None) -> None:
        """Delete a fileset with the files that were uploaded into it."""
        await self._session.run(_delete(workspace or self._workspace, name))

    def list(
        self,
        *,
        workspace: str | None = None,
        page: int = 1,
        page_size: int = PAGE_SIZE,
        sort: str | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> AsyncPages[Fileset]:
        """The workspace's filesets, the newest first."""
        return AsyncPages(self._session, _listing(workspace or self._workspace, page, page_size, sort, filter))
