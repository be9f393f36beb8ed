"""Secrets."""

from __future__ import annotations

from referee.client.types import Secret as PlatformSecretResponse

__all__ = ["PlatformSecretResponse"]
