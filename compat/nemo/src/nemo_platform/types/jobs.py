"""Jobs."""

from __future__ import annotations

from referee.client.types import Job as PlatformJobResponse
from referee.client.types import JobStep as PlatformJobStep

__all__ = ["PlatformJobResponse", "PlatformJobStep"]
