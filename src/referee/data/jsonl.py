"""JSON Lines: one object a line, read as bytes and parsed by the row itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from io import BufferedReader
from typing import Any

import orjson

from referee.data.row import Row


def read_jsonl(stream: BufferedReader, name: str, first: int) -> Iterator[Row]:
    """The rows of JSON Lines; the first has the index `first`. Blank lines are skipped; LF and CRLF both end a line."""
    where = f"{name}, line"
    index = first
    for number, line in enumerate(stream, 1):
        line = line.strip()
        if line:
            yield Row(index, line, where, number)
            index += 1


def items_of_jsonl(stream: BufferedReader) -> Iterator[dict[str, Any] | None]:
    """The items of the same rows, None where one cannot be read."""
    for line in stream:
        try:
            item = orjson.loads(line)
        except orjson.JSONDecodeError:
            line = line.strip()
            if not line:
                continue
            item = Row(0, line).item  # what is white space to a line is not always white space to JSON
        yield item if type(item) is dict else None


def count_jsonl(stream: BufferedReader, name: str) -> int:
    """The number of lines that are not blank."""
    return Counter(map(bytes.isspace, stream))[False]
