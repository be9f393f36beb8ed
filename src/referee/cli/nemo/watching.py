"""A job as it goes on: a bar on a terminal, a line now and then elsewhere. All on stderr."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from referee.client.types import JobStatus

_LINE_EVERY = 5.0


class Watching:
    """A context manager; its `show` is called with each state of the job."""

    def __init__(self, name: str, console: Console | None = None) -> None:
        self._name = name
        self._console = console or Console(file=sys.stderr, highlight=False)
        self._said = ("", 0.0)
        self._last: JobStatus | None = None
        self._task: TaskID | None = None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[rows]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            expand=True,
            transient=True,
        )

    def show(self, status: JobStatus) -> None:
        """Show a state."""
        self._last = status
        if self._console.is_terminal:
            if self._task is None:
                self._task = self._bar.add_task("", total=100.0, rows="")
            self._bar.update(
                self._task,
                description=f"{self._name} · {status.status}",
                completed=status.progress or 0.0,
                rows=rows(status),
            )
            return
        state, when = self._said
        if status.status != state or time.monotonic() - when >= _LINE_EVERY:
            self._said = (status.status, time.monotonic())
            self._console.print(line(status), soft_wrap=True, markup=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._console.is_terminal:
            self._bar.stop()
            if self._last is not None:
                self._console.print(line(self._last), soft_wrap=True, markup=False)


def line(status: JobStatus) -> str:
    """A state in one line."""
    progress = "" if status.progress is None else f", {status.progress:.0f} %"
    done = rows(status)
    return f"{status.name}: {status.status}{progress}{f', {done}' if done else ''}"


def rows(status: JobStatus) -> str:
    """How many rows have their outcome; empty where the platform does not say."""
    done = (status.status_details or {}).get("samples_processed")
    return f"{done:,} rows" if isinstance(done, int) else ""
