"""From a place to a stream of plain bytes: opened locally or through fsspec, decompressed, checked for what it is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from io import BufferedReader, FileIO
from typing import Any, cast

from referee.errors import DataError, MissingExtraError

_BUFFER = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NOT_TEXT = {
    b"\x1f\x8b": "is gzip: let its name end in .gz",
    b"\x28\xb5\x2f\xfd": "is Zstandard: let its name end in .zst",
    b"\xfd7zXZ": "is xz: let its name end in .xz",
    b"BZh": "is bzip2: let its name end in .bz2",
    b"PAR1": "is Parquet: let its name end in .parquet",
    b"ARROW1": "is Arrow: let its name end in .arrow",
    b"PK\x03\x04": "is a ZIP archive: unpack it",
    b"\xff\xfe": "is UTF-16: convert it to UTF-8",
    b"\xfe\xff": "is UTF-16: convert it to UTF-8",
}


@contextmanager
def open_stream(
    place: str, name: str, compression: str | None, *, text: bool, options: Mapping[str, Any] | None = None
) -> Generator[BufferedReader]:
    """The bytes at `place` (a local path or a URL), unpacked. Text is past its byte order mark; all else can be sought.

    `options` are for the driver of a URL's file system.

    Raises:
        DataError: text is asked for and the bytes are plainly something else.
        MissingExtraError: the compression needs an extra.
    """
    with ExitStack() as stack:
        stream = stack.enter_context(_remote(place, options or {}) if "://" in place else _local(place))
        if compression is not None:
            stream = stack.enter_context(BufferedReader(_decompress(compression, stream, name), _BUFFER))
        if text:
            _begin_text(stream, name)
        elif compression is not None or not _can_seek(stream):
            copy = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(stream, copy, _BUFFER)
            copy.seek(0)
            stream = cast("BufferedReader", copy)
        yield stream


def _local(path: str) -> BufferedReader:
    return BufferedReader(FileIO(path), _BUFFER)


def _remote(url: str, options: Mapping[str, Any]) -> BufferedReader:
    from fsspec.core import url_to_fs

    system, path = url_to_fs(url, **options)
    return BufferedReader(system.open(path, "rb"), _BUFFER)


def _decompress(compression: str, stream: BufferedReader, name: str) -> Any:
    # Imported where needed: Python may be built without some, and start-up should not pay for any.
    if compression == "gzip":
        import gzip

        return gzip.GzipFile(fileobj=stream)
    if compression == "bz2":
        import bz2

        return bz2.BZ2File(stream)
    if compression == "xz":
        import lzma

        return lzma.LZMAFile(stream)
    try:
        from backports import zstd
    except ImportError as error:
        raise MissingExtraError(f"unpacking {name}", "zstd") from error
    return zstd.ZstdFile(stream)


def _begin_text(stream: BufferedReader, name: str) -> None:
    head = stream.peek(8)[:8]
    for magic, what in _NOT_TEXT.items():
        if head.startswith(magic):
            raise DataError(f"{name} {what}")
    if head.startswith(_BYTE_ORDER_MARK):
        stream.read(len(_BYTE_ORDER_MARK))


def _can_seek(stream: BufferedReader) -> bool:
    try:
        stream.seek(0, 2)
        stream.seek(0)
    except (OSError, ValueError):  # a web server without ranges answers so
        return False
    return True
