"""The rows of a job on disk, and a shard of them as a source of rows.

`rows.jsonl` is written once, from whatever the dataset is: a line of JSON for each row, as the engine will write it
into results. A row that could not be read is a JSON text, which says why. Shards are stretches of that file.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import orjson

from referee.data import Row

_BUFFER = 1 << 20


@dataclass(frozen=True)
class Cut:
    """A shard to be: rows `first_row` to `first_row + rows`, in `length` bytes from `offset`."""

    number: int
    first_row: int
    rows: int
    offset: int
    length: int


class ShardRows:
    """A shard, for `RowSource`; rows keep their position in the job.

    Args:
        path: of the job's rows.
        cut: which of them.
        given_out: is called when the last row was given out, or no more are wanted.
    """

    def __init__(self, path: Path, cut: Cut, given_out: Callable[[], None]) -> None:
        self._path = path
        self._cut = cut
        self._given_out = given_out
        self.description = f"rows {cut.first_row} to {cut.first_row + cut.rows - 1}"

    def read(self) -> Generator[Row]:
        """The rows, in order."""
        index = self._cut.first_row
        try:
            with open(self._path, "rb", buffering=_BUFFER) as file:
                file.seek(self._cut.offset)
                for line in islice(file, self._cut.rows):
                    yield row_of_line(index, line[:-1])
                    index += 1
        finally:
            self._given_out()

    def count(self) -> int:
        """How many there are."""
        return self._cut.rows


def line_of(row: Row) -> bytes:
    """The line that a row is kept as."""
    return row.raw or orjson.dumps(row.error)


def row_of_line(index: int, line: bytes) -> Row:
    """The row of such a line."""
    if line.startswith(b"{"):
        return Row(index, line, "row", index)
    return Row(index, b"", "row", index, orjson.loads(line))
