"""`rows.jsonl`: results as they get ready, each line whole when it appears; and what an earlier run left in it.

A run that goes on reads the old lines beside its rows. A line that begins with the row's own bytes and has no failed
score is taken over as it stands; the others are judged again (the journal knows what was already answered). The new
file takes the old one's place when it has caught up with it, so that a crash on the way loses neither.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from referee.appending import append_whole
from referee.data import Row
from referee.errors import OutputError
from referee.evaluation.record import Entry, Unscored, line_head, read_tail

_PLACE = re.compile(rb'\{"row_index":(\d+),(?:"repeat":(\d+),)?"item":')
_READ_BYTES = 1 << 18
_FLUSH_BYTES = 1 << 17
_FLUSH_SECONDS = 0.25


class KnownLine(NamedTuple):
    """A line that an earlier run finished, and what aggregates need of it."""

    line: bytes
    metrics: dict[str, list[Entry]]
    unscored: Unscored | None


class RowsFile:
    """The results file of one run.

    Args:
        path: where it is.
        metrics: the names of the run's metrics; a line that has others is not taken over.
        keep: whether lines of an earlier run are taken over.
        repeats: whether lines say which repeat they are.
    """

    def __init__(self, path: Path, metrics: list[str], *, keep: bool, repeats: bool) -> None:
        self.path = path
        self._metrics = set(metrics)
        self._repeats = repeats
        self._part = path.with_name(path.name + ".part")
        exists = path.exists()
        self._old: IO[bytes] | None = open(path, "rb", _READ_BYTES) if exists and keep else None  # noqa: SIM115 - closed by close
        self._lines: Iterator[bytes] = iter(self._old or ())
        self._next: bytes | None = None
        self._asked = (-1, 0)
        self._written = self._part if exists or not keep else path
        self._fd = os.open(self._written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        self._buffer: list[bytes] = []
        self._size = 0
        self._flushed = time.monotonic()
        self._advance()

    def known(self, row: Row, repeat: int) -> KnownLine | None:
        """What an earlier run made of a row and repeat, if it is finished; asked in row order."""
        self._asked = place = (row.index, repeat)
        head = line_head(row, repeat if self._repeats else None, unparsed=True)
        while (line := self._next) is not None:
            if line.startswith(head):  # most often, and it says the place too
                self._advance()
                known = self._read(line, len(head))
                return None if known is None or (known.unscored and _has_failed(known.unscored)) else known
            at = self._place(line)
            if at > place:
                return None
            self._advance()
            if at == place:  # about another item
                return None
        return None

    def write(self, line: bytes) -> None:
        """Add a line."""
        self._buffer.append(line)
        self._size += len(line) + 1
        if self._size > _FLUSH_BYTES or time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Bring what was added into the file, and the file into its place once it has caught up with the old one."""
        if self._buffer:
            self._append(b"\n".join([*self._buffer, b""]))
            self._buffer.clear()
            self._size = 0
        self._flushed = time.monotonic()
        if self._written != self.path and self._old is not None and self._next is None:
            self._take_place()

    def keep_rest(self) -> Iterator[KnownLine]:
        """Take over the lines of rows that this run did not come to; for a run that ends before its rows do."""
        while self._next is not None:
            known = self._read(self._next, 1) if self._place(self._next) > self._asked else None
            if known is not None:
                self.write(known.line)
                yield known
            self._advance()

    def close(self, *, discard: bool = False) -> None:
        """Close the file, which then has its place; or leave the old one there, if there is one, and forget this."""
        self.flush()
        if self._written != self.path:
            if discard:
                os.unlink(self._written)
            else:
                self._take_place()
        os.close(self._fd)
        if self._old is not None:
            self._old.close()

    def _append(self, lines: bytes) -> None:
        try:
            append_whole(self._fd, lines)
        except OSError as error:
            raise OutputError(f"{self._written} cannot be written: {error.strerror}") from error

    def _take_place(self) -> None:
        os.replace(self._written, self.path)
        self._written = self.path

    def _advance(self) -> None:
        line = next(self._lines, b"")
        self._next = line[:-1] if line.endswith(b"\n") else None  # the end, or a last line that was torn

    def _place(self, line: bytes) -> tuple[int, int]:
        """The row and repeat that a line is about; for a line that is none of ours a place before all rows."""
        found = _PLACE.match(line)
        return (int(found[1]), int(found[2] or 0)) if found else (-1, 0)

    def _read(self, line: bytes, head: int) -> KnownLine | None:
        try:
            metrics, unscored = read_tail(line, head)
        except (ValueError, KeyError):
            return None  # an edited line: its row is judged again, from the journal
        return KnownLine(line, metrics, unscored) if metrics.keys() == self._metrics else None


def _has_failed(unscored: Unscored) -> bool:
    return any(why["status"] == "failed" for scores in unscored.values() for why in scores.values())
