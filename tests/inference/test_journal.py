"""The journal: what a record holds, what is left after a crash, what is found again, and who may write."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest
from calling import request
from hypothesis import given, settings
from hypothesis import strategies as st

from referee.errors import JournalError
from referee.exchange import Failure, Request, Usage
from referee.inference import Journal, Place
from referee.inference.journal import as_json_line

FIRST = request()
REPLY = b'{"choices":[{"message":{"content":"4"}}]}'


def put(journal: Journal, place: Place, asked: Request = FIRST, reply: bytes = REPLY) -> None:
    journal.append(place, asked, place.key(asked.hash), response=reply)


def found(journal: Journal, place: Place, asked: Request = FIRST) -> object:
    record = journal.lookup(place.key(asked.hash))
    return None if record is None else record["response"]


def test_a_record_holds_all_that_the_specification_names(tmp_path: Path) -> None:
    place = Place(7, 1, 2)
    with Journal(tmp_path / "journal.jsonl") as journal:
        key = place.key(FIRST.hash)
        journal.append(place, FIRST, key, response=REPLY, usage=Usage(12, 3), latency=0.25)
        (record,) = journal.records()
    assert abs(record.pop("at") - time.time()) < 60
    assert record == {
        "key": key,
        "request": FIRST.hash,
        "prompt": FIRST.prompt_hash,
        "row": 7,
        "repeat": 1,
        "step": 2,
        "response": orjson.loads(REPLY),
        "usage": [12, 3],
        "latency": 0.25,
    }
    assert REPLY in (tmp_path / "journal.jsonl").read_bytes()


def test_answers_are_found_after_reopening_each_at_its_own_place(tmp_path: Path) -> None:
    places = [Place(0, 0, 0), Place(0, 1, 0), Place(0, 0, 1), Place(1, 0, 0), Place("0", 0, 0)]
    with Journal(tmp_path / "j") as journal:
        for number, place in enumerate(places):
            put(journal, place, reply=b"%d" % number)
    with Journal(tmp_path / "j") as journal:
        assert [found(journal, place) for place in places] == [0, 1, 2, 3, 4]
        assert found(journal, Place(2, 0, 0)) is None
        assert found(journal, places[0], request("Another.")) is None


def test_of_several_answers_the_last_counts_and_failures_count_for_nothing(tmp_path: Path) -> None:
    answered, failed = Place(0, 0, 0), Place(1, 0, 0)
    failure = Failure("server_error", "500", attempts=4)
    with Journal(tmp_path / "j") as journal:
        put(journal, answered, reply=b'"first"')
        put(journal, answered, reply=b'"second"')
        for place in (answered, failed):
            journal.append(place, FIRST, place.key(FIRST.hash), failure=failure)
        assert [record.get("failure") for record in journal.records()][2:] == [
            {"kind": "server_error", "message": "500", "attempts": 4}
        ] * 2
    with Journal(tmp_path / "j") as journal:
        assert found(journal, answered) == "second"
        assert found(journal, failed) is None


def test_by_its_prompt_an_answer_is_found_whatever_the_parameters_were(tmp_path: Path) -> None:
    place = Place("row-7", 0, 0)
    other = request(parameters={"temperature": 1.0}, schema={"type": "object"})
    with Journal(tmp_path / "j") as journal:
        put(journal, place)
    with Journal(tmp_path / "j", readonly=True) as journal:
        assert found(journal, place, other) is None
        record = journal.lookup_prompt(place.key(other.prompt_hash))
    assert record is not None
    assert record["response"] == orjson.loads(REPLY)


@settings(max_examples=60)
@given(st.data())
def test_a_torn_last_line_is_cut_off_and_nothing_else(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "j"
        with Journal(path) as journal:
            for row in range(3):
                put(journal, Place(row, 0, 0), reply=b"%d" % row)
        whole = path.read_bytes()
        length = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:length])
        kept = whole[:length].count(b"\n")
        with Journal(path) as journal:
            assert [found(journal, Place(row, 0, 0)) for row in range(3)] == [0, 1, 2][:kept] + [None] * (3 - kept)
            put(journal, Place(9, 0, 0), reply=b"9")
        with Journal(path) as journal:
            assert [record["row"] for record in journal.records()] == [*range(kept), 9]
            assert found(journal, Place(9, 0, 0)) == 9


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2), st.sampled_from("ab"), st.integers(0, 99))))
def test_what_is_found_is_what_was_last_written_there(written: list[tuple[int, int, str, int]]) -> None:
    with TemporaryDirectory() as folder:
        last: dict[tuple[int, int, str], int] = {}
        with Journal(Path(folder) / "j") as journal:
            for row, step, text, answer in written:
                put(journal, Place(row, 0, step), request(text), b"%d" % answer)
                last[row, step, text] = answer
        with Journal(Path(folder) / "j") as journal:
            for row in range(31):
                for step in range(3):
                    for text in "ab":
                        assert found(journal, Place(row, 0, step), request(text)) == last.get((row, step, text))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1,\r\n "b": [2]}\n', {"a": 1, "b": [2]}),
        (b"<html>\n<h1>502</h1></html>", "<html>\n<h1>502</h1></html>"),
        (b'{"choices": [{"mess', '{"choices": [{"mess'),
        (b"", ""),
        (b'{"text": "\xff\xfe"}', '{"text": "\\xff\\xfe"}'),
        (b"[" * 5000, "[" * 5000),
        (b'"' + b"10 MB " * 1_700_000 + b'"', "10 MB " * 1_700_000),
    ],
    ids=["several-lines", "html", "truncated", "empty", "not-utf-8", "deep", "10-mb"],
)
def test_whatever_came_is_kept_as_one_line(tmp_path: Path, body: bytes, value: object) -> None:
    line, _ = as_json_line(body)
    with Journal(tmp_path / "j") as journal:
        put(journal, Place(0, 0, 0), reply=line)
        put(journal, Place(1, 0, 0))
    with Journal(tmp_path / "j") as journal:
        assert found(journal, Place(0, 0, 0)) == value
        assert found(journal, Place(1, 0, 0)) == orjson.loads(REPLY)


def test_a_row_named_by_its_key_may_be_any_text(tmp_path: Path) -> None:
    place = Place('ein "Schlüssel"\n', 0, 0)
    with Journal(tmp_path / "j") as journal:
        put(journal, place)
    with Journal(tmp_path / "j") as journal:
        assert next(journal.records())["row"] == place.row
        assert found(journal, place) is not None


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        put(journal, Place(0, 0, 0))
        with pytest.raises(JournalError, match=r"another process is writing the journal .* wait for it, or choose"):
            Journal(path)
        tried = subprocess.run(
            [sys.executable, "-c", f"from referee.inference import Journal; Journal({str(path)!r})"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "another process is writing" in tried.stderr
        with Journal(path, readonly=True) as reader:
            assert found(reader, Place(0, 0, 0)) is not None
    Journal(path).close()


def test_what_was_written_is_there_after_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "j"
    code = (
        "import os, signal, sys\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_journal import Journal, Place, put\n"
        "journal = Journal(sys.argv[1])\n"
        "for row in range(500): put(journal, Place(row, 0, 0))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(path), str(Path(__file__).parent)], check=False)
    assert killed.returncode == -signal.SIGKILL
    with Journal(path) as journal:
        assert [record["row"] for record in journal.records()] == list(range(500))


def test_records_are_synced_in_groups_and_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[float] = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (begun.append(time.perf_counter()), sync(fd)))
    with Journal(tmp_path / "j") as journal:
        records = 0
        while len(begun) < 4:
            put(journal, Place(0, 0, 0))
            records += 1
        before_the_last = time.perf_counter()
        put(journal, Place(0, 0, 0))
        while begun[-1] < before_the_last:  # it is synced though none comes after it
            time.sleep(0.01)
        assert records > 10 * len(begun)


def put_for_ever(journal: Journal) -> None:
    for row in itertools.count():
        put(journal, Place(row, 0, 0))
        time.sleep(0.01)


def test_a_disk_that_cannot_be_synced_ends_the_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    journal = Journal(tmp_path / "j")
    with pytest.raises(JournalError, match="cannot be written: Input/output error"):
        put_for_ever(journal)
    with pytest.raises(JournalError, match="cannot be written"):
        journal.close()


def test_a_full_disk_is_said_and_leaves_no_torn_record(tmp_path: Path) -> None:
    path = tmp_path / "j"
    code = (
        "import resource, sys\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_journal import Journal, Place, put\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "journal = Journal(sys.argv[1])\n"
        "for row in range(9): put(journal, Place(row, 0, 0))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(path), str(Path(__file__).parent)], capture_output=True, text=True, check=False
    )
    assert "JournalError: the journal" in ended.stderr
    assert "cannot be written: File too large" in ended.stderr
    assert path.read_bytes().endswith(b"}\n")
    with Journal(path) as journal:
        assert 1 <= len(list(journal.records())) < 9


@pytest.mark.parametrize("content", [b'{"prompt":"a row"}', b"prompt,response\n", b'{"key":1}\n', b"\x00\x00"])
def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"rows\.jsonl is not a journal"):
        Journal(path)
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="nowhere/j cannot be opened: No such file"):
        Journal(tmp_path / "nowhere" / "j")


@pytest.mark.parametrize("edited", [b"{}", b'{"key":"zz"}', b'{"key":"0123456789abcdef 123456789abcdef"', b"\xff", b""])
def test_an_edited_line_is_not_looked_up_and_hides_no_other(tmp_path: Path, edited: bytes) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        put(journal, Place(0, 0, 0))
        put(journal, Place(1, 0, 0))
    first, second = path.read_bytes().splitlines(keepends=True)
    torn = second.replace(b'"response"', b'"respo', 1)
    path.write_bytes(first + edited + b"\n" + second + torn)
    with Journal(path) as journal:
        assert found(journal, Place(0, 0, 0)) is not None
        assert found(journal, Place(1, 0, 0)) is None  # the last line about it says nothing
        assert journal.lookup_prompt(Place(1, 0, 0).key(FIRST.prompt_hash)) is not None
        with pytest.raises(JournalError, match="j is not a journal: its line 2 is no record"):
            list(journal.records())


def test_a_closed_journal_writes_into_no_other_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.close()
    journal.close()
    with open(tmp_path / "other", "wb") as other:
        with pytest.raises(JournalError, match="cannot be written"):
            put(journal, Place(0, 0, 0))
        other.flush()
    assert (tmp_path / "other").read_bytes() == b""
