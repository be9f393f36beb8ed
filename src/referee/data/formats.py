"""Which reader reads which file: the table of formats, by name and by suffix.

A new format is a module with a `read` (and a `count`, where counting is cheap) and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import PurePosixPath
from typing import Any

from referee.data.arrow import count_arrow, count_parquet, read_arrow, read_parquet
from referee.data.delimited import read_csv, read_tsv
from referee.data.json_list import count_json, read_json
from referee.data.jsonl import count_jsonl, items_of_jsonl, read_jsonl
from referee.data.row import Row
from referee.errors import DataError


@dataclass(frozen=True, slots=True)
class Format:
    """How rows of one kind of file are read. A file that is not text is read by seeking."""

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[BufferedReader, str, int], Iterator[Row]]
    count: Callable[[BufferedReader, str], int | None] | None = None
    text: bool = True
    items: Callable[[BufferedReader], Iterator[dict[str, Any] | None]] | None = None
    """The items of the rows alone, where that is less work; None where a row cannot be read."""


FORMATS = (
    Format("jsonl", (".jsonl", ".ndjson"), read_jsonl, count_jsonl, items=items_of_jsonl),
    Format("json", (".json",), read_json, count_json),
    Format("csv", (".csv",), read_csv),
    Format("tsv", (".tsv",), read_tsv),
    Format("parquet", (".parquet",), read_parquet, count_parquet, text=False),
    Format("arrow", (".arrow", ".feather", ".ipc"), read_arrow, count_arrow, text=False),
)
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd"}

_BY_NAME = {name: known for known in FORMATS for name in (known.name, *(suffix[1:] for suffix in known.suffixes))}


def format_named(name: str) -> Format:
    """The format of this name or suffix (`jsonl`, `ndjson`, `parquet`, …).

    Raises:
        DataError: there is none; the message lists those there are.
    """
    if name not in _BY_NAME:
        raise DataError(f"no format is named {name!r}: use one of {', '.join(_BY_NAME)}")
    return _BY_NAME[name]


def format_of(file_name: str) -> Format:
    """The format that a file's suffix stands for, a suffix of compression put aside.

    Raises:
        DataError: the suffix is unknown; the message lists the known ones.
    """
    suffixes = [suffix.lower() for suffix in PurePosixPath(file_name).suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    suffix = suffixes[-1] if suffixes else ""
    if suffix[1:] not in _BY_NAME:
        known = ", ".join(suffix for kind in FORMATS for suffix in kind.suffixes)
        raise DataError(
            f"{file_name} has {f'the unknown suffix {suffix}' if suffix else 'no suffix'}; known are {known}, "
            f"each also with {', '.join(COMPRESSIONS)}; or say which it is: format='jsonl'"
        )
    return _BY_NAME[suffix[1:]]


def compression_of(file_name: str) -> str | None:
    """`gzip`, `bz2`, `xz` or `zstd` by the file's last suffix, or None."""
    return COMPRESSIONS.get(PurePosixPath(file_name).suffix.lower())
