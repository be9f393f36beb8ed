"""What a run shows while it works, on a terminal and elsewhere; and what is kept when it is interrupted."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections import Counter

from rich.console import Console

from referee.cli.screen import Screen, status_of
from referee.evaluation.progress import Progress
from referee.inference import Meter
from referee.testing import ScriptedEndpoint


def under_way() -> Progress:
    meter = Meter(calls=410, recorded=2, attempts_failed=3, input_tokens=150_000, output_tokens=32_301, cost=0.41)
    return Progress(
        meter,
        total=1000,
        started=time.monotonic() - 10,
        finished_before=12,
        judged_rows=400,
        unclear_rows=3,
        failed_rows=1,
        failures=Counter(timeout=1),
    )


def test_a_plain_line_says_how_far_and_how_fast(monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)  # it stands still, also on a busy machine
    text = status_of(under_way()).line
    assert text.startswith("412 of 1,000 rows, 15 s left, 4")
    assert text.endswith("3 unclear, 1 failed, 182k tokens, $0.41, 2 from the journal, 3 tries failed")


def test_rows_that_cannot_be_counted_have_no_time_left():
    progress = under_way()
    progress.total = None
    assert status_of(progress).line.startswith("412 rows, ")


def test_without_a_terminal_a_line_every_so_often():
    stream = io.StringIO()
    with Screen("demo · rows → out", Console(file=stream, width=100), line_every=0.02) as screen:
        screen.watch(under_way())
        while stream.getvalue().count("\n") < 3:  # for as long as the test may take
            time.sleep(0.01)
    assert stream.getvalue().startswith("demo · rows → out\n")
    assert "\x1b" not in stream.getvalue()


def test_trouble_is_said_while_there_is_time():
    progress = under_way()
    assert status_of(progress).troubles == []
    progress.first_failure = (7, "timeout", "http://x did not answer within 60 s")
    progress.unclear_rows = 300
    progress.reasons["the judge wrote none of A, B"] = 300
    progress.examples["the judge wrote none of A, B"] = "I think\nit is fine."
    assert status_of(progress).troubles == [
        "first failure: row 7, timeout: http://x did not answer within 60 s",
        "most verdicts are unclear: the judge wrote none of A, B. It wrote: I think it is fine.",
    ]
    stream = io.StringIO()
    with Screen("demo", Console(file=stream, width=100), line_every=0.02) as screen:
        screen.watch(progress)
        while stream.getvalue().count(" of 1,000 rows") < 4:
            time.sleep(0.01)
    assert stream.getvalue().count("first failure: row 7") == 1


def test_on_a_terminal_a_bar_that_is_gone_at_the_end():
    stream = io.StringIO()
    console = Console(file=stream, width=100, force_terminal=True)
    with Screen("demo", console) as screen:
        screen.watch(under_way())
        while "412 of 1,000 rows" not in stream.getvalue():
            time.sleep(0.01)
    drawn = stream.getvalue()
    assert "━" in drawn
    assert "412 of 1,000 rows" in drawn
    assert drawn.endswith("\x1b[1A\x1b[2K")


def test_an_interrupted_run_keeps_what_was_answered_and_goes_on(place):
    place.rows(4000)  # more than are judged before the signal comes, however slow the machine is
    with ScriptedEndpoint('{"quality": 3}', latency=0.05, record=False) as endpoint:
        place.judge(endpoint.url)
        arguments = ["evaluate", str(place.judge_file), str(place.rows_file), "-o", str(place.out), "-c", "4"]
        command = [sys.executable, "-m", "referee", *arguments]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
        deadline = time.monotonic() + 200
        while endpoint.served.answers < 20 and time.monotonic() < deadline:
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
        assert run.returncode == 130
        assert not out
        assert "Traceback" not in err
        assert "Run the same command again to go on." in err
        kept = place.lines()
        assert len(kept) >= 16
        assert len((place.out / "journal.jsonl").read_text().splitlines()) >= len(kept)
        assert f"{len(kept)} of 4,000 rows have their outcome" in err
        assert not (place.out / "aggregate.json").exists()
        again = place.evaluate("--limit", str(len(kept) + 10))
        assert again.exit_code == 0
        assert f"{len(kept)} rows were finished before" in again.stdout
        assert endpoint.served.answers <= len(kept) + 10 + 8  # calls in flight at the interruption may be asked again
