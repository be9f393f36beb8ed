"""All results of a job in one archive, as clients download it."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from referee.platform.jobs.log import LOG
from referee.platform.jobs.results import AGGREGATE

_CHUNK = 1 << 18


def archive(folder: Path, rows: Iterable[bytes]) -> Iterator[bytes]:
    """A tar.gz with `aggregate-scores.json`, `row-scores.jsonl` and `log.jsonl`; written to disk before it is sent.

    Args:
        folder: of the job.
        rows: the lines of `row-scores.jsonl`.
    """
    with tempfile.TemporaryFile() as packed:
        with tarfile.open(fileobj=packed, mode="w:gz") as tar, tempfile.TemporaryFile() as lines:
            lines.writelines(rows)
            _add(tar, lines, "row-scores.jsonl")
            for name in (AGGREGATE, LOG):
                if (folder / name).exists():
                    with open(folder / name, "rb") as file:
                        _add(tar, file, name)
        packed.seek(0)
        while chunk := packed.read(_CHUNK):
            yield chunk


def _add(tar: tarfile.TarFile, file: IO[bytes], name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = file.seek(0, 2)
    entry.mode = 0o644
    file.seek(0)
    tar.addfile(entry, file)
