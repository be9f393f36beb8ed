"""A job's log: what happened to it, a line of JSON each, for people who ask why it stands where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson

from referee.platform.store.tables import now

LOG = "log.jsonl"


def write_log(folder: Path, message: str) -> None:
    """Add a line."""
    folder.mkdir(parents=True, exist_ok=True)
    line = orjson.dumps({"timestamp": now().isoformat(), "message": message})
    with open(folder / LOG, "ab", buffering=0) as file:
        file.write(line + b"\n")


def read_log(folder: Path) -> Iterator[dict[str, str]]:
    """All lines, the oldest first; one that a crash tore is left out."""
    try:
        with open(folder / LOG, "rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield orjson.loads(line)
    except FileNotFoundError:
        return
