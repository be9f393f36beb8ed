"""The journal: the only memory of what was paid for. An append-only file of raw responses, one JSON record a line.

A record is written with one unbuffered `write` before anything reads the response, and synced to disk in groups, at
most 50 ms later. So after kill -9 nothing received is lost or bought again; after a power failure at most the last
50 ms are. Calls whose record was not yet written may be repeated, at most as many as the concurrency. Opening cuts off
a torn last line. Looking answers up costs 48 to 96 bytes of memory a record, not an object.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
import time
from array import array
from binascii import unhexlify
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

from referee.appending import append_whole, cut_torn_line
from referee.errors import JournalError
from referee.exchange import Failure, Request, Usage

SYNC_SECONDS = 0.05
_HEAD = b'{"key":"'  # what each line begins with; 32 hexadecimal characters follow
_KEY = slice(8, 40)
_FAILURE = b',"failure"'
_NEWLINE, _RETURN = b"\n\r"  # as numbers: asked for a piece of bytes, `in` first raises and drops a TypeError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands in a run: its row (a position or the row's own key), the repeat, and the step."""

    row: int | str
    repeat: int
    step: int

    def key(self, content: str) -> str:
        """The identity of a sample: 32 hexadecimal characters over the place and a request or prompt hash."""
        return blake2b(f"{self.row!r}/{self.repeat}/{self.step}/{content}".encode(), digest_size=16).hexdigest()


class Journal:
    """An open journal, locked for this process; use it as a context manager.

    Args:
        path: the file; created where it is missing.
        readonly: look up only: no lock is taken and nothing is written.

    Raises:
        JournalError: another process holds it, or it cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], *, readonly: bool = False) -> None:
        self.path = Path(path)
        flags = os.O_RDONLY if readonly else os.O_RDWR | os.O_CREAT | os.O_APPEND
        try:
            self._fd = os.open(self.path, flags | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as error:
            raise JournalError(f"the journal {self.path} cannot be opened: {error.strerror}") from error
        self._index: _Index | None = None
        self._prompts: _Index | None = None
        self._readonly = readonly
        self._dirty = threading.Event()
        self._closed = False
        self._syncer: threading.Thread | None = None
        self._unsynced: OSError | None = None
        if not readonly:
            self._lock()
            self._cut_torn_line()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(
        self,
        place: Place,
        request: Request,
        key: str,
        *,
        response: bytes | None = None,
        failure: Failure | None = None,
        usage: Usage = Usage(),
        latency: float = 0.0,
        imported: bool = False,
    ) -> None:
        """Write one record under `place.key(request.hash)`; `response` is the raw body as `as_json_line` gives it.

        Raises:
            JournalError: the disk is full, or the like. No part of the record is left in the file.
        """
        content, prompt = request.hashes
        outcome = (
            b',"failure":%b'
            % orjson.dumps({"kind": failure.kind, "message": failure.message, "attempts": failure.attempts})
            if failure is not None
            else b""
        )
        record = (
            b'{"key":"%b"%b,"at":%.3f,"request":"%b","prompt":"%b","row":%b,"repeat":%d,"step":%d%b%b,"usage":[%d,%d],"latency":%.4f}\n'
            % (
                key.encode(),
                outcome,
                time.time(),
                content.encode(),
                prompt.encode(),
                b"%d" % place.row if isinstance(place.row, int) else orjson.dumps(place.row),
                place.repeat,
                place.step,
                b',"imported":true' if imported else b"",
                b',"response":%b' % response if response is not None else b"",
                usage.input_tokens,
                usage.output_tokens,
                latency,
            )
        )
        self._write(record)

    def lookup(self, key: str) -> Mapping[str, Any] | None:
        """The last record with a response under this key, of those written before the first look-up; None if none."""
        if self._index is None:
            self._index = _build_index(self._fd, by_prompt=False)
        return self._record(self._index, key) if self._index.used else None

    def lookup_prompt(self, key: str) -> Mapping[str, Any] | None:
        """The same by a key over the prompt hash, whatever the parameters were."""
        if self._prompts is None:
            self._prompts = _build_index(self._fd, by_prompt=True)
        return self._record(self._prompts, key)

    def records(self) -> Iterator[dict[str, Any]]:
        """All records in the order they were written; a last line that is still being written is left out.

        Raises:
            JournalError: a line is no record.
        """
        with open(self.path, "rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return
                record = _decode(line)
                if record is None:
                    raise JournalError(f"{self.path} is not a journal: its line {number} is no record")
                yield record

    def close(self) -> None:
        """Sync what is written, and let the file go."""
        if self._closed:
            return
        self._closed = True
        if self._syncer is not None:
            self._dirty.set()
            self._syncer.join()
        try:
            if not self._readonly:
                os.fsync(self._fd)
        except OSError as error:
            raise self._unwritten(error) from error
        finally:
            os.close(self._fd)
            self._fd = -1  # the number may soon be another file's

    def _write(self, record: bytes) -> None:
        try:
            if self._unsynced is not None:
                raise self._unsynced
            append_whole(self._fd, record)
        except OSError as error:
            raise self._unwritten(error) from error
        if self._syncer is None:
            self._syncer = threading.Thread(target=self._sync, name="referee-journal-sync", daemon=True)
            self._syncer.start()
        if not self._dirty.is_set():
            self._dirty.set()

    def _sync(self) -> None:
        while not self._closed:
            self._dirty.wait()
            if self._closed:
                return
            time.sleep(SYNC_SECONDS / 2)
            self._dirty.clear()
            try:
                os.fsync(self._fd)
            except OSError as error:
                self._unsynced = error  # this is no place to raise: the next record is
                return

    def _unwritten(self, error: OSError) -> JournalError:
        return JournalError(f"the journal {self.path} cannot be written: {error.strerror}")

    def _record(self, index: _Index, key: str) -> Mapping[str, Any] | None:
        offset = index.find(bytes.fromhex(key))
        if offset is None:
            return None
        line = bytearray()
        while not line.endswith(b"\n"):
            part = os.pread(self._fd, 1 << 16, offset + len(line))
            if not part:
                return None
            stop = part.find(b"\n")
            line += part if stop < 0 else part[: stop + 1]
        record = _decode(line)
        return record if record is not None and "response" in record else None

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._fd)
            raise JournalError(
                f"another process is writing the journal {self.path}: wait for it, or choose another output folder"
            ) from error
        except OSError as error:
            os.close(self._fd)
            raise JournalError(
                f"the journal {self.path} cannot be locked ({error.strerror}): choose an output folder on another disk"
            ) from error

    def _cut_torn_line(self) -> None:
        if not _HEAD.startswith(os.pread(self._fd, len(_HEAD), 0)):
            os.close(self._fd)
            raise JournalError(f"{self.path} is not a journal, as it does not begin with a record: choose another file")
        cut_torn_line(self._fd)


def as_json_line(body: bytes) -> tuple[bytes, Any]:
    """A reply body as one line of JSON, and its value; a body that is not JSON becomes a JSON string, value None."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return orjson.dumps(body.decode(errors="backslashreplace")), None
    if _NEWLINE in body or _RETURN in body:
        return orjson.dumps(value), value
    return body, value


class _Index:
    """An open-addressing table from 16-byte digests to file offsets: 24 bytes a slot, no objects."""

    def __init__(self, capacity: int) -> None:
        self._size = 1 << max(4, (capacity * 2 - 1).bit_length())
        self._digests = bytearray(16 * self._size)
        self._offsets = array("Q", bytes(8 * self._size))  # offset + 1; 0 is a free slot
        self.used = False

    def put(self, digest: bytes, offset: int) -> None:
        self.used = True
        slot = self._slot(digest)
        self._digests[16 * slot : 16 * slot + 16] = digest
        self._offsets[slot] = offset + 1

    def find(self, digest: bytes) -> int | None:
        offset = self._offsets[self._slot(digest)]
        return offset - 1 if offset else None

    def _slot(self, digest: bytes) -> int:
        mask = self._size - 1
        slot = int.from_bytes(digest[:8], "little") & mask
        while self._offsets[slot] and not self._digests.startswith(digest, 16 * slot):
            slot = (slot + 1) & mask
        return slot


def _build_index(fd: int, *, by_prompt: bool) -> _Index:
    size = os.fstat(fd).st_size
    if size == 0:
        return _Index(0)
    with mmap.mmap(fd, size, access=mmap.ACCESS_READ) as view:
        starts = array("Q")
        begin = 0
        while (end := view.find(b"\n", begin)) >= 0:
            starts.append(begin)
            begin = end + 1
        starts.append(begin)
        index = _Index(len(starts))
        for begin, end in pairwise(starts):
            if view[begin + 41 : begin + 51] == _FAILURE:
                continue
            try:
                if by_prompt:
                    record = orjson.loads(view[begin:end])
                    key = Place(record["row"], record["repeat"], record["step"]).key(record["prompt"])
                else:
                    key = view[begin + _KEY.start : begin + _KEY.stop].decode()
                digest = unhexlify(key)
            except (ValueError, KeyError, TypeError):
                continue  # not a record of ours: an edited line is not looked up
            if len(digest) == 16:
                index.put(digest, begin)
        return index


def _decode(line: bytes | bytearray) -> dict[str, Any] | None:
    """The record in a line; None where it is none."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) and len(str(record.get("key"))) == 32 else None
