"""What `evaluate` shows while it works: the run's counters, as a status that is drawn from time to time."""

from __future__ import annotations

import time

from rich.console import Console

from referee.evaluation.progress import Progress
from referee.exchange import excerpt
from referee.readable import amount, duration, money
from referee.terminal import LINE_EVERY, Status, StatusScreen

_SOON = 20


class Screen(StatusScreen):
    """A context manager; its `watch` goes into the run.

    Args:
        title: a line to begin with.
        console: where it draws; stderr by default.
        line_every: seconds between the lines where there is no terminal.
    """

    def __init__(self, title: str, console: Console | None = None, *, line_every: float = LINE_EVERY) -> None:
        super().__init__(self._now, console, line_every=line_every)
        self._title = title
        self._progress: Progress | None = None

    @property
    def progress(self) -> Progress | None:
        """The run's counters, once it has begun."""
        return self._progress

    def watch(self, progress: Progress) -> None:
        """Take the run's counters; they are looked at from time to time."""
        if self._progress is None:
            self.console.print(self._title, style="dim", markup=False, soft_wrap=True)
        self._progress = progress

    def _now(self) -> Status | None:
        return None if self._progress is None else status_of(self._progress)


def status_of(progress: Progress) -> Status:
    """A run's counters as they are shown."""
    rows, total = progress.rows, progress.total
    position, left = f"{rows:,} rows", ""
    if total is not None:
        position = f"{rows:,} of {total:,} rows"
        left = f", {duration((total - rows) / progress.rate)} left" if progress.judged_rows else ""
    return Status(position, rows, total, left, _counts(progress), _troubles(progress))


def _troubles(progress: Progress) -> list[str]:
    """Why a row failed, and why most verdicts are unclear."""
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
