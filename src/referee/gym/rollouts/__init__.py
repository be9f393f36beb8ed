"""Collecting rollouts: rows in, each rolled out by a running agent, verify responses out, and figures of them all.

What is collected is on the disk at once, one line a rollout, so that a run that was killed goes on where it ended.
"""

from __future__ import annotations

from referee.gym.rollouts.collect import Collection, collect
from referee.gym.rollouts.settings import CollectionSettings, read_settings

__all__ = ["Collection", "CollectionSettings", "collect", "read_settings"]
