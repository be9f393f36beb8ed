"""Files of rollouts on a disk that takes no more."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from referee.errors import OutputError
from referee.gym.rollouts.files import Appending


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Files may not grow over `size` bytes; what goes beyond is written in part and then refused, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_said_and_leaves_no_part_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Appending(path) as file:
        file.write(b'{"reward": 1.0}\n')
        with at_most(20), pytest.raises(OutputError, match=r"out\.jsonl cannot be written: File too large"):
            file.write(b'{"reward": 0.0}\n')
    assert path.read_bytes() == b'{"reward": 1.0}\n'
