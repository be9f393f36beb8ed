"""`Row`: one item of a source, its JSON bytes, and why it could not be read where it could not.

A row is made a million times and is often only compared (on resume), so it parses its line when it is first asked for
the item, and not before. All sources meet here: what comes from CSV, Parquet or Python is turned into a line of JSON
first, so that the same item gives the same request wherever it came from.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import orjson

_UNREAD: Final[Any] = object()
_NOT_A_NUMBER = re.compile(r"[-: ,\[]*(NaN|Infinity|nan|inf)\b")


class Row:
    """One row of a source. Read-only.

    `index` is its position in the source, from 0 (blank lines do not count). `line` holds its bytes unparsed: for JSON
    Lines the stripped line as it stands, be it valid or not; for all other sources the item as compact JSON, or
    nothing where the row could not be read. Comparing `line` costs no parse.
    """

    __slots__ = ("_error", "_item", "_number", "_where", "index", "line")

    def __init__(self, index: int, line: bytes, where: str = "", number: int = 0, error: str | None = None) -> None:
        """`where` and `number` place the row in messages ("rows.jsonl, line", 12); `error` says it is unreadable."""
        self.index = index
        self.line = line
        self._where = where
        self._number = number
        self._error = error
        self._item: dict[str, Any] | None = _UNREAD if error is None else None

    @property
    def item(self) -> dict[str, Any] | None:
        """The item, a JSON object; None when the row could not be read."""
        if self._item is _UNREAD:
            try:
                value = orjson.loads(self.line)
            except orjson.JSONDecodeError as error:
                self._item, self._error = None, _why_not_json(self.line, error)
            else:
                if type(value) is dict:
                    self._item = value
                else:
                    self._item, self._error = None, not_an_object(value)
        return self._item

    @property
    def error(self) -> str | None:
        """Why the row could not be read, naming source and line; None when it could."""
        if self.item is not None:
            return None
        return f"{self._where} {self._number}: {self._error}"

    @property
    def raw(self) -> bytes:
        """The item as one line of JSON; b"" when the row could not be read."""
        item = self.item
        if item is None:
            return b""
        # A lone carriage return is white space to JSON and an end of line to many readers of lines.
        return orjson.dumps(item) if b"\r" in self.line else self.line

    def __repr__(self) -> str:
        return f"Row(index={self.index}, {f'error={self.error!r}' if self.item is None else f'item={self.item!r}'})"


def row_of(index: int, record: Mapping[str, Any], where: str, number: int) -> Row:
    """The row of a record from Python, CSV or Parquet, by way of its JSON.

    JSON has no NaN, dates or bytes. NaN and the infinities become null (tables mark a missing number so), dates and
    times ISO 8601 text, `timedelta` seconds, `Decimal` a number, bytes base64 text; NumPy arrays become lists.
    """
    try:
        line = orjson.dumps(record, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError as error:
        return Row(index, b"", where, number, f"cannot be written as JSON: {error.__cause__ or error}")
    return Row(index, line, where, number)


def not_an_object(value: object) -> str:
    """Why `value`, read or given where a row was expected, is not one."""
    hint = ""
    if isinstance(value, list):
        hint = "; a file that holds one list of rows is named .json, or read with format='json'"
    return f"a row is an object of fields, and this is {_kind(value)}: {_excerpt(str(value))}{hint}"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):  # orjson leaves subclasses, as pandas makes them, to us
        return value.isoformat()
    raise TypeError(f"a value of type {type(value).__name__} is not JSON; make it text or a number")


def _kind(value: object) -> str:
    kinds: dict[type, str] = {
        list: "a list",
        str: "text",
        bool: "true or false",
        type(None): "null",
        int: "a number",
        float: "a number",
    }
    return kinds.get(type(value), type(value).__name__)


def _why_not_json(line: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        text = line.decode()
    except UnicodeDecodeError as broken:
        return f"not UTF-8: byte 0x{line[broken.start]:02x} at byte {broken.start + 1}; convert the file to UTF-8"
    if told := _NOT_A_NUMBER.match(text, max(0, error.pos - 1)):
        word = told.group(1)
        return f'not JSON: {word} at column {error.colno} is no JSON number; write null, or quote it: "{word}"'
    if text[0] in "{[" and len(text) == 1:
        return "not JSON: a value over several lines; give each row one line, or name the file .json"
    return f"not JSON: {error.msg} at column {error.colno}: {_excerpt(text[max(0, error.pos - 20) :])}"


def _excerpt(text: str, limit: int = 60) -> str:
    short = " ".join(text[: limit * 2].split())
    return short if len(short) <= limit else short[: limit - 1] + "…"
