"""`client.files`: put files into a fileset, list them, and get them out again; streamed both ways."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath

from referee.client import filesets
from referee.client.calls import Call, Steps, ask, do, file_path, path
from referee.client.filesets import AsyncFilesets, Filesets
from referee.client.references import Place, place
from referee.client.transport import AsyncSession, Session
from referee.client.types import FileList, Fileset, FilesetFile
from referee.errors import APIError, DataError

Progress = Callable[[str, int], None]
"""Called with a file's path in the fileset and its size in bytes when it is through."""

_FILES = filesets.ONE + "/files"
_CONTENT = filesets.ONE + "/-/"

RemotePaths = str | Sequence[str]


def _list(where: Place) -> Steps[FileList]:
    query = {"path": where.path} if where.path and not where.is_pattern else {}
    call = Call("GET", path(_FILES, workspace=where.workspace, name=where.fileset), query)
    found = yield from ask(call, FileList)
    if where.is_pattern:
        return FileList(data=[file for file in found.data if matches(file.path, where.path)])
    return found


def matches(file: str, pattern: str) -> bool:
    """Whether a path matches a glob pattern, part by part: `*` stays within a folder, `**` does not."""
    return _matches(PurePosixPath(file).parts, PurePosixPath(pattern).parts)


def _matches(file: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not file
    if pattern[0] == "**":
        return _matches(file, pattern[1:]) or (bool(file) and _matches(file[1:], pattern))
    return bool(file) and fnmatchcase(file[0], pattern[0]) and _matches(file[1:], pattern[1:])


def _upload(where: Place, local: Path, make: bool, progress: Progress | None) -> Steps[Fileset]:
    files = _sources(local, where.path)
    if make:
        yield from filesets.create(where.workspace, where.fileset, {}, exist_ok=True)
    for source, target in files:
        yield from do(Call("PUT", _content(where, target), content=source))
        if progress is not None:
            progress(target, source.stat().st_size)
    return (yield from filesets.retrieve(where.workspace, where.fileset))


def _sources(local: Path, under: str) -> list[tuple[Path, str]]:
    """Each file with its path in the fileset: a file goes to `under` or into that folder, a folder's files under it."""
    if local.is_file():
        return [(local, under + local.name if not under or under.endswith("/") else under)]
    if not local.is_dir():
        raise DataError(f"there is no file or folder {local} to upload")
    found = sorted(file for file in local.rglob("*") if file.is_file())
    if not found:
        raise DataError(f"the folder {local} has no files to upload")
    prefix = f"{under.rstrip('/')}/" if under else ""
    return [(file, prefix + file.relative_to(local).as_posix()) for file in found]


def _upload_content(where: Place, content: bytes, make: bool) -> Steps[Fileset]:
    if not where.path:
        raise APIError("remote_path is empty: give the path that the content gets in the fileset")
    if make:
        yield from filesets.create(where.workspace, where.fileset, {}, exist_ok=True)
    yield from do(Call("PUT", _content(where, where.path), content=content))
    return (yield from filesets.retrieve(where.workspace, where.fileset))


def _download(wheres: Sequence[Place], local: str, progress: Progress | None) -> Steps[None]:
    for where in wheres:
        found = yield from _some(where)
        for file in found:
            only = len(wheres) == 1 and not where.is_pattern and file.path == where.path
            yield Call("GET", _content(where, file.path), save=_target(local, file.path, only=only))
            if progress is not None:
                progress(file.path, file.size)


def download_each(where: Place, target: Callable[[int, str], Path]) -> Steps[None]:
    """Download every file of a place, as an operation; `target` says where each goes, by its number and path."""
    for number, file in enumerate((yield from _some(where))):
        yield Call("GET", _content(where, file.path), save=target(number, file.path))


def _some(where: Place) -> Steps[list[FilesetFile]]:
    found = yield from _list(where)
    if not found.data:
        raise APIError(
            f"the fileset {where.workspace}/{where.fileset} has no file {where.path or 'at all'!r}: "
            "`client.files.list` shows what it has"
        )
    return found.data


def _target(local: str, file: str, *, only: bool) -> Path:
    """Where a file goes: one that was asked for by its name may get another one here."""
    folder = Path(local)
    if only:
        return folder / PurePosixPath(file).name if local.endswith(("/", os.sep)) or folder.is_dir() else folder
    # The path comes from the other side: it must not lead out of the folder.
    parts = PurePosixPath(file).parts
    if PurePosixPath(file).is_absolute() or ".." in parts:
        raise APIError(f"the platform names a file {file!r}, which would be written outside of {local}")
    return folder.joinpath(*parts)


def _download_content(where: Place) -> Steps[bytes]:
    answer = yield Call("GET", _content(where, where.path))
    return answer.body


def _delete(where: Place) -> Steps[None]:
    return do(Call("DELETE", _content(where, where.path)))


def _content(where: Place, file: str) -> str:
    return file_path(_CONTENT, file, workspace=where.workspace, name=where.fileset)


def _new_name(fileset: str | None, remote_path: str, make: bool) -> str | None:
    """A made-up name where none is given and one may be made."""
    if fileset is None and "#" not in remote_path and make:
        return f"fileset-{uuid.uuid4().hex[:8]}"
    return fileset


class Files:
    """Files of filesets.

    A `remote_path` is a path or glob pattern in the `fileset` that is given beside it, or a whole
    `workspace/fileset#path`.
    """

    def __init__(self, session: Session, workspace: str | None) -> None:
        self._session = session
        self._workspace = workspace

    @cached_property
    def filesets(self) -> Filesets:
        """The filesets themselves."""
        return Filesets(self._session, self._workspace)

    def upload(
        self,
        *,
        local_path: str | os.PathLike[str],
        remote_path: str = "",
        fileset: str | None = None,
        workspace: str | None = None,
        fileset_auto_create: bool = False,
        progress: Progress | None = None,
    ) -> Fileset:
        """Upload a file, or all files of a folder.

        Args:
            local_path: the file or folder.
            remote_path: the path that a file gets, or the folder (ending in `/`) it goes into.
            fileset: the fileset, where `remote_path` does not name it.
            workspace: the client's own by default.
            fileset_auto_create: make the fileset where there is none; without a name one is made up.
            progress: called for each file that is through.

        Raises:
            DataError: there is nothing to upload.
            NotFoundError: there is no such fileset.
        """
        where = self._place(remote_path, workspace, _new_name(fileset, remote_path, fileset_auto_create))
        return self._session.run(_upload(where, Path(local_path), fileset_auto_create, progress))

    def upload_content(
        self,
        *,
        content: bytes | str,
        remote_path: str,
        fileset: str | None = None,
        workspace: str | None = None,
        fileset_auto_create: bool = False,
    ) -> Fileset:
        """Upload a value as a file."""
        where = self._place(remote_path, workspace, _new_name(fileset, remote_path, fileset_auto_create))
        return self._session.run(_upload_content(where, _bytes(content), fileset_auto_create))

    def download(
        self,
        *,
        local_path: str | os.PathLike[str],
        remote_path: RemotePaths = "",
        fileset: str | None = None,
        workspace: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Download files into a folder under their paths; a single file may get another name.

        Raises:
            APIError: no file matches.
        """
        wheres = _places(remote_path, lambda text: self._place(text, workspace, fileset))
        self._session.run(_download(wheres, os.fspath(local_path), progress))

    def download_content(self, *, remote_path: str, fileset: str | None = None, workspace: str | None = None) -> bytes:
        """The bytes of a file."""
        return self._session.run(_download_content(self._place(remote_path, workspace, fileset)))

    def list(self, *, remote_path: str = "", fileset: str | None = None, workspace: str | None = None) -> FileList:
        """The files of a fileset, of a folder in it, or those that match a pattern."""
        return self._session.run(_list(self._place(remote_path, workspace, fileset)))

    def delete(self, *, remote_path: str, fileset: str | None = None, workspace: str | None = None) -> None:
        """Delete a file."""
        self._session.run(_delete(self._place(remote_path, workspace, fileset)))

    def _place(self, text: str, workspace: str | None, fileset: str | None) -> Place:
        return place(text, workspace=workspace or self._workspace, fileset=fileset)


class AsyncFiles:
    """The same for code that awaits."""

    def __init__(self, session: AsyncSession, workspace: str | None) -> None:
        self._session = session
        self._workspace = workspace

    @cached_property
    def filesets(self) -> AsyncFilesets:
        """The filesets themselves."""
        return AsyncFilesets(self._session, self._workspace)

    async def upload(
        self,
        *,
        local_path: str | os.PathLike[str],
        remote_path: str = "",
        fileset: str | None = None,
        workspace: str | None = None,
        fileset_auto_create: bool = False,
        progress: Progress | None = None,
    ) -> Fileset:
        """Upload a file, or all files of a folder; see `Files.upload`."""
        where = self._place(remote_path, workspace, _new_name(fileset, remote_path, fileset_auto_create))
        return await self._session.run(_upload(where, Path(local_path), fileset_auto_create, progress))

    async def upload_content(
        self,
        *,
        content: bytes | str,
        remote_path: str,
        fileset: str | None = None,
        workspace: str | None = None,
        fileset_auto_create: bool = False,
    ) -> Fileset:
        """Upload a value as a file."""
        where = self._place(remote_path, workspace, _new_name(fileset, remote_path, fileset_auto_create))
        return await self._session.run(_upload_content(where, _bytes(content), fileset_auto_create))

    async def download(
        self,
        *,
        local_path: str | os.PathLike[str],
        remote_path: RemotePaths = "",
        fileset: str | None = None,
        workspace: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Download files into a folder under their paths; a single file may get another name."""
        wheres = _places(remote_path, lambda text: self._place(text, workspace, fileset))
        await self._session.run(_download(wheres, os.fspath(local_path), progress))

    async def download_content(
        self, *, remote_path: str, fileset: str | None = None, workspace: str | None = None
    ) -> bytes:
        """The bytes of a file."""
        return await self._session.run(_download_content(self._place(remote_path, workspace, fileset)))

    async def list(
        self, *, remote_path: str = "", fileset: str | None = None, workspace: str | None = None
    ) -> FileList:
        """The files of a fileset, of a folder in it, or those that match a pattern."""
        return await self._session.run(_list(self._place(remote_path, workspace, fileset)))

    async def delete(self, *, remote_path: str, fileset: str | None = None, workspace: str | None = None) -> None:
        """Delete a file."""
        await self._session.run(_delete(self._place(remote_path, workspace, fileset)))

    def _place(self, text: str, workspace: str | None, fileset: str | None) -> Place:
        return place(text, workspace=workspace or self._workspace, fileset=fileset)


def _places(remote_path: RemotePaths, find: Callable[[str], Place]) -> list[Place]:
    return [find(text) for text in ([remote_path] if isinstance(remote_path, str) else remote_path)]


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content
