"""The one pass over a dataset: its rows are written to the job's folder, and cut into shards on the way.

From then on the job needs its dataset no more: compressed files, which cannot be sought, are read once, and what
happens to a fileset later does not change a job.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from referee.data import Row, RowSource, open_rows
from referee.data.formats import format_of
from referee.data.row import row_of
from referee.errors import DataError, PlatformError
from referee.platform.filesets.lookup import read_fileset
from referee.platform.filesets.paths import matching
from referee.platform.filesets.storage import storage_of
from referee.platform.jobs.shard_rows import Cut, line_of
from referee.platform.names import split_reference
from referee.platform.services import Services

if TYPE_CHECKING:  # the evaluation room is not imported until there is a job
    from referee.evaluation.run_config import FieldMapping
    from referee.platform.jobs.spec import JobSpec

ROWS = "rows.jsonl"
_LOOK_EVERY, _LOOK_SECONDS = 100, 0.25
_BUFFER = 1 << 20


class Interrupted(Exception):
    """The job is not to be gone on with."""


def materialise(
    services: Services, spec: JobSpec, workspace: str, folder: Path, shard_rows: int, wanted: Callable[[], bool]
) -> list[Cut]:
    """Write a job's rows to its folder, whole or not at all.

    Args:
        services: to find filesets with.
        spec: whose dataset it is.
        workspace: of the job.
        folder: of the job.
        shard_rows: rows in a shard.
        wanted: is asked now and then whether to go on.

    Raises:
        RefereeError, HTTPException: the dataset cannot be read, or holds no rows.
        Interrupted: `wanted` said no.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{ROWS}.part"
    cuts: list[Cut] = []
    first = start = offset = count = 0
    looked = time.monotonic()
    with open(part, "wb", buffering=_BUFFER) as file:
        for line in _lines(services, spec, workspace):
            if count - first == shard_rows:
                cuts.append(Cut(len(cuts), first, count - first, start, offset - start))
                first, start = count, offset
            file.write(line)
            file.write(b"\n")
            offset += len(line) + 1
            count += 1
            if count % _LOOK_EVERY == 0 and time.monotonic() - looked > _LOOK_SECONDS:
                looked = time.monotonic()
                if not wanted():
                    raise Interrupted
        if count > first:
            cuts.append(Cut(len(cuts), first, count - first, start, offset - start))
        file.flush()
        os.fsync(file.fileno())
    if not cuts:
        raise DataError("the dataset holds no rows")
    os.replace(part, folder / ROWS)
    return cuts


def check_dataset(services: Services, spec: JobSpec, workspace: str) -> None:
    """Look whether the fileset that a spec names is there.

    Raises:
        HTTPException: 404.
    """
    if isinstance(spec.dataset, str):
        place, name, _ = _parts(spec.dataset, workspace)
        read_fileset(services, place, name)


def _lines(services: Services, spec: JobSpec, workspace: str) -> Iterator[bytes]:
    left = spec.config.limit_samples
    if isinstance(spec.dataset, str):
        sources = _files(services, spec.dataset, workspace)
    else:
        sources = iter([_Opened(open_rows(spec.dataset))])
    for opened in sources:
        with opened.source as rows:
            for row in rows:
                if left == 0:
                    return
                if row.error is not None and opened.at is not None:
                    # where an upload lies is nobody's business, and says nothing to who reads the message
                    yield orjson.dumps(row.error.replace(opened.at, opened.shown))
                else:
                    yield line_of(_mapped(row, spec.field_mapping))
                if left is not None:
                    left -= 1


@dataclass(frozen=True)
class _Opened:
    """A source of rows; messages say `shown` in place of where it is."""

    source: RowSource
    at: str | None = None
    shown: str = ""


def _files(services: Services, reference: str, workspace: str) -> Iterator[_Opened]:
    place, name, fragment = _parts(reference, workspace)
    fileset = read_fileset(services, place, name)
    storage = storage_of(services, fileset, place)
    paths = matching(fragment, [file.path for file in storage.files()])
    if fragment is None:
        paths = [path for path in paths if _holds_rows(path)]
    if not paths:
        what = f"has no file {fragment!r}" if fragment else "has no file of rows"
        raise PlatformError(f"the fileset {place}/{name} {what}")
    for path in paths:
        where = storage.place(path)
        yield _Opened(open_rows(where.at, options=where.options), where.at, path)


def _holds_rows(path: str) -> bool:
    try:
        format_of(path)
    except DataError:
        return False
    return True


def _parts(reference: str, workspace: str) -> tuple[str, str, str | None]:
    root, _, fragment = reference.partition("#")
    place, name = split_reference(root.strip(), workspace)
    return place, name, fragment or None


def _mapped(row: Row, mapping: FieldMapping | None) -> Row:
    if mapping is None or row.item is None:
        return row
    return row_of(row.index, mapping.apply(row.item), "row", row.index)
