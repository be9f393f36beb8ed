"""Files, wherever they lie: a path, a glob pattern or any fsspec URL becomes `File`s that open as streams of bytes.

What is wrong with a place is said here, with the mend: the nearest name where a file is missing, the files of a folder,
the driver to install for a URL. URLs in messages lose their query and credentials, which may be secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from glob import glob, has_magic
from io import BufferedReader
from pathlib import Path
from typing import Any

from referee.data.formats import Format, compression_of, format_named, format_of
from referee.data.streams import open_stream
from referee.errors import DataError, RefereeError


@dataclass(frozen=True, slots=True)
class File:
    """A file of rows: where it is, what it is called in messages, and how it is read.

    `options` are for the driver of a URL's file system, and may hold keys.
    """

    place: str
    name: str
    format: Format
    compression: str | None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @contextmanager
    def open(self) -> Generator[BufferedReader]:
        """The file's bytes, unpacked; where they are text, past the byte order mark.

        Raises:
            DataError: it cannot be opened or read to its end, or is plainly something else than its name says.
        """
        try:
            with open_stream(
                self.place, self.name, self.compression, text=self.format.text, options=self.options
            ) as stream:
                yield stream
        except RefereeError:
            raise
        except Exception as error:  # drivers of remote places and decoders of formats raise errors of their own
            raise DataError(_why_unreadable(self.name, error)) from error

    def count(self) -> int | None:
        """The number of rows, where the file says it or is local and plain; None where counting means fetching."""
        if self.format.count is None or self.compression is not None:
            return None
        if self.format.text and not os.path.isfile(self.place):
            return None
        with self.open() as stream:
            return self.format.count(stream, self.name)


def find_files(
    source: str | os.PathLike[str], format: str | None = None, options: Mapping[str, Any] | None = None
) -> list[File]:
    """The files that a path, a glob pattern or a URL stands for, in sorted order.

    Raises:
        DataError: there is none, it is a folder, its format is unknown, or the URL's driver is not installed.
    """
    place = os.fspath(source)
    if "://" in place:
        places = _remote_places(place, options or {})
    else:
        places = _local_places(os.path.expanduser(place), is_pattern=isinstance(source, str) and has_magic(place))
    return [_file(place, format, options or {}) for place in places]


def _file(place: str, format: str | None, options: Mapping[str, Any]) -> File:
    name = public_name(place)
    kind = format_of(name) if format is None else format_named(format)
    return File(place, name, kind, compression_of(name), options)


def public_name(place: str) -> str:
    """A place as messages may show it: a URL without credentials and without its query."""
    bare = re.sub(r"(://)[^/@]*@", r"\1", place)
    return bare.split("?")[0] if re.match(r"https?://", place) else bare


def _remote_places(url: str, options: Mapping[str, Any]) -> list[str]:
    system, path = file_system(url, options)
    if re.match(r"https?://", url) or not has_magic(path):  # a question mark begins the query of a web address
        return [url]
    try:
        found = sorted(system.glob(path))
    except Exception as error:  # each driver has its own errors
        raise DataError(_why_unreadable(public_name(url), error)) from error
    if not found:
        raise DataError(f"no file matches {public_name(url)}")
    return [system.unstrip_protocol(place) for place in found]


def file_system(url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """The file system of a URL, and the URL's path in it.

    Raises:
        DataError: its driver is not installed, or there is none.
    """
    from fsspec.core import url_to_fs
    from fsspec.registry import known_implementations

    protocol = url.split("://")[0].split("::")[0]
    try:
        return url_to_fs(url, **options)
    except ImportError as error:
        known = known_implementations.get(protocol, {})
        package = known.get("class", "fsspec").split(".")[0]
        mend = str(error) if package == "fsspec" else f"pip install {package}"
        raise DataError(f"{public_name(url)}: the driver for {protocol}:// is not installed: {mend}") from error
    except ValueError as error:
        raise DataError(f"{public_name(url)}: {error}; known are s3, gs, az, hf, https and fsspec's others") from error


def _local_places(place: str, *, is_pattern: bool) -> list[str]:
    path = Path(place)
    if path.is_dir():
        raise DataError(f"{place} is a folder, not a file of rows{_files_in(path)}")
    if path.exists():
        return [place]
    if is_pattern:
        found = sorted(match for match in glob(place, recursive=True) if not os.path.isdir(match))
        if found:
            return found
        raise DataError(f"no file matches {place}")
    if not path.parent.is_dir():
        raise DataError(f"{place}: there is no folder {path.parent}")
    nearest = get_close_matches(path.name, os.listdir(path.parent), n=1)
    hint = f"; did you mean {path.with_name(nearest[0])}?" if nearest else f" in {path.parent.resolve()}"
    raise DataError(f"{place}: no such file{hint}")


def _files_in(folder: Path) -> str:
    for name in sorted(os.listdir(folder)):
        try:
            format_of(name)
        except DataError:
            continue
        suffix = "".join(Path(name).suffixes[-2:]) if compression_of(name) else Path(name).suffix
        return f": name one, such as {folder / name}, or all of a kind: '{folder / ('*' + suffix)}'"
    return ", and holds none that could be read"


def _why_unreadable(name: str, error: Exception) -> str:
    match error:
        case EOFError():
            return f"{name} ends in the middle of its compressed data: fetch or write it again"
        case FileNotFoundError():
            return f"{name}: no such file"
        case PermissionError():
            return f"{name} may not be read by this user"
        case _:
            told = re.sub(r"\?[^\s'\")]*", "?…", str(error))  # a signed address must not reach a log
            return f"{name} cannot be read: {type(error).__name__}: {told}"
