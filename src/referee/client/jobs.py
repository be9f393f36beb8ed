"""`client.jobs`: all jobs of a workspace: list, look at, pause, resume, cancel and delete them, and read their logs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from referee.client.calls import Call, Steps, ask, do, path
from referee.client.pages import PAGE_SIZE, AsyncPages, Listing, Page, fetch
from referee.client.transport import AsyncSession, Session
from referee.client.types import Job, JobLog, JobStatus, LogBody

_ALL = "/apis/jobs/v2/workspaces/{workspace}/jobs"
_ONE = _ALL + "/{name}"


def _retrieve(workspace: str | None, name: str) -> Steps[Job]:
    return ask(Call("GET", path(_ONE, workspace=workspace, name=name)), Job)


def _status(workspace: str | None, name: str) -> Steps[JobStatus]:
    return ask(Call("GET", path(_ONE + "/status", workspace=workspace, name=name)), JobStatus)


def _change(workspace: str | None, name: str, to: str) -> Steps[Job]:
    return ask(Call("POST", path(_ONE + "/{to}", workspace=workspace, name=name, to=to)), Job)


def _delete(workspace: str | None, name: str) -> Steps[None]:
    return do(Call("DELETE", path(_ONE, workspace=workspace, name=name)))


def _logs(workspace: str | None, name: str, tail: int | None, cursor: str | None) -> Steps[LogBody]:
    where = path(_ONE + "/logs", workspace=workspace, name=name)
    return ask(Call("GET", where, {"tail": tail, "page_cursor": cursor}), LogBody)


def _listing(
    workspace: str | None, page: int, page_size: int, sort: str | None, filter: Mapping[str, Any] | None
) -> Listing[Job]:
    return Listing(path(_ALL, workspace=workspace), Job, page, page_size, sort, filter)


class Jobs:
    """Jobs of a workspace: the client's own, where the call does not name another one."""

    def __init__(self, session: Session, workspace: str | None) -> None:
        self._session = session
        self._workspace = workspace

    def retrieve(self, name: str, *, workspace: str | None = None) -> Job:
        """A job by its name."""
        return self._session.run(_retrieve(workspace or self._workspace, name))

    def get_status(self, name: str, *, workspace: str | None = None) -> JobStatus:
        """How far a job is."""
        return self._session.run(_status(workspace or self._workspace, name))

    def cancel(self, name: str, *, workspace: str | None = None) -> Job:
        """End a job; the rows it has stay.

        Raises:
            ConflictError: it has ended already.
        """
        return self._session.run(_change(workspace or self._workspace, name, "cancel"))

    def pause(self, name: str, *, workspace: str | None = None) -> Job:
        """Let a job rest; no call is made until it is resumed."""
        return self._session.run(_change(workspace or self._workspace, name, "pause"))

    def resume(self, name: str, *, workspace: str | None = None) -> Job:
        """Let a job go on that is paused, or ended with an error; no answer is asked for twice."""
        return self._session.run(_change(workspace or self._workspace, name, "resume"))

    def delete(self, name: str, *, workspace: str | None = None) -> None:
        """Delete a job with its results; one that is at work is cancelled first."""
        self._session.run(_delete(workspace or self._workspace, name))

    def get_logs(self, name: str, *, workspace: str | None = None, tail: int | None = None) -> Iterator[JobLog]:
        """What a job wrote, the oldest line first; with `tail` the newest so many."""
        cursor = None
        while True:
            part = self._session.run(_logs(workspace or self._workspace, name, tail, cursor))
            yield from part.data
            cursor = part.next_page
            if not cursor:
                return

    def list(
        self,
        *,
        workspace: str | None = None,
        page: int = 1,
        page_size: int = PAGE_SIZE,
        sort: str | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> Page[Job]:
        """The workspace's jobs, the newest first; `filter={"status": "active"}` those in a state."""
        return fetch(self._session, _listing(workspace or self._workspace, page, page_size, sort, filter))


class AsyncJobs:
    """The same for code that awaits."""

    def __init__(self, session: AsyncSession, workspace: str | None) -> None:
        self._session = session
        self._workspace = workspace

    async def retrieve(self, name: str, *, workspace: str | None = None) -> Job:
        """A job by its name."""
        return await self._session.run(_retrieve(workspace or self._workspace, name))

    async def get_status(self, name: str, *, workspace: str | None = None) -> JobStatus:
        """How far a job is."""
        return await self._session.run(_status(workspace or self._workspace, name))

    async def cancel(self, name: str, *, workspace: str | None = None) -> Job:
        """End a job; the rows it has stay."""
        return await self._session.run(_change(workspace or self._workspace, name, "cancel"))

    async def pause(self, name: str, *, workspace: str | None = None) -> Job:
        """Let a job rest; no call is made until it is resumed."""
        return await self._session.run(_change(workspace or self._workspace, name, "pause"))

    async def resume(self, name: str, *, workspace: str | None = None) -> Job:
        """Let a job go on that is paused, or ended with an error; no answer is asked for twice."""
        return await self._session.run(_change(workspace or self._workspace, name, "resume"))

    async def delete(self, name: str, *, workspace: str | None = None) -> None:
        """Delete a job with its results; one that is at work is cancelled first."""
        await self._session.run(_delete(workspace or self._workspace, name))

    async def get_logs(
        self, name: str, *, workspace: str | None = None, tail: int | None = None
    ) -> AsyncIterator[JobLog]:
        """What a job wrote, the oldest line first; with `tail` the newest so many."""
        cursor = None
        while True:
            part = await self._session.run(_logs(workspace or self._workspace, name, tail, cursor))
            for line in part.data:
                yield line
            cursor = part.next_page
            if not cursor:
                return

    def list(
        self,
        *,
        workspace: str | None = None,
        page: int = 1,
        page_size: int = PAGE_SIZE,
        sort: str | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> AsyncPages[Job]:
        """The workspace's jobs, the newest first."""
        return AsyncPages(self._session, _listing(workspace or self._workspace, page, page_size, sort, filter))
