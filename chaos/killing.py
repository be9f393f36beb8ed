"""What the two killings share: the judge that answers, the rows, the command line, and what is checked and printed."""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

CONCURRENCY = 16
Chaos = Callable[[int, int, int], tuple[str, bool]]
"""By rows, kills and seed: what was seen, and whether every promise held."""


@dataclass(frozen=True)
class Outcome:
    """What a run or a job left behind: its rows, its figures, and how many good answers it was served."""

    rows: Any
    scores: Any
    answers: int


def command(chaos: Chaos, *, page: str | None, rows: int, subject: str) -> int:
    """The command line of a killing; returns the exit code.

    Args:
        chaos: what is done.
        page: the script's docstring.
        rows: how many by default.
        subject: under which the outcome is kept in docs/measured.md.
    """
    parser = argparse.ArgumentParser(description=page, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rows", type=int, default=rows)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true", help="keep the outcome in docs/measured.md")
    options = parser.parse_args()
    text, held = chaos(options.rows, options.kills, options.seed)
    print(text)
    if options.record:
        sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
        from record import record

        record(subject, "make chaos", f"```text\n{text}\n```")
    return 0 if held else 1


def compared(
    what: str, calm: Outcome, killed: Outcome, deaths: int, kills: int, more: Mapping[str, bool]
) -> tuple[str, bool]:
    """What was seen, and whether every promise held; `more` is checked beside what both promise."""
    bound = calm.answers + deaths * CONCURRENCY
    checks = {
        f"{deaths} of {kills} kills fell into it": deaths == kills,
        **more,
        "aggregate scores equal": killed.scores == calm.scores,
        f"good answers {killed.answers:,} ≤ {calm.answers:,} + {deaths} kills × {CONCURRENCY} = {bound:,}": (
            killed.answers <= bound
        ),
    }
    lines = [what, *(f"{'ok  ' if held else 'OVER'}  {promise}" for promise, held in checks.items())]
    return "\n".join(lines), all(checks.values())


def row(number: int) -> dict[str, str]:
    """A row; two that follow one another are equal, and stay different samples."""
    return {"prompt": f"Question {number // 2}?", "response": "x" * (number // 2 % 400)}


def verdict(body: Mapping[str, Any]) -> str:
    """A verdict that depends on the request alone; some cannot be read."""
    number = zlib.crc32(orjson.dumps(body["messages"]))
    return f'{{"helpfulness": {number % 5}}}' if number % 50 else "I would rather not say."
