"""The interface of a fileset's storage, and which storage a fileset has."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from fastapi import HTTPException

from referee.platform.services import Services
from referee.platform.store.tables import Fileset


@dataclass(frozen=True)
class FileInfo:
    """A file of a fileset. `cache_status` is the contract's: whether a copy of it is kept here."""

    path: str
    size: int
    cache_status: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Place:
    """Where rows are read: a local path or a URL, with the options that its driver needs (they may hold keys)."""

    at: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Storage(Protocol):
    """Where the files of one fileset are. Its methods block; what fails raises HTTPException or RefereeError."""

    def files(self) -> Sequence[FileInfo]:
        """All files, sorted by path."""
        ...

    def find(self, path: str) -> FileInfo:
        """One file; HTTPException 404 where there is none."""
        ...

    def open(self, path: str) -> AbstractContextManager[IO[bytes]]:
        """A file's bytes; they can be sought."""
        ...

    def place(self, path: str) -> Place:
        """Where rows of a file are read."""
        ...


def storage_of(services: Services, fileset: Fileset, workspace: str) -> Storage:
    """The storage of a fileset; `workspace` is where the secrets it names are looked for."""
    # Each brings its own libraries, some of them slow to import: only the one that is needed.
    match fileset.storage.get("type"):
        case "local":
            from referee.platform.filesets.local import LocalStorage

            return LocalStorage(services, fileset)
        case "huggingface":
            from referee.platform.filesets.hub import HubStorage

            return HubStorage(services, fileset, workspace)
        case _:
            from referee.platform.filesets.remote import RemoteStorage

            return RemoteStorage(services, fileset, workspace)


def no_file(fileset: Fileset, path: str) -> HTTPException:
    """404."""
    return HTTPException(404, f"File {path!r} not found in fileset {fileset.name!r}")


@contextmanager
def plain(path: str) -> Generator[IO[bytes]]:
    """A local file's bytes."""
    with open(path, "rb") as file:
        yield file
