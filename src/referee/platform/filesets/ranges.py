"""Sending a file's bytes, all of them or the range that `Range` asks for."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO

from fastapi import HTTPException
from starlette.responses import StreamingResponse

from referee.platform.filesets.storage import FileInfo, Storage

_CHUNK = 1 << 18
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True)
class ByteRange:
    """Bytes `start` to `stop` (not itself) of a file."""

    start: int
    stop: int


def wanted_range(header: str | None, size: int) -> ByteRange | None:
    """The range that a header asks for; None for the whole file, as for what is no single range of bytes.

    Raises:
        HTTPException: 416, the file has no such bytes.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match[1] == match[2] == "":
        return None
    first, last = match[1], match[2]
    if first == "":
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= size or start == stop:
        raise HTTPException(416, f"the file has {size} bytes", {"Content-Range": f"bytes */{size}"})
    return ByteRange(start, stop)


def send(storage: Storage, info: FileInfo, header: str | None, if_range: str | None = None) -> StreamingResponse:
    """The answer with a file's bytes.

    Args:
        storage: where the file is.
        info: the file.
        header: the request's `Range`.
        if_range: the request's `If-Range`: another version of the file is sent whole.
    """
    etag = f'"{info.sha256}"' if info.sha256 else None
    bytes_wanted = None if if_range not in (None, etag) else wanted_range(header, info.size)
    headers = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    if etag is not None:
        headers["ETag"] = etag
    stack = ExitStack()
    file = stack.enter_context(storage.open(info.path))
    span = bytes_wanted or ByteRange(0, info.size)
    headers["Content-Length"] = str(span.stop - span.start)
    if bytes_wanted is not None:
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{info.size}"
    return StreamingResponse(_chunks(stack, file, span), 206 if bytes_wanted else 200, headers)


def _chunks(stack: ExitStack, file: IO[bytes], span: ByteRange) -> Generator[bytes]:
    with stack:
        file.seek(span.start)
        left = span.stop - span.start
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk
