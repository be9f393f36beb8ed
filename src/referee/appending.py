"""Files of lines that only grow: journals, results, rollouts. A line is there whole or not at all."""

from __future__ import annotations

import os

_TAIL = 1 << 16


def append_whole(fd: int, data: bytes) -> None:
    """Append `data` to a file opened for appending, unbuffered, so that a process that is killed has written it.

    Raises:
        OSError: the disk is full, or the like. No part of `data` is left in the file.
    """
    written = 0
    try:
        while written < len(data):  # one write, unless the disk is full
            written += os.write(fd, data[written:] if written else data)
    except OSError:
        if written:
            os.ftruncate(fd, os.fstat(fd).st_size - written)
        raise


def cut_torn_line(fd: int) -> None:
    """Cut off what stands after a file's last newline: a line that was being written when its writer was killed."""
    end = size = os.fstat(fd).st_size
    while end:
        begin = max(0, end - _TAIL)
        newline = os.pread(fd, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            end = begin + newline + 1
            break
        end = begin
    if end < size:
        os.ftruncate(fd, end)
