"""A run that goes on from an earlier one: equal to an undisturbed one byte for byte, and nothing is bought twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from running import answer, judge, lines, number, rows, run

from referee.errors import JournalError, OutputError, RunStopped
from referee.evaluation.engine import RunOptions
from referee.inference import Journal
from referee.testing import Fault, ScriptedEndpoint, ScriptedTransport

COUNT = 60


def files(folder: Path) -> tuple[bytes, Any]:
    """What a run leaves for its readers: `rows.jsonl`, and the figures."""
    return (folder / "rows.jsonl").read_bytes(), orjson.loads((folder / "aggregate.json").read_bytes())["scores"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Any]:
    folder = tmp_path_factory.mktemp("undisturbed")
    run(judge(), rows(COUNT), ScriptedTransport(answer), output=folder)
    return files(folder)


def begin(folder: Path, data: Any = None, script: Any = answer, **fields: Any) -> ScriptedTransport:
    """A run in this folder; its transport tells what was called."""
    transport = ScriptedTransport(script, latency=0.0005)
    run(judge(), rows(COUNT) if data is None else data, transport, output=folder, **fields)
    return transport


def test_a_finished_run_calls_nobody_again(tmp_path: Path, undisturbed: Any) -> None:
    assert begin(tmp_path).served.answers == COUNT
    assert begin(tmp_path).served.answers == 0
    assert files(tmp_path) == undisturbed


def _tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1234])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _holes(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:500] + b"\0" * 700 + content[1200:])


def _without_the_middle(path: Path) -> None:
    kept = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(kept[:10] + kept[40:]))


def _in_reverse(path: Path) -> None:
    path.write_bytes(b"".join(reversed(path.read_bytes().splitlines(keepends=True))))


@pytest.mark.parametrize("damage", [_tear, _empty, _holes, _without_the_middle, _in_reverse, Path.unlink])
def test_whatever_became_of_the_results_the_journal_gives_them_back(
    tmp_path: Path, undisturbed: Any, damage: Callable[[Path], None]
) -> None:
    begin(tmp_path)
    damage(tmp_path / "rows.jsonl")
    assert begin(tmp_path).served.answers == 0
    assert files(tmp_path) == undisturbed


@pytest.mark.parametrize(
    "put",
    [b"", b"from elsewhere\n", b'{"row_index":20,"item":{},"sample":{}}\n'],
    ids=["missing", "foreign", "another"],
)
def test_a_line_that_is_not_the_rows_costs_that_row_alone(tmp_path: Path, undisturbed: Any, put: bytes) -> None:
    begin(tmp_path)
    there = (tmp_path / "rows.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "rows.jsonl").write_bytes(b"".join([*there[:20], put, *there[21:]]))
    _, judged = run(judge(), rows(COUNT), ScriptedTransport(answer), output=tmp_path)
    assert [outcome.row.index for outcome in judged] == [20]
    assert files(tmp_path) == undisturbed


def test_lines_that_are_there_twice_are_taken_over_once(tmp_path: Path, undisturbed: Any) -> None:
    begin(tmp_path)
    there = (tmp_path / "rows.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "rows.jsonl").write_bytes(b"".join(line + line for line in there))
    _, judged = run(judge(), rows(COUNT), ScriptedTransport(answer), output=tmp_path)
    assert not judged
    assert files(tmp_path) == undisturbed


def test_a_torn_journal_costs_the_torn_answer_alone(tmp_path: Path, undisturbed: Any) -> None:
    begin(tmp_path)
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    (tmp_path / "rows.jsonl").unlink()
    assert begin(tmp_path).served.answers == 1
    assert files(tmp_path) == undisturbed


@pytest.mark.parametrize("order", ["row", "completion"])
def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path, undisturbed: Any, order: Any) -> None:
    def fails(body: dict[str, Any]) -> Any:
        return Fault("400") if number(body) == 33 else answer(body)

    with pytest.raises(RunStopped):
        begin(tmp_path, script=fails, options=RunOptions(4, stop_at_failure=True, order=order))
    with Journal(tmp_path / "journal.jsonl", readonly=True) as journal:
        bought = sum("response" in record for record in journal.records())
    assert 33 <= bought < COUNT
    assert len(lines(tmp_path)) >= 33
    assert begin(tmp_path).served.answers == COUNT - bought
    assert files(tmp_path) == undisturbed


def test_failed_rows_are_judged_again_and_the_others_are_not(tmp_path: Path, undisturbed: Any) -> None:
    first = begin(tmp_path, script=lambda body: Fault("500") if number(body) % 10 == 3 else answer(body))
    assert first.served.answers == COUNT - COUNT // 10
    assert sum("unscored" in line and line["unscored"] is not None for line in lines(tmp_path)) == COUNT // 10
    assert begin(tmp_path).served.answers == COUNT // 10
    assert files(tmp_path) == undisturbed


def test_a_longer_run_asks_for_the_new_rows_alone(tmp_path: Path, undisturbed: Any) -> None:
    assert begin(tmp_path, limit=20).served.answers == 20
    assert begin(tmp_path).served.answers == COUNT - 20
    assert files(tmp_path) == undisturbed


def test_a_changed_row_is_asked_about_again(tmp_path: Path) -> None:
    begin(tmp_path)
    data = rows(COUNT)
    data[7]["text"] = "row 9, changed"
    data[8]["id"] = "another field, which the prompt does not show"
    assert begin(tmp_path, data, lambda body: '{"quality": 1}').served.answers == 1
    written = lines(tmp_path)
    assert (written[7]["metrics"]["llm-judge"][0]["value"], written[8]["item"]["id"]) == (1.0, data[8]["id"])


def test_rows_with_a_key_may_be_reordered(tmp_path: Path) -> None:
    keyed = RunOptions(concurrency=4, row_key="id")
    begin(tmp_path, options=keyed)
    before = {line["item"]["id"]: line["metrics"] for line in lines(tmp_path)}
    assert begin(tmp_path, rows(COUNT)[::-1], options=keyed).served.answers == 0
    assert {line["item"]["id"]: line["metrics"] for line in lines(tmp_path)} == before
    assert lines(tmp_path)[0]["item"]["id"] == f"r{COUNT - 1}"


def test_a_row_without_its_key_fails_alone(tmp_path: Path) -> None:
    data = rows(3)
    del data[1]["id"]
    assert begin(tmp_path, data, options=RunOptions(row_key="id")).served.answers == 2
    assert "there is no field 'id', which is the rows' key" in lines(tmp_path)[1]["metric_errors"]["llm-judge"]


def test_another_judge_is_refused_and_nothing_is_touched(tmp_path: Path, undisturbed: Any) -> None:
    begin(tmp_path)
    transport = ScriptedTransport(answer)
    with pytest.raises(OutputError, match=r"holds the run of another judge:\n  scores\.0\.maximum: 9 there, 4 here"):
        run(judge(scores=[{"name": "quality", "minimum": 0, "maximum": 4}]), rows(COUNT), transport, output=tmp_path)
    assert transport.requests == []
    assert files(tmp_path) == undisturbed


@pytest.mark.parametrize("content", [b"", b"just text", b"- a\n- list\n", b"\x00\x00"])
def test_a_judge_file_that_a_crash_left_empty_is_said(tmp_path: Path, content: bytes) -> None:
    begin(tmp_path)
    (tmp_path / "judge.yaml").write_bytes(content)
    with pytest.raises(OutputError, match=r"judge\.yaml cannot be read"):
        begin(tmp_path)


def test_a_folder_in_which_a_run_is_at_work_is_refused(tmp_path: Path) -> None:
    begin(tmp_path)
    with (
        Journal(tmp_path / "journal.jsonl"),
        pytest.raises(JournalError, match="another process is writing the journal"),
    ):
        begin(tmp_path)


RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from running import judge, rows, run
from referee.evaluation.engine import RunOptions
run(judge(sys.argv[2]), rows(int(sys.argv[4])), output=sys.argv[3], options=RunOptions(concurrency=8))
"""


def test_ctrl_c_keeps_what_came(tmp_path: Path, undisturbed: Any) -> None:
    # After the first answers the endpoint crawls, so that the signal comes in time, however slow the machine is.
    crawling = True
    with ScriptedEndpoint(
        answer, latency=lambda _: 60.0 if crawling and endpoint.served.answers >= 20 else 0.01
    ) as endpoint:
        command = [sys.executable, "-c", RUN, str(Path(__file__).parent), endpoint.url, str(tmp_path), str(COUNT)]
        running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        patience = time.monotonic() + 200
        while endpoint.served.answers < 20 and time.monotonic() < patience:
            time.sleep(0.005)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
        assert running.returncode != 0
        assert "KeyboardInterrupt" in said
        bought = endpoint.served.answers
        assert 20 <= bought < COUNT
        assert bought - 8 <= len(lines(tmp_path)) <= bought
        crawling = False
        run(judge(endpoint.url), rows(COUNT), output=tmp_path)
        assert endpoint.served.answers <= COUNT + 8
    assert files(tmp_path) == undisturbed
    assert json.loads((tmp_path / "aggregate.json").read_text())["rows"] == COUNT
