"""Where referee keeps what it can get again: weights, and scripts that are slow to make."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache: `$REFEREE_CACHE`, else `$XDG_CACHE_HOME/referee`, else `~/.cache/referee`."""
    if own := os.environ.get("REFEREE_CACHE"):
        return Path(own).expanduser()
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared).expanduser() / "referee"
    return Path.home() / ".cache" / "referee"
