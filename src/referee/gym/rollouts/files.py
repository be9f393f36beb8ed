"""Files of the gym: lines that grow while a collection runs, each whole once it is there and one writer at a time; and
files that take another's place once they are whole."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

from referee.appending import append_whole, cut_torn_line
from referee.data.files import find_files
from referee.data.row import Row
from referee.errors import OutputError
from referee.gym.rollouts.keys import AGENT_REF, ROLLOUT, TASK, Json

_FILED_FROM = f',"{AGENT_REF}":{{'.encode()


class Appending:
    """A file of JSON Lines that only grows. A last line that was torn is cut off.

    Raises:
        OutputError: another process writes to it, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror or error}; choose another file") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._fd)
            raise OutputError(
                f"{path} is being written by another collection: wait for it, or choose another output_jsonl_fpath"
            ) from error
        cut_torn_line(self._fd)

    def write(self, line: bytes) -> None:
        """Append a line, which ends in a newline.

        Raises:
            OutputError: the disk is full, or the like. No part of the line is left in the file.
        """
        try:
            append_whole(self._fd, line)
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Close the file, and let others write to it."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def read_objects(path: Path) -> Iterator[tuple[bytes, Json]]:
    """The lines of a file of ours with their objects; none where there is no file. A torn last line is passed over.

    Raises:
        OutputError: a line is something else.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            yield line, _object(path, number, line)


def filed_lines(path: Path) -> Iterator[tuple[bytes, Json]]:
    """The lines of a file of rollouts to ask for, each with what it is filed under: task, rollout and agent.

    These are mostly the last in a line; the rest of it, which may be long, is not read then.

    Raises:
        OutputError: a line is something else.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            # An end of a line that is an object by itself is the end of the line's own object: one further down would
            # close more than it opens, and within a string the quote would be escaped.
            try:
                found: Any = orjson.loads(b"{" + line[line.rfind(_FILED_FROM) + 1 :])
            except orjson.JSONDecodeError:
                found = {}
            if TASK not in found or ROLLOUT not in found:
                found = _object(path, number, line)
            yield line, {TASK: found[TASK], ROLLOUT: found[ROLLOUT], AGENT_REF: found[AGENT_REF]}


def placed_objects(path: Path) -> Iterator[tuple[int, Json]]:
    """The same with where each line begins, for `objects_at`."""
    place = 0
    for line, value in read_objects(path):
        yield place, value
        place += len(line)


def objects_at(path: Path, places: Iterable[int]) -> Iterator[Json]:
    """The objects of the lines that begin there."""
    with path.open("rb") as file:
        for place in places:
            file.seek(place)
            yield orjson.loads(file.readline())


def _object(path: Path, number: int, line: bytes) -> Json:
    try:
        value: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise OutputError(
            f"{path}, line {number} is no JSON object, so this is not a file of rollouts, or it is damaged: "
            f"take the line out, or choose another file"
        )
    return value


def numbered_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """The rows of a file of people's, which may be compressed, with the numbers of their lines; blank ones are no rows.

    Raises:
        DataError: it cannot be read.
    """
    for source in find_files(path, "jsonl"):
        with source.open() as stream:
            where = f"{path.name}, line"
            for number, line in enumerate(stream, 1):
                if stripped := line.strip():
                    yield number, Row(number - 1, stripped, where, number)


def set_aside(path: Path) -> Path | None:
    """Rename a file so that another can take its place; the name it has now. One that was set aside before is lost."""
    if not path.exists():
        return None
    aside = path.with_name(f"{path.stem}.previous{path.suffix}")
    path.replace(aside)
    return aside


@contextmanager
def replacing(path: Path) -> Generator[BinaryIO]:
    """A file that takes the place of `path` once it is whole.

    Raises:
        OutputError: it cannot be written.
    """
    unfinished = path.with_name(f"{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}; choose another folder") from error
    finally:
        unfinished.unlink(missing_ok=True)
