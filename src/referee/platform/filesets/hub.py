"""Files of the Hugging Face hub: a repository at the commit that it had when the fileset was made; copies are kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import IO, Any

from fastapi import HTTPException

from referee.errors import PlatformError
from referee.platform.egress import check_redirect, check_url
from referee.platform.filesets.storage import FileInfo, Place, no_file, plain
from referee.platform.keyring import read_secret
from referee.platform.services import Services
from referee.platform.settings import Settings
from referee.platform.store.tables import Fileset

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ["HF_HUB_DISABLE_XET"] = "1"  # it would call whatever address the hub's answer names, unseen by `_watched`

_REPO_TYPES = ("model", "dataset", "space")
_CACHED, _NOT_CACHED = "cached", "not_cached"
_SECONDS = 20


class HubStorage:
    """The files of one repository at one commit."""

    def __init__(self, services: Services, fileset: Fileset, workspace: str) -> None:
        self._fileset = fileset
        self._storage = fileset.storage
        self._cache = services.folder / "hub"
        self._settings = services.settings
        self._token = _token(services, fileset.storage, workspace)

    def files(self) -> Sequence[FileInfo]:
        """All files, sorted by path."""
        found = _info(self._storage, self._token, self._storage["revision"], self._settings)
        return sorted((self._file(one) for one in found.siblings or []), key=lambda file: file.path)

    def find(self, path: str) -> FileInfo:
        """One file."""
        for file in self.files():
            if file.path == path:
                return file
        raise no_file(self._fileset, path)

    @contextmanager
    def open(self, path: str) -> Generator[IO[bytes]]:
        """A file's bytes, fetched where they are not here yet."""
        with plain(self.place(path).at) as file:
            yield file

    def place(self, path: str) -> Place:
        """Where a file's copy is, fetched where it is not here yet."""
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError

        if kept := self._kept(path):
            return Place(kept)
        endpoint = _endpoint(self._storage)
        try:
            with _watched(endpoint, self._settings):
                fetched = hf_hub_download(
                    self._storage["repo_id"],
                    path,
                    repo_type=self._storage["repo_type"],
                    revision=self._storage["revision"],
                    cache_dir=self._cache,
                    token=self._token or False,
                    endpoint=endpoint,
                )
            return Place(fetched)
        except EntryNotFoundError as error:
            raise no_file(self._fileset, path) from error
        except Exception as error:  # the library lets errors of its transport through, and their names change
            raise PlatformError(f"{path} of {_named(self._storage)} could not be fetched: {_told(error)}") from error

    def _file(self, sibling: Any) -> FileInfo:
        status = _CACHED if self._kept(sibling.rfilename) else _NOT_CACHED
        return FileInfo(sibling.rfilename, sibling.size or 0, status)

    def _kept(self, path: str) -> str | None:
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(
            self._storage["repo_id"],
            path,
            cache_dir=self._cache,
            revision=self._storage["revision"],
            repo_type=self._storage["repo_type"],
        )
        return found if isinstance(found, str) else None


def pin(services: Services, storage: Mapping[str, Any], workspace: str) -> dict[str, Any]:
    """The storage of a new fileset, with the commit that its revision stands for now.

    Raises:
        HTTPException: 400, the repository cannot be read.
    """
    repo_type = storage.get("repo_type") or "model"
    if repo_type not in _REPO_TYPES:
        raise HTTPException(400, f"repo_type is {repo_type!r}: give one of {', '.join(_REPO_TYPES)}")
    revision = storage.get("revision") or "main"
    whole = {
        "type": "huggingface",
        "repo_id": storage["repo_id"],
        "repo_type": repo_type,
        "revision": revision,
        "token_secret": storage.get("token_secret"),
        "endpoint": storage.get("endpoint"),
    }
    try:
        found = _info(whole, _token(services, whole, workspace), revision, services.settings)
    except PlatformError as error:
        named = f"{storage['repo_id']}@{revision}"
        raise HTTPException(
            400, f"Error creating fileset: ['Failed to access Huggingface repository {named}']: {error}"
        ) from error
    return whole | {"revision": found.sha, "original_revision": revision}


def _info(storage: Mapping[str, Any], token: str | None, revision: str, settings: Settings) -> Any:
    from huggingface_hub import HfApi

    endpoint = _endpoint(storage)
    api = HfApi(endpoint=endpoint, token=token or False)
    try:
        with _watched(endpoint, settings):
            return api.repo_info(
                storage["repo_id"],
                repo_type=storage["repo_type"],
                revision=revision,
                files_metadata=True,
                timeout=_SECONDS,
            )
    except Exception as error:  # as in `place`
        raise PlatformError(f"{_named(storage)} cannot be read: {_told(error)}") from error


_seen: ContextVar[Callable[[str], None] | None] = ContextVar("_seen", default=None)
"""Looks at each URL before it is called, those that a redirect leads to among them."""


@contextmanager
def _watched(endpoint: str, settings: Settings) -> Generator[None]:
    """While the library works, refuse where it must not go.

    Raises:
        PlatformError: at once, the endpoint itself must not be called.
    """
    check_url(endpoint, settings)
    _watch_clients()
    before = _seen.set(lambda url: check_redirect(url, endpoint, settings))
    try:
        yield
    finally:
        _seen.reset(before)


@cache
def _watch_clients() -> None:
    """From now on, every client that the library makes asks `_seen` before each request."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def look(request: Any) -> None:
        if (seen := _seen.get()) is not None:
            seen(str(request.url))

    def client() -> Any:
        made = default_client_factory()
        made.event_hooks = {**made.event_hooks, "request": [look, *made.event_hooks["request"]]}
        return made

    set_client_factory(client)


def _token(services: Services, storage: Mapping[str, Any], workspace: str) -> str | None:
    name = storage.get("token_secret")
    return read_secret(services, name, workspace) if name else None


def _endpoint(storage: Mapping[str, Any]) -> str:
    return (storage.get("endpoint") or os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def _named(storage: Mapping[str, Any]) -> str:
    return f"{storage['repo_type']} {storage['repo_id']} at {_endpoint(storage)}"


def _told(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first[:300]}"
