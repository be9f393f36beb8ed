"""What a run shows while it works: a bar on a terminal, a plain line every few seconds elsewhere. All on stderr.

A thread of its own looks at the run's counters and draws, so that the clock moves on while an endpoint is slow and a
fast run is not held up by its picture.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from referee.evaluation.progress import Progress
from referee.exchange import excerpt
from referee.readable import amount, duration, money

_DRAWN_EVERY = 0.25
_LINE_EVERY = 5.0
_SOON = 20


def stdout() -> Console:
    """Standard output, as wide as the terminal, or 100 columns where it is none."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=100)


class Screen:
    """A context manager; its `watch` goes into the run.

    Args:
        title: a line to begin with.
        console: where it draws; stderr by default.
        line_every: seconds between the lines where there is no terminal.
    """

    def __init__(self, title: str, console: Console | None = None, *, line_every: float = _LINE_EVERY) -> None:
        self._console = console or Console(file=sys.stderr, highlight=False)
        self._every = _DRAWN_EVERY if self._console.is_terminal else line_every
        self._title = title
        self._progress: Progress | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="referee-screen", daemon=True)

    @property
    def progress(self) -> Progress | None:
        """The run's counters, once it has begun."""
        return self._progress

    def watch(self, progress: Progress) -> None:
        """Take the run's counters; they are looked at from time to time."""
        if self._progress is None:
            self._console.print(self._title, style="dim", markup=False, soft_wrap=True)
        self._progress = progress

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop drawing, and clear away what is drawn."""
        self._over.set()
        self._thread.join()

    def _draw(self) -> None:
        if self._console.is_terminal:
            with Live(console=self._console, auto_refresh=False, transient=True) as live:
                while not self._over.wait(self._every):
                    if self._progress is not None:
                        live.update(picture(self._progress), refresh=True)
        else:
            said: set[str] = set()
            while not self._over.wait(self._every):
                if self._progress is not None:
                    self._console.print(line(self._progress), soft_wrap=True)
                    for trouble in troubles(self._progress):
                        if trouble.partition(":")[0] not in said:
                            said.add(trouble.partition(":")[0])
                            self._console.print(trouble, soft_wrap=True, markup=False)


def picture(progress: Progress) -> RenderableType:
    """A bar with how far the run is, and under it the counts."""
    bar = Table.grid(padding=(0, 2), expand=True)
    bar.add_column(ratio=1)
    bar.add_column(no_wrap=True)
    bar.add_row(
        ProgressBar(total=progress.total, completed=progress.rows, pulse=progress.total is None),
        Text.assemble((_position(progress), "bold"), _left(progress)),
    )
    counts = Text("   ").join(Text(text, style=style) for text, style in _counts(progress))
    return Group(
        bar,
        counts,
        *(Text(trouble, style="yellow", no_wrap=True, overflow="ellipsis") for trouble in troubles(progress)),
    )


def line(progress: Progress) -> str:
    """The same as one plain line."""
    counts = [text for text, _ in _counts(progress)]
    return ", ".join([_position(progress) + _left(progress), *counts])


def troubles(progress: Progress) -> list[str]:
    """What a user should know before the run has ended: why a row failed, and why most verdicts are unclear."""
    found: list[str] = []
    if progress.first_failure is not None:
        row, kind, message = progress.first_failure
        found.append(f"first failure: row {row}, {kind}: {excerpt(message, 300)}")
    if progress.reasons and progress.judged_rows >= _SOON and 2 * progress.unclear_rows > progress.judged_rows:
        ((reason, _),) = progress.reasons.most_common(1)
        found.append(
            f"most verdicts are unclear: {reason}. It wrote: {excerpt(progress.examples.get(reason, ''), 200)}"
        )
    return found


def _position(progress: Progress) -> str:
    if progress.total is None:
        return f"{progress.rows:,} rows"
    return f"{progress.rows:,} of {progress.total:,} rows"


def _left(progress: Progress) -> str:
    if progress.total is None or not progress.judged_rows:
        return ""
    return f", {duration((progress.total - progress.rows) / progress.rate)} left"


def _counts(progress: Progress) -> list[tuple[str, str]]:
    meter = progress.meter
    elapsed = time.monotonic() - progress.started
    counts = [
        (f"{amount(progress.rate)} rows/s" if progress.judged_rows else f"waiting for {duration(elapsed)}", "cyan"),
        (f"{progress.unclear_rows:,} unclear", "yellow" if progress.unclear_rows else "dim"),
        (f"{progress.failed_rows:,} failed", "red" if progress.failed_rows else "dim"),
        (f"{amount(meter.input_tokens + meter.output_tokens)} tokens", ""),
    ]
    if meter.cost is not None:
        counts.append((money(meter.cost), ""))
    if meter.recorded:
        counts.append((f"{meter.recorded:,} from the journal", ""))
    if meter.attempts_failed:
        counts.append((f"{meter.attempts_failed:,} tries failed", "yellow"))
    return counts
