"""Files at a URL that fsspec knows (`s3://…`, `gs://…`, `https://…`), read where they are."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

from fastapi import HTTPException

from referee.data.files import public_name
from referee.errors import PlatformError
from referee.platform.egress import check_url
from referee.platform.filesets.storage import FileInfo, Place, no_file
from referee.platform.keyring import read_secret
from referee.platform.services import Services
from referee.platform.settings import Settings
from referee.platform.store.tables import Fileset

PROTOCOLS = ("s3", "gs", "gcs", "az", "abfs", "abfss", "adl", "hf", "http", "https")
"""What may be read. Left out is what would read this machine's own files."""
_WEB = ("http", "https")


class RemoteStorage:
    """The files under one URL; of a web address, the one file that it names."""

    def __init__(self, services: Services, fileset: Fileset, workspace: str) -> None:
        self._fileset = fileset
        self._url = fileset.storage["url"] if fileset.storage["type"] == "url" else _s3_url(fileset.storage)
        self._options = _options(services, fileset.storage, self._url, workspace)
        if self._is_web:
            check_url(self._url, services.settings)

    @property
    def _is_web(self) -> bool:
        return self._url.partition("://")[0] in _WEB

    def files(self) -> Sequence[FileInfo]:
        """All files, sorted by path."""
        system, root = self._open()
        try:
            found: dict[str, Any] = {} if self._is_web else system.find(root, detail=True)
            if found:
                base = root.rstrip("/") + "/"
                return sorted(
                    (FileInfo(path.removeprefix(base), int(info.get("size") or 0)) for path, info in found.items()),
                    key=lambda file: file.path,
                )
            name = public_name(self._url).rstrip("/").rpartition("/")[2]
            return [FileInfo(name, int(system.size(root) or 0))]
        except Exception as error:  # each driver has its own errors
            raise PlatformError(
                f"{public_name(self._url)} cannot be read: {type(error).__name__}: {public_name(str(error))}"
            ) from error

    def find(self, path: str) -> FileInfo:
        """One file."""
        for file in self.files():
            if file.path == path:
                return file
        raise no_file(self._fileset, path)

    @contextmanager
    def open(self, path: str) -> Generator[IO[bytes]]:
        """A file's bytes."""
        system, _ = self._open()
        place = self.place(path).at
        with system.open(system._strip_protocol(place), "rb") as file:
            yield file

    def place(self, path: str) -> Place:
        """Where rows of a file are read."""
        whole = self._is_web or self._url.rstrip("/").endswith(f"/{path}")
        return Place(self._url if whole else f"{self._url.rstrip('/')}/{path}", self._options)

    def _open(self) -> tuple[Any, str]:
        from referee.data.files import file_system

        return file_system(self._url, self._options)


def check(storage: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The storage of a new fileset of this kind.

    Raises:
        HTTPException: 400, it cannot be one.
    """
    if storage["type"] == "s3":
        if endpoint := storage.get("endpoint_url"):
            _allowed(endpoint, settings)
        return {name: value for name, value in storage.items() if value is not None}
    url = storage.get("url")
    if not isinstance(url, str) or "::" in url or url.partition("://")[0] not in PROTOCOLS or "://" not in url:
        raise HTTPException(
            400,
            f"the storage's url is {url!r}: give one that begins with {', '.join(f'{name}://' for name in PROTOCOLS)}",
        )
    if "@" in url.partition("://")[2].partition("/")[0] and url.partition("://")[0] in _WEB:
        raise HTTPException(400, "the storage's url holds a password, which would be shown to everyone: leave it out")
    if url.partition("://")[0] in _WEB:
        _allowed(url, settings)
    return {"type": "url", "url": url}


def _allowed(url: str, settings: Settings) -> None:
    try:
        check_url(url, settings)
    except PlatformError as error:
        raise HTTPException(400, str(error)) from error


def _s3_url(storage: Mapping[str, Any]) -> str:
    return f"s3://{storage['bucket']}/{(storage.get('prefix') or '').strip('/')}".rstrip("/")


def _options(services: Services, storage: Mapping[str, Any], url: str, workspace: str) -> dict[str, Any]:
    """What the driver needs beside the URL."""
    if url.partition("://")[0] in _WEB:
        return {"allow_redirects": False}  # else a redirect would lead where `check_url` does not let one
    if storage["type"] != "s3":
        return {}
    options: dict[str, Any] = {}
    for option, field in (("key", "access_key_id_secret"), ("secret", "secret_access_key_secret")):
        if name := storage.get(field):
            options[option] = read_secret(services, name, workspace)
    client = {"region_name": storage.get("region")}
    client = {name: value for name, value in client.items() if value}
    if endpoint := storage.get("endpoint_url"):
        options["endpoint_url"] = endpoint
    return options | ({"client_kwargs": client} if client else {})
