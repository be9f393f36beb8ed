"""Where the platform keeps its data, on what address it listens, and what it allows."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from referee.errors import PlatformError

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8080
_MEGABYTE = 1 << 20


def default_data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """`referee` under XDG_DATA_HOME, or under `.local/share` in the home folder."""
    base = environment.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "referee"


@dataclass(frozen=True)
class Settings:
    """How one server is run.

    Args:
        data: the folder with the database, the key, uploads, and the folders of jobs.
        host: the address to listen on.
        port: the port; 0 takes a free one.
        database_url: an SQLAlchemy URL; by default an SQLite file in the data folder.
        token: what clients must send as `Authorization: Bearer …`; needed where the host is not loopback.
        allowed_hosts: hosts that model and file URLs may name although they are private addresses; where the server
            itself listens on loopback, private addresses are allowed anyway.
        shard_rows: rows in one shard of a job.
        jobs_at_once: how many jobs are worked on at the same time.
        largest_body: bytes of a request that is not an upload.
        largest_upload: bytes of an uploaded file.
    """

    data: Path = field(default_factory=default_data_folder)
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    database_url: str | None = None
    token: str | None = field(default=None, repr=False)
    allowed_hosts: frozenset[str] = frozenset()
    shard_rows: int = 8000
    jobs_at_once: int = 8
    largest_body: int = 64 * _MEGABYTE
    largest_upload: int = 64 * 1024 * _MEGABYTE

    @classmethod
    def load(cls, environment: Mapping[str, str] = os.environ, **given: Any) -> Self:
        """Settings from `REFEREE_PLATFORM_DATA`, `…_HOST`, `…_PORT`, `…_DATABASE_URL`, `…_TOKEN` and `…_ALLOWED_HOSTS`.

        Args:
            environment: where they are looked for.
            given: fields that win over it; those that are None do not.

        Raises:
            PlatformError: one has a value that cannot be meant.
        """
        found: dict[str, Any] = {"data": default_data_folder(environment)}
        for name in ("data", "host", "port", "database_url", "token", "allowed_hosts"):
            value = environment.get(f"REFEREE_PLATFORM_{name.upper()}", "").strip()
            if value:
                found[name] = _read(name, value)
        return cls(**(found | {name: value for name, value in given.items() if value is not None}))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def check(self) -> None:
        """Refuse what is not safe.

        Raises:
            PlatformError: the server would be open to others without a token.
        """
        if not self.is_loopback and not self.token:
            raise PlatformError(
                f"the host {self.host} can be reached from other machines: set REFEREE_PLATFORM_TOKEN, which clients "
                "then send as a bearer token, or listen on 127.0.0.1"
            )


def _read(name: str, value: str) -> Any:
    if name == "data":
        return Path(value).expanduser()
    if name == "allowed_hosts":
        return frozenset(host.strip().lower() for host in value.split(",") if host.strip())
    if name != "port":
        return value
    if not value.isascii() or not value.isdecimal() or int(value) > 65535:
        raise PlatformError(f"REFEREE_PLATFORM_PORT is {value!r}: give a number from 0 to 65535")
    return int(value)
