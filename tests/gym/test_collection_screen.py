"""What a collection shows while it goes on."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from referee.gym.commands.collection_screen import status_of
from referee.gym.rollouts.collect import Collection


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands still: what is shown of it is the same on a busy machine."""
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)


def under_way() -> Collection:
    collection = Collection(total=100, started=time.monotonic() - 10)
    for at in range(40):
        status = "unclear" if at < 25 else "scored"
        wrote = "the judge wrote none of [[A]], [[B]]; it wrote: I [bold]think[/bold] so" if at < 25 else None
        tokens = {"judge_input_tokens": 100, "judge_cost": 0.01}
        collection.tally.add({"reward": at % 2, "judge_status": status, "judge_error": wrote, **tokens})
    return collection


def test_a_line_says_how_far_and_what_came_of_it() -> None:
    shown = status_of(under_way())
    assert shown.line == (
        "40 of 100 rollouts, 15 s left, 4/s, mean reward 0.5, 25 unclear, 0 failed, 4,000 tokens, $0.40"
    )
    (trouble,) = shown.troubles
    assert trouble.startswith("25 of 40 verdicts unreadable; the judge never wrote [[A]] or [[B]]")


def test_failures_are_said_at_once() -> None:
    collection = Collection(total=2, started=time.monotonic())
    assert status_of(collection).line.startswith("0 of 2 rollouts, waiting for 0.0 s, no reward yet, ")
    collection.fail("task 0, rollout 1", "timeout", "no answer within 60 s")
    collection.tally.add({"reward": 0.0, "judge_status": "failed", "judge_error_kind": "refused", "judge_error": "no"})
    assert [trouble.partition(":")[0] for trouble in status_of(collection).troubles] == [
        "first failure",
        "no judge answered",
    ]


def test_what_a_judge_wrote_is_drawn_as_it_stands() -> None:
    stream = io.StringIO()
    Console(file=stream, width=200, force_terminal=True).print(status_of(under_way()).picture())
    drawn = stream.getvalue()
    assert "40 of 100 rollouts" in drawn
    assert "I [bold]think[/bold] so" in drawn
