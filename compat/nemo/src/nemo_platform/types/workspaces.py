"""Workspaces."""

from __future__ import annotations

from referee.client.types import Workspace

__all__ = ["Workspace"]
