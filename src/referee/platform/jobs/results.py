"""A job's results, read from the files that its shards write, also while they grow.

Lines of a shard's `rows.jsonl` become what clients read one at a time; nothing is held but a page.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from referee.platform.jobs.board import Counts
from referee.platform.store.tables import Shard

AGGREGATE = "aggregate-scores.json"
SHARD_ROWS = "rows.jsonl"
"""The results file in an output folder of the evaluation room, which is not imported until there is a job."""
_BUFFER = 1 << 20
_NOTHING_MISSING = b'"unscored":null'
_ENDS_LINES = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))
"""Characters at which Python's `splitlines`, and so the clients, would cut a line in two."""


@dataclass(frozen=True)
class RowFilter:
    """Which rows are wanted.

    Args:
        status: `failed`, `unclear` or `scored`; None for all.
        first: the position of the first row.
        last: the position after the last.
    """

    status: str | None = None
    first: int = 0
    last: int | None = None

    def wants(self, row: dict[str, Any]) -> bool:
        """Whether a row, as its line has it, has the status."""
        if self.status is None:
            return True
        found = _statuses(row)
        return not found if self.status == "scored" else self.status in found


def shard_folder(folder: Path, number: int) -> Path:
    """Where a shard's journal and rows are."""
    return folder / "shards" / f"{number:06d}"


def read_rows(folder: Path, shards: Sequence[Shard], wanted: RowFilter) -> Iterator[dict[str, Any]]:
    """The rows of a job that are there, in row order.

    Args:
        folder: of the job.
        shards: in order.
        wanted: which of them.
    """
    for shard in shards:
        past = wanted.last is not None and shard.first_row >= wanted.last
        if past or shard.first_row + shard.rows <= wanted.first or _has_none(shard, wanted.status):
            continue
        for line in whole_lines(folder, shard.number):
            # A cheap look spares parsing most lines where few are wanted.
            if wanted.status in ("failed", "unclear") and _NOTHING_MISSING in line:
                continue
            if wanted.first > shard.first_row and _index(line) < wanted.first:
                continue
            row = orjson.loads(line)
            if wanted.last is not None and row["row_index"] >= wanted.last:
                break
            if row["row_index"] >= wanted.first and wanted.wants(row):
                yield row


def furthest(
    rows: Iterator[dict[str, Any]], score: str | None, field: str, most: int
) -> list[tuple[float, dict[str, Any]]]:
    """The rows whose score is furthest from a number in the item, the furthest first, each with the difference.

    Args:
        rows: as `read_rows` gives them.
        score: its name; None for the first one.
        field: of the item.
        most: how many.
    """
    found: list[tuple[float, int, dict[str, Any]]] = []
    for row in rows:
        value, reference = _value(row, score), _number((row["item"] or {}).get(field))
        if value is None or reference is None:
            continue
        entry = (abs(value - reference), -row["row_index"], row)
        if len(found) < most:
            heapq.heappush(found, entry)
        elif entry[:2] > found[0][:2]:
            heapq.heapreplace(found, entry)
    return [(difference, row) for difference, _, row in sorted(found, key=lambda one: one[:2], reverse=True)]


def shape(row: dict[str, Any]) -> dict[str, Any]:
    """A row as clients read it."""
    return {
        "row_index": row["row_index"],
        "item": row["item"] or {},
        "sample": row["sample"],
        "metrics": row["metrics"],
        "requests": row.get("requests", []),
        "metric_errors": row["metric_errors"],
        "metric_diagnostics": None,
    }


def to_lines(rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """Rows as JSON lines, whatever characters are in them."""
    for row in rows:
        line = orjson.dumps(shape(row))
        if b"\xc2\x85" in line or b"\xe2\x80" in line:
            for plain, escaped in _ENDS_LINES:
                line = line.replace(plain, escaped)
        yield line + b"\n"


def tally(folder: Path, number: int) -> Counts:
    """How many rows of a shard have their outcome, and how many of these are unclear or failed."""
    done = unclear = failed = 0
    for line in whole_lines(folder, number):
        done += 1
        if _NOTHING_MISSING not in line:
            missing = _statuses(orjson.loads(line))
            unclear += "unclear" in missing
            failed += "failed" in missing
    return Counts(done, unclear, failed)


def whole_lines(folder: Path, number: int) -> Iterator[bytes]:
    """The whole lines of a shard's results."""
    try:
        with open(shard_folder(folder, number) / SHARD_ROWS, "rb", buffering=_BUFFER) as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line
    except FileNotFoundError:
        return


def _has_none(shard: Shard, status: str | None) -> bool:
    """Whether a shard that is done is known to have no such row."""
    found = {"failed": shard.failed, "unclear": shard.unclear}.get(status or "")
    return shard.status == "done" and found == 0


def _statuses(row: dict[str, Any]) -> set[str]:
    return {why["status"] for scores in (row["unscored"] or {}).values() for why in scores.values()}


def _index(line: bytes) -> int:
    return int(line[len(b'{"row_index":') : line.index(b",")])


def _value(row: dict[str, Any], score: str | None) -> float | None:
    for entries in row["metrics"].values():
        for entry in entries:
            if score in (None, entry["name"]):
                return _number(entry["value"])
    return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
