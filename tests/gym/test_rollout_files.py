"""Files of rollouts: what lines are filed under, what is gathered for figures, and a disk that takes no more."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from referee.errors import OutputError
from referee.gym.rollouts.files import Appending, filed_lines
from referee.gym.rollouts.gathered import Gathered


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


FILED = ("_ng_task_index", "_ng_rollout_index", "agent_ref")
TEXTS = st.sampled_from(
    ["a", "é\n", ',"agent_ref":{', '"},"agent_ref":{"name":"x"}', "agent_ref", "_ng_task_index", "}"]
)
NESTED = st.recursive(
    st.none() | st.integers(0, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS | st.sampled_from(FILED), inner, max_size=3),
    max_leaves=6,
)
AGENTS = st.sampled_from(["é", {"name": "é"}, {"type": "responses_api_agents", "name": "a"}])


@st.composite
def materialized(draw: st.DrawFn) -> dict[str, Any]:
    row: dict[str, Any] = draw(st.dictionaries(TEXTS, NESTED, max_size=3))
    row |= {"_ng_task_index": draw(st.integers(0, 9)), "_ng_rollout_index": 1, "agent_ref": draw(AGENTS)}
    return {key: row[key] for key in draw(st.permutations(list(row)))}


@given(st.lists(materialized(), max_size=4))
def test_what_a_line_is_filed_under_is_its_own_wherever_in_the_line_it_stands(rows: list[dict[str, Any]]) -> None:
    lines = [orjson.dumps(row) + b"\n" for row in rows]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_bytes(b"".join(lines))
        found = list(filed_lines(path))
    assert found == [(line, {key: row[key] for key in FILED}) for line, row in zip(lines, rows, strict=True)]


def test_a_line_of_rollouts_to_ask_for_that_was_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"agent_ref":{"name":"a"},"_ng_task_index":0\n')
    with pytest.raises(OutputError, match=r"rows\.jsonl, line 1 is no JSON object"):
        list(filed_lines(path))


@pytest.mark.parametrize("size", [1, 1 << 17, (1 << 18) - 40, 1 << 19])
def test_what_is_gathered_comes_back_by_agent_in_its_order(tmp_path: Path, size: int) -> None:
    rows = [
        {"agent_ref": {"name": "ab"[number % 2]}, "number": number, "text": "\n" + "é" * (size // 2), "note": None}
        for number in range(7)
    ]
    with Gathered(tmp_path) as gathered:
        for row in rows:
            gathered.add(row | {"response": {"output": [], "usage": {"n": 1}}, "responses_create_params": None})
        gathered.add({"reward": 1.0})  # nobody's
        found = {agent: orjson.loads(b"".join(gathered.rows(agent))) for agent in gathered.agents}
    lighter = [row | {"response": {"usage": {"n": 1}}} for row in rows]
    assert found == {"a": lighter[::2], "b": lighter[1::2]}
