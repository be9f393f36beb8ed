"""What several resources share."""

from __future__ import annotations

from referee.client.types import JobLog as PlatformJobLog
from referee.client.types import JobState as PlatformJobStatus
from referee.client.types import JobStatus as PlatformJobStatusResponse
from referee.client.types import Pagination as PaginationData

__all__ = ["PaginationData", "PlatformJobLog", "PlatformJobStatus", "PlatformJobStatusResponse"]
