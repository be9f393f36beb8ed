"""Whatever JSON object is written, the same is read, packed or not."""

from __future__ import annotations

import gzip
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from referee.data import open_rows

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=6,
)
ITEMS = st.lists(st.dictionaries(TEXT, VALUES, max_size=3), max_size=6)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\n\n", b" \n"])


@given(items=ITEMS, end=ENDS, start=st.integers(0, 3), limit=st.none() | st.integers(0, 8))
def test_json_lines_round_trip(items: list[dict[str, Any]], end: bytes, start: int, limit: int | None) -> None:
    content = b"".join(orjson.dumps(item) + end for item in items)
    with TemporaryDirectory() as folder:
        plain, packed = Path(folder, "rows.jsonl"), Path(folder, "rows.jsonl.gz")
        plain.write_bytes(content)
        packed.write_bytes(gzip.compress(content, 1))
        rows = list(open_rows(plain, start=start, limit=limit))
        unpacked = list(open_rows(packed, start=start, limit=limit))
        assert open_rows(plain, start=start, limit=limit).count() == len(rows)
        assert list(open_rows(plain, start=start, limit=limit).items()) == [row.item for row in rows]
    wanted = list(enumerate(items))[start : None if limit is None else start + limit]
    assert [(row.index, row.item) for row in rows] == wanted
    assert [(row.index, row.line, row.raw) for row in unpacked] == [(row.index, row.line, row.raw) for row in rows]
    assert [(row.index, row.raw) for row in rows] == [(index, orjson.dumps(item)) for index, item in wanted]


@given(items=ITEMS)
def test_rows_in_python_equal_rows_in_files(items: list[dict[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        whole = Path(folder, "rows.json")
        whole.write_bytes(orjson.dumps({"data": items}))
        assert [row.raw for row in open_rows(items)] == [row.raw for row in open_rows(whole)]
        assert list(open_rows(items).items()) == items == list(open_rows(whole).items())


@given(content=st.binary(max_size=200))
def test_any_bytes_are_rows_or_errors(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "rows.jsonl")
        path.write_bytes(b"{}\n" + content)
        rows = list(open_rows(path))
        assert list(open_rows(path).items()) == [row.item for row in rows]
    assert [row.index for row in rows] == list(range(len(rows)))
    assert all((row.item is None) == (row.error is not None) == (row.raw == b"") for row in rows)
