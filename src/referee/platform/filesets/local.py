"""Uploaded files. The bytes of each upload lie under a name of their own, so that no path leads anywhere and a reader
of what was there before is not disturbed; the table says which belong to which path.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from fastapi import HTTPException
from sqlalchemy import select

from referee.platform.filesets.storage import FileInfo, Place, no_file, plain
from referee.platform.services import Services
from referee.platform.store.tables import Fileset, StoredFile, now

NOT_CACHEABLE = "not_cacheable"
_BUFFER = 1 << 20


class LocalStorage:
    """The uploads of one fileset."""

    def __init__(self, services: Services, fileset: Fileset) -> None:
        self._services = services
        self._fileset = fileset
        self._folder = services.fileset_folder(fileset.id)

    def files(self) -> Sequence[FileInfo]:
        """All files, sorted by path."""
        with self._services.database.reading() as session:
            rows = select(StoredFile).where(StoredFile.fileset_id == self._fileset.id).order_by(StoredFile.path)
            return [_info(stored) for stored in session.scalars(rows)]

    def find(self, path: str) -> FileInfo:
        """One file."""
        return _info(self._stored(path))

    @contextmanager
    def open(self, path: str) -> Generator[IO[bytes]]:
        """A file's bytes."""
        with plain(self.place(path).at) as file:
            yield file

    def place(self, path: str) -> Place:
        """Where rows of a file are read."""
        return Place(str(self._folder / self._stored(path).stored))

    async def upload(self, path: str, chunks: AsyncIterable[bytes], sha256: str | None) -> FileInfo:
        """Take in a file, in place of one of this path that may be there; it is there whole or not at all.

        Args:
            path: clean.
            chunks: its bytes.
            sha256: what its bytes must hash to, where the client says so.

        Raises:
            HTTPException: 400, they do not; 404, the fileset was deleted meanwhile.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        target = self._folder / _stored_name(path)
        digest = hashlib.sha256()
        size = 0
        try:
            with open(target, "xb", buffering=_BUFFER) as file:
                async for chunk in chunks:
                    digest.update(chunk)
                    size += len(chunk)
                    file.write(chunk)
                await asyncio.to_thread(_settle, file)
            found = digest.hexdigest()
            if sha256 not in (None, found):
                raise HTTPException(400, f"the bytes of {path!r} have the SHA-256 {found}, and {sha256} was announced")
            before = await asyncio.to_thread(self._record, path, target.name, size, found)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        if before is not None:
            (self._folder / before).unlink(missing_ok=True)
        return FileInfo(path, size, None, found)

    def delete(self, path: str) -> FileInfo:
        """Delete a file."""
        with self._services.database.writing() as session:
            stored = session.get(StoredFile, (self._fileset.id, path))
            if stored is None:
                raise no_file(self._fileset, path)
            session.delete(stored)
        (self._folder / stored.stored).unlink(missing_ok=True)
        return _info(stored)

    def _record(self, path: str, name: str, size: int, sha256: str) -> str | None:
        """Put the upload into the table, and say whose place it took."""
        with self._services.database.writing() as session:
            if session.get(Fileset, self._fileset.id) is None:
                raise HTTPException(404, f"Fileset {self._fileset.name!r} was deleted while {path!r} was uploaded")
            stored = session.get(StoredFile, (self._fileset.id, path), with_for_update=True)
            if stored is None:
                session.add(StoredFile(fileset_id=self._fileset.id, path=path, size=size, sha256=sha256, stored=name))
                return None
            before = stored.stored
            stored.size, stored.sha256, stored.stored, stored.updated_at = size, sha256, name, now()
            return before

    def _stored(self, path: str) -> StoredFile:
        with self._services.database.reading() as session:
            stored = session.get(StoredFile, (self._fileset.id, path))
        if stored is None:
            raise no_file(self._fileset, path)
        return stored


def _info(stored: StoredFile) -> FileInfo:
    return FileInfo(stored.path, stored.size, NOT_CACHEABLE, stored.sha256)


def _stored_name(path: str) -> str:
    """A name of its own, with the suffixes by which readers of rows know the format."""
    suffixes = "".join(PurePosixPath(path).suffixes[-2:])
    return secrets.token_hex(12) + (suffixes if re.fullmatch(r"[.\w]{0,32}", suffixes, re.ASCII) else "")


def _settle(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def remove_folder(folder: Path) -> None:
    """Remove what was uploaded to a fileset that is deleted."""
    if folder.is_dir():
        for file in folder.iterdir():
            file.unlink(missing_ok=True)
        folder.rmdir()
