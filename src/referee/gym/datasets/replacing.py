"""Files that take another's place once they are whole."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from referee.errors import OutputError


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
