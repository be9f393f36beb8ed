"""What others find of a running server in its data folder: who it is and where (`server.json`), and its log.

`nemo services status`, `stop` and `logs` work by these, whichever way the server was started.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LOCK_FILE, RECORD_FILE, LOG_FILE = "server.lock", "server.json", "services.log"
_LARGEST_LOG = 16 << 20
_FORM = "%(asctime)s %(levelname)s %(message)s"


def write_record(data: Path, url: str) -> None:
    """Say that this process serves the folder, at `url`."""
    known = {"pid": os.getpid(), "url": url, "started": datetime.now(UTC).isoformat(timespec="seconds")}
    part = data / f"{RECORD_FILE}.part"
    part.write_text(json.dumps(known), encoding="utf-8")
    part.replace(data / RECORD_FILE)


def read_record(data: Path) -> dict[str, Any]:
    """`pid`, `url` and `started` of the server; empty where none has said so yet."""
    try:
        known = json.loads((data / RECORD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def remove_record(data: Path) -> None:
    """Take back what was said, by this server or by one that was killed."""
    (data / RECORD_FILE).unlink(missing_ok=True)


def make_room(log: Path) -> None:
    """Put a log that has grown large aside; one of these is kept."""
    if log.exists() and log.stat().st_size > _LARGEST_LOG:
        log.replace(log.with_suffix(".log.1"))


@contextmanager
def logging_into(data: Path) -> Generator[logging.Logger]:
    """The server's logger: what it is told goes to the log, and mistakes to the screen too, where there is one."""
    log = data / LOG_FILE
    screen = logging.StreamHandler()
    screen.setLevel(logging.WARNING)
    handlers: list[logging.Handler] = [screen]
    if not _is_screen(log):
        make_room(log)
        handlers.append(logging.FileHandler(log, encoding="utf-8", delay=True))
    root, ours = logging.getLogger(), logging.getLogger("referee.platform")
    ours.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(logging.Formatter(_FORM))
        root.addHandler(handler)
    try:
        yield ours
    finally:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


def _is_screen(log: Path) -> bool:
    """Whether what is written to the screen lands in the log, as it does in the background."""
    try:
        return os.path.samestat(os.fstat(sys.stderr.fileno()), log.stat())
    except (OSError, ValueError):
        return False
