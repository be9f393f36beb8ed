"""`client.workspaces`: create, look at, list and delete workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from referee.client.calls import Call, Steps, ask, do, given, path
from referee.client.pages import PAGE_SIZE, AsyncPages, Listing, Page, fetch
from referee.client.transport import AsyncSession, Session
from referee.client.types import Workspace
from referee.errors import ConflictError

_ALL = "/apis/entities/v2/workspaces"
_ONE = _ALL + "/{name}"


def _create(name: str, description: str | None, exist_ok: bool) -> Steps[Workspace]:
    try:
        return (yield from ask(Call("POST", _ALL, json=given(name=name, description=description)), Workspace))
    except ConflictError:
        if not exist_ok:
            raise
    return (yield from _retrieve(name))


def _retrieve(name: str) -> Steps[Workspace]:
    return ask(Call("GET", path(_ONE, name=name)), Workspace)


def _update(name: str, description: str | None) -> Steps[Workspace]:
    return ask(Call("PUT", path(_ONE, name=name), json={"description": description}), Workspace)


def _delete(name: str) -> Steps[None]:
    return do(Call("DELETE", path(_ONE, name=name)))


def _listing(page: int, page_size: int, sort: str | None, filter: Mapping[str, Any] | None) -> Listing[Workspace]:
    return Listing(_ALL, Workspace, page, page_size, sort, filter)


class Workspaces:
    """Workspaces of a platform."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, name: str, *, description: str | None = None, exist_ok: bool = False) -> Workspace:
        """Make a workspace; with `exist_ok` one that is there already will do.

        Raises:
            ConflictError: there is one of this name.
            UnprocessableEntityError: no workspace can be named so.
        """
        return self._session.run(_create(name, description, exist_ok))

    def retrieve(self, name: str) -> Workspace:
        """A workspace by its name."""
        return self._session.run(_retrieve(name))

    def update(self, name: str, *, description: str | None) -> Workspace:
        """Change a workspace's description."""
        return self._session.run(_update(name, description))

    def delete(self, name: str) -> None:
        """Delete an empty workspace.

        Raises:
            ConflictError: it holds something; the message lists what.
        """
        self._session.run(_delete(name))

    def list(
        self,
        *,
        page: int = 1,
        page_size: int = PAGE_SIZE,
        sort: str | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> Page[Workspace]:
        """Workspaces, the newest first; `sort="name"` by name, `"-name"` the other way round."""
        return fetch(self._session, _listing(page, page_size, sort, filter))


class AsyncWorkspaces:
    """The same for code that awaits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def create(self, name: str, *, description: str | None = None, exist_ok: bool = False) -> Workspace:
        """Make a workspace; with `exist_ok` one that is there already will do."""
        return await self._session.run(_create(name, description, exist_ok))

    async def retrieve(self, name: str) -> Workspace:
        """A workspace by its name."""
        return await self._session.run(_retrieve(name))

    async def update(self, name: str, *, description: str | None) -> Workspace:
        """Change a workspace's description."""
        return await self._session.run(_update(name, description))

    async def delete(self, name: str) -> None:
        """Delete an empty workspace."""
        await self._session.run(_delete(name))

    def list(
        self,
        *,
        page: int = 1,
        page_size: int = PAGE_SIZE,
        sort: str | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> AsyncPages[Workspace]:
        """Workspaces, the newest first."""
        return AsyncPages(self._session, _listing(page, page_size, sort, filter))
