"""`open_rows`: one way to rows, whatever they come from, streamed in order and numbered from 0.

A source is read lazily: memory does not grow with the number of rows, except for a .json file, which is one value and
is loaded whole.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence, Sized
from itertools import islice
from types import TracebackType
from typing import Any, Protocol, Self, cast
from weakref import WeakSet

from referee.data.files import File, find_files, public_name
from referee.data.row import Row, not_an_object, row_of
from referee.errors import DataError

Source = str | os.PathLike[str] | Iterable[Mapping[str, Any]]
"""A path, a glob pattern, a URL, or the rows themselves."""


def open_rows(
    source: Source,
    *,
    limit: int | None = None,
    start: int = 0,
    format: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> RowSource:
    """Rows from a file, several files, a URL or Python values.

    Files are JSON Lines (.jsonl, .ndjson), JSON (.json: a list of objects, an object whose `data` or only list is
    that), CSV, TSV, Parquet (.parquet) and Arrow (.arrow, .feather, .ipc), the last two with the extra `parquet`; each
    may be compressed (.gz, .bz2, .xz, and .zst with the extra `zstd`). They lie at a local path, a glob pattern
    (`"data/*.jsonl"`: all files, in sorted order) or a URL that fsspec knows: `s3://`, `gs://`, `https://`, and
    `hf://datasets/owner/name/data/train.parquet` for the files of a Hugging Face data set (pip install
    huggingface_hub). Rows in Python are any iterable of mappings, such as a list of dicts or a loaded Hugging Face
    data set. The values of CSV and TSV stay text: nothing is guessed to be a number or a missing value.

    Args:
        source: where the rows are, or the rows.
        limit: at most so many rows.
        start: rows to skip; the first row has the index `start` then.
        format: `jsonl`, `json`, `csv`, `tsv`, `parquet` or `arrow`, where the name does not say it.
        options: for the driver of a URL's file system, such as keys; fsspec's `storage_options`.

    Raises:
        DataError: there is no such file, its format is unknown, or a driver is missing. What can only be seen while
            reading (a damaged archive, say) is raised then; a line that cannot be read is a row with an `error`.
        MissingExtraError: an optional library is needed (while reading).
    """
    for name, value in (("limit", limit), ("start", start)):
        if value is not None and value < 0:
            raise DataError(f"{name} is {value}: give the number of rows, from 0")
    if not isinstance(source, str | os.PathLike):
        return RowSource(_Records(source), limit=limit, start=start)
    files = find_files(source, format, options)
    description = public_name(os.fspath(source)) + (f" ({len(files)} files)" if len(files) > 1 else "")
    return RowSource(_Files(files, description), limit=limit, start=start)


class RowSource:
    """Rows that can be iterated over, more than once unless they came from an iterator. Also a context manager."""

    def __init__(self, rows: _Rows, *, limit: int | None = None, start: int = 0) -> None:
        self._rows = rows
        self._start = start
        self._stop = None if limit is None else start + limit
        self._readers: WeakSet[Generator[Any]] = WeakSet()
        self.description = rows.description
        """What the rows are, for people: the path, the URL without its query, "a list of 40 rows"."""

    def __iter__(self) -> Iterator[Row]:
        reader = self._rows.read()
        self._readers.add(reader)
        return islice(reader, self._start, self._stop)

    def items(self) -> Iterator[dict[str, Any] | None]:
        """The items of the rows, None where one cannot be read.

        For callers that read very many and do not ask where each stood: a `Row` for each takes a third as long as
        parsing its line.
        """
        reader = self._rows.items() if isinstance(self._rows, _Files) else (row.item for row in self._rows.read())
        self._readers.add(reader)
        return islice(reader, self._start, self._stop)

    def count(self) -> int | None:
        """How many rows an iteration gives, where that is known cheaply, else None.

        Known for Python sequences and Parquet and Arrow files; the lines of local, uncompressed JSON are counted
        (about 0.3 s a gigabyte).
        """
        total = self._rows.count()
        if total is None:
            return None
        return max(0, (total if self._stop is None else min(total, self._stop)) - self._start)

    def close(self) -> None:
        """Let go of open files. Iterations under way end."""
        for reader in list(self._readers):
            reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _Rows(Protocol):
    description: str

    def read(self) -> Generator[Row]: ...

    def count(self) -> int | None: ...


class _Files:
    """The rows of one or more files, one after the other."""

    def __init__(self, files: Sequence[File], description: str) -> None:
        self._files = files
        self.description = description

    def read(self) -> Generator[Row]:
        index = 0
        for file in self._files:
            row = None
            with file.open() as stream:
                for row in file.format.read(stream, file.name, index):
                    yield row
            index = index if row is None else row.index + 1

    def items(self) -> Generator[dict[str, Any] | None]:
        for file in self._files:
            with file.open() as stream:
                if file.format.items is not None:
                    yield from file.format.items(stream)
                else:
                    yield from (row.item for row in file.format.read(stream, file.name, 0))

    def count(self) -> int | None:
        total = 0
        for file in self._files:
            count = file.count()
            if count is None:
                return None
            total += count
        return total


class _Records:
    """The rows of an iterable of mappings."""

    def __init__(self, records: object) -> None:
        if isinstance(records, Mapping):
            raise DataError("the rows are one mapping: pass a list of rows, or one split of a data set")
        if hasattr(records, "columns") and hasattr(records, "shape"):
            raise DataError("the rows are a data frame: pass frame.to_dict('records') (pandas) or frame.to_dicts()")
        if not isinstance(records, Iterable) or isinstance(records, bytes | bytearray):
            raise DataError(f"rows cannot be read from a value of type {type(records).__name__}: pass a list of dicts")
        self._records: Iterable[object] = records
        self._once = isinstance(records, Iterator)
        self._begun = False
        self._kind = type(records).__name__
        size = self.count()
        self.description = f"a {self._kind}" if size is None else f"a {self._kind} of {size} rows"

    def read(self) -> Generator[Row]:
        if self._once and self._begun:
            raise DataError(f"the rows came from a {self._kind}, which can be read only once: pass a list")
        self._begun = True
        where = f"{self._kind}, index"
        for index, record in enumerate(self._records):
            if type(record) is dict or isinstance(record, Mapping):
                yield row_of(index, cast("Mapping[str, Any]", record), where, index)
            else:
                yield Row(index, b"", where, index, not_an_object(record))

    def count(self) -> int | None:
        return len(self._records) if isinstance(self._records, Sized) else None
