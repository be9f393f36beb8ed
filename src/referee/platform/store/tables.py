"""The tables: workspaces and what they hold. Rows and results of jobs are files; here is only where they stand."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_NAME = String(63)
_ID = String(64)


def now() -> datetime:
    """The time in UTC, without a zone, as the contract writes it."""
    return datetime.now(UTC).replace(tzinfo=None)


def new_id(kind: str) -> str:
    """A fresh id, such as `workspace-…`."""
    return f"{kind}-{''.join(secrets.choice(_ALPHABET) for _ in range(22))}"


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """The base of all tables."""

    type_annotation_map: ClassVar = {int: BigInteger}


class Workspace(Base, kw_only=True):
    """A workspace: the names of everything else are unique in it."""

    __tablename__ = "workspaces"

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default_factory=lambda: new_id("workspace"))
    name: Mapped[str] = mapped_column(_NAME, unique=True)
    description: Mapped[str | None] = mapped_column(Text, default=None)
    created_by: Mapped[str | None] = mapped_column(String(255), default="")
    created_at: Mapped[datetime] = mapped_column(DateTime, default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(DateTime, default_factory=now)


class Secret(Base, kw_only=True):
    """A secret, encrypted: `sealed` is what `vault` made of its value under the key `key_id`."""

    __tablename__ = "secrets"
    __table_args__ = (UniqueConstraint("workspace_id", "name"),)

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default_factory=lambda: new_id("secret"))
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete="RESTRICT"))
    name: Mapped[str] = mapped_column(_NAME)
    description: Mapped[str | None] = mapped_column(Text, default=None)
    key_id: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(LargeBinary, repr=False)
    created_at: Mapped[datetime] = mapped_column(DateTime, default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(DateTime, default_factory=now)


class Fileset(Base, kw_only=True):
    """A fileset: where its files are (`storage`), and what is known of them."""

    __tablename__ = "filesets"
    __table_args__ = (UniqueConstraint("workspace_id", "name"),)

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default_factory=lambda: new_id("fileset"))
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete="RESTRICT"))
    name: Mapped[str] = mapped_column(_NAME)
    description: Mapped[str] = mapped_column(Text, default="")
    purpose: Mapped[str] = mapped_column(String(32), default="generic")
    storage: Mapped[dict[str, Any]] = mapped_column(JSON, default_factory=dict)
    described: Mapped[dict[str, Any]] = mapped_column("metadata", JSON, default_factory=dict)
    custom_fields: Mapped[dict[str, Any]] = mapped_column(JSON, default_factory=dict)
    project: Mapped[str] = mapped_column(String(255), default="")
    created_at: Mapped[datetime] = mapped_column(DateTime, default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(DateTime, default_factory=now)


class StoredFile(Base, kw_only=True):
    """An uploaded file of a local fileset; its bytes lie in the data folder under `stored`."""

    __tablename__ = "files"

    fileset_id: Mapped[str] = mapped_column(ForeignKey("filesets.id", ondelete="CASCADE"), primary_key=True)
    path: Mapped[str] = mapped_column(String(1024), primary_key=True)
    size: Mapped[int] = mapped_column()
    sha256: Mapped[str] = mapped_column(String(64))
    stored: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime] = mapped_column(DateTime, default_factory=now)


class Job(Base, kw_only=True):
    """A job: its spec as it was sent, and where it stands.

    `sent` is the spec's JSON, with all rows that were sent inline, so it is read only where it is asked for
    (`undefer`); `generation` the clients' that sent it (`0.1` or `0.6`). `rows` is known once the rows
    are cut into shards. `version` counts the changes of `status`.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("workspace_id", "name"),
        Index("jobs_by_time", "workspace_id", "created_at"),
        Index("jobs_by_status", "status"),
    )

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default_factory=lambda: new_id("platform-job"))
    step_id: Mapped[str] = mapped_column(_ID, default_factory=lambda: new_id("platform-job-step"))
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete="RESTRICT"))
    name: Mapped[str] = mapped_column(_NAME)
    description: Mapped[str | None] = mapped_column(Text, default=None)
    project: Mapped[str | None] = mapped_column(String(255), default=None)
    sent: Mapped[str] = mapped_column(Text, repr=False, deferred=True)
    generation: Mapped[str] = mapped_column(String(8))
    custom_fields: Mapped[dict[str, Any]] = mapped_column(JSON, default_factory=dict)
    status: Mapped[str] = mapped_column(String(16), default="created")
    error: Mapped[str | None] = mapped_column(Text, default=None)
    rows: Mapped[int | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(DateTime, default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(DateTime, default_factory=now)


class Shard(Base, kw_only=True):
    """A run of a job's rows: `rows` of them from `first_row`, `length` bytes from `offset` of the job's rows file."""

    __tablename__ = "shards"
    __table_args__ = (Index("shards_by_status", "status"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    first_row: Mapped[int] = mapped_column()
    rows: Mapped[int] = mapped_column()
    offset: Mapped[int] = mapped_column()
    length: Mapped[int] = mapped_column()
    status: Mapped[str] = mapped_column(String(16), default="pending")
    worker: Mapped[str | None] = mapped_column(_ID, default=None)
    heartbeat_at: Mapped[datetime | None] = mapped_column(DateTime, default=None)
    done: Mapped[int] = mapped_column(default=0)
    unclear: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
