"""What a platform's replies say, as values: workspaces, secrets, filesets, jobs.

Fields that a newer platform adds are kept. Times are naive and in UTC, as they are on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Generic, Literal, Required, TypedDict, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")


class Reply(BaseModel):
    """Something that a platform says of one thing."""

    model_config = ConfigDict(extra="allow")

    def to_dict(self) -> dict[str, Any]:
        """The fields that the platform sent, as plain JSON values."""
        return self.model_dump(mode="json", exclude_unset=True)


class Workspace(Reply):
    """Holds the secrets, filesets and jobs of one project."""

    id: str
    name: str
    description: str | None = None
    created_at: datetime
    created_by: str | None = None
    updated_at: datetime
    updated_by: str | None = None


class Secret(Reply):
    """A key's name; the value never comes back."""

    name: str
    workspace: str
    description: str | None = None
    created_at: datetime
    updated_at: datetime


class Storage(Reply):
    """Where a fileset's files lie; the other fields depend on `type`."""

    type: str


class Fileset(Reply):
    """Files under one name, with what is known about them."""

    id: str
    name: str
    workspace: str
    description: str | None = None
    purpose: str = "generic"
    storage: Storage
    metadata: dict[str, Any] | None = None
    custom_fields: dict[str, Any] = Field(default_factory=dict)
    project: str | None = None
    created_at: datetime
    updated_at: datetime


class FilesetFile(Reply):
    """One file of a fileset: its path within it, and its size in bytes."""

    path: str
    size: int
    file_ref: str
    file_url: str
    cache_status: str | None = None


class FileList(Reply):
    """The files of a fileset."""

    data: list[FilesetFile]

    def __iter__(self) -> Iterator[FilesetFile]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


JobState = Literal[
    "created",
    "pending",
    "active",
    "paused",
    "pausing",
    "resuming",
    "cancelling",
    "cancelled",
    "completed",
    "error",
]
"""The states that a job can be in. The last three are final."""


class Job(Reply):
    """A job as it was when it was asked for; `spec` is what was submitted."""

    id: str
    name: str
    workspace: str
    status: JobState | str
    spec: dict[str, Any] = Field(default_factory=dict)
    description: str | None = None
    project: str | None = None
    status_details: dict[str, Any] | None = None
    error_details: dict[str, Any] | None = None
    created_at: datetime
    updated_at: datetime


class JobStep(Reply):
    """A part of a job's work."""

    name: str
    status: JobState | str
    status_details: dict[str, Any] | None = None
    error_details: dict[str, Any] | None = None


class JobStatus(Reply):
    """How far a job is. `status_details` has `samples_processed` and `progress` (per cent) once it works."""

    id: str
    name: str
    status: JobState | str
    status_details: dict[str, Any] | None = None
    error_details: dict[str, Any] | None = None
    steps: list[JobStep] = Field(default_factory=list[JobStep])
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def progress(self) -> float | None:
        """Per cent of the rows that have their outcome; None where the platform does not say."""
        value = (self.status_details or {}).get("progress")
        return float(value) if isinstance(value, int | float) else None

    @property
    def done(self) -> bool:
        """Whether the job is in a final state."""
        return self.status in ("completed", "error", "cancelled")


class JobLog(Reply):
    """A line that a job wrote."""

    message: str
    timestamp: datetime


class Pagination(Reply):
    """Which page of a list this is."""

    page: int
    page_size: int
    current_page_size: int
    total_pages: int
    total_results: int


class PageBody(BaseModel, Generic[Item]):
    """The body of a list's reply."""

    model_config = ConfigDict(extra="allow")

    data: list[Item]
    pagination: Pagination | None = None
    sort: str | None = None
    filter: Any = None


class LogBody(BaseModel):
    """The body of a log's reply; `next_page` leads on to the next part."""

    model_config = ConfigDict(extra="allow")

    data: list[JobLog]
    next_page: str | None = None


class RowPage(Reply):
    """Rows of a job, as they are on the wire; `next` is the `first` of the next page, where there may be one."""

    data: list[dict[str, Any]]
    next: int | None = None


class HuggingfaceStorageConfigParam(TypedDict, total=False):
    """Files of a Hugging Face repository; `token_secret` names the secret with the token of a gated one."""

    type: Required[Literal["huggingface"]]
    repo_id: Required[str]
    repo_type: Literal["model", "dataset", "space"]
    revision: str
    token_secret: str
    endpoint: str


class LocalStorageConfigParam(TypedDict, total=False):
    """Files that are uploaded to the platform, which keeps them in a folder of its own."""

    type: Required[Literal["local"]]
    path: str


class S3StorageConfigParam(TypedDict, total=False):
    """Files of a bucket, read in place."""

    type: Required[Literal["s3"]]
    bucket: Required[str]
    prefix: str
    endpoint_url: str
    region: str
    access_key_id_secret: str
    secret_access_key_secret: str


StorageConfigParam = HuggingfaceStorageConfigParam | LocalStorageConfigParam | S3StorageConfigParam | dict[str, Any]
