"""`client.secrets`: keys under a name. A value goes to the platform and never comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from referee.client.calls import Call, Steps, ask, do, given, path
from referee.client.pages import PAGE_SIZE, AsyncPages, Listing, Page, fetch
from referee.client.transport import AsyncSession, Session
from referee.client.types import Secret

_ALL = "/apis/secrets/v2/workspaces/{workspace}/secrets"
_ONE = _ALL + "/{name}"


def _create(workspace: str | None, name: str, value: str, description: str | None) -> Steps[Secret]:
    body = given(name=name, value=value, description=description)
    return ask(Call("POST", path(_ALL, workspace=workspace), json=body), Secret)


def _retrieve(workspace: str | None, name: str) -> Steps[Secret]:
    return ask(Call("GET", path(_ONE, workspace=workspace, name=name)), Secret)


def _update(workspace: str | None, name: str, value: str | None, description: str | None) -> Steps[Secret]:
    body = given(value=value, description=description)
    return ask(Call("PATCH", path(_ONE, workspace=workspace, name=name), json=body), Secret)


def _delete(workspace: str | None, name: str) -> Steps[None]:
    return do(Call("DELETE", path(_ONE, workspace=workspace, name=name)))


def _listing(
    workspace: str | None, page: int, page_size: int, sort: str | None, filter: Mapping[str, Any] | None
) -> Listing[Secret]:
    return Listing(path(_ALL, workspace=workspace), Secret, page, page_size, sort, filter)


class Secrets:
    """Secrets of a workspace: the client's own, where the call does not name another one."""

    def __init__(self, session: Session, workspace: str | None) -> None:
        self._session = session
        self._workspace = workspace

    def create(self, name: str, value: str, *, workspace: str | None = None, description: str | None = None) -> Secret:
        """Keep a key under a name.

        Raises:
            ConflictError: there is one of this name; `update` changes it.
        """
        return self._session.run(_create(workspace or self._workspace, name, value, description))

    def retrieve(self, name: str, *, workspace: str | None = None) -> Secret:
        """What is known of a secret; never its value."""
        return self._session.run(_retrieve(workspace or self._workspace, name))

    def update(
        self, name: str, *, value: str | None = None, workspace: str | None = None, description: str | None = None
    ) -> Secret:
        """Give a secret a new value or description."""
        return self._session.run(_update(workspace or self._workspace, name, value, description))

    def delete(self, name: str, *, workspace: str | None = None) -> None:
        """Delete a secret; jobs that need it fail from then on."""
        self._session.run(_delete(workspace or self._workspace, name))

    def list(
        self,
        *,
        workspace: str | None = None,
        page: int = 1,
        page_size: int = PAGE_SIZE,
        sort: str | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> Page[Secret]:
        """The workspace's secrets, the newest first."""
        return fetch(self._session, _listing(workspace or self._workspace, page, page_size, sort, filter))


class AsyncSecrets:
    """The same for code that awaits."""

    def __init__(self, session: AsyncSession, workspace: str | None) -> None:
        self._session = session
        self._workspace = workspace

    async def create(
        self, name: str, value: str, *, workspace: str | None = None, description: str | None = None
    ) -> Secret:
        """Keep a key under a name."""
        return await self._session.run(_create(workspace or self._workspace, name, value, description))

    async def retrieve(self, name: str, *, workspace: str | None = None) -> Secret:
        """What is known of a secret; never its value."""
        return await self._session.run(_retrieve(workspace or self._workspace, name))

    async def update(
        self, name: str, *, value: str | None = None, workspace: str | None = None, description: str | None = None
    ) -> Secret:
        """Give a secret a new value or description."""
        return await self._session.run(_update(workspace or self._workspace, name, value, description))

    async def delete(self, name: str, *, workspace: str | None = None) -> None:
        """Delete a secret."""
        await self._session.run(_delete(workspace or self._workspace, name))

    def list(
        self,
        *,
        workspace: str | None = None,
        page: int = 1,
        page_size: int = PAGE_SIZE,
        sort: str | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> AsyncPages[Secret]:
        """The workspace's secrets, the newest first."""
        return AsyncPages(self._session, _listing(workspace or self._workspace, page, page_size, sort, filter))
