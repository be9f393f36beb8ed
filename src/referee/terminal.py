"""What is shown of work under way: a bar on a terminal, a plain line every few seconds elsewhere. All on stderr.

A thread of its own asks for the status and draws it, so that the clock moves on while an endpoint is slow and fast work
is not held up by its picture. And standard output, for what is shown at the end.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

_DRAWN_EVERY = 0.25
LINE_EVERY = 5.0
_SAME = 20
"""Troubles that begin with the same letters, so many, are the same; away from a terminal each is said once."""


def stdout() -> Console:
    """Standard output, as wide as the terminal, or 100 columns where it is none."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=100)


@dataclass(frozen=True)
class Status:
    """How far work is.

    Args:
        position: in words, "412 of 1,000 rows".
        completed: the same as a number.
        total: of how many; None where that is not known.
        left: what is said of the time that is left; may be empty.
        counts: further figures, each with its style.
        troubles: what a user should know before the end.
    """

    position: str
    completed: int
    total: int | None
    left: str
    counts: Sequence[tuple[str, str]]
    troubles: Sequence[str] = ()

    @property
    def line(self) -> str:
        """One plain line, without troubles."""
        return ", ".join([self.position + self.left, *(text for text, _ in self.counts)])

    def picture(self) -> RenderableType:
        """A bar with how far it is, under it the counts and the troubles."""
        bar = Table.grid(padding=(0, 2), expand=True)
        bar.add_column(ratio=1)
        bar.add_column(no_wrap=True)
        bar.add_row(
            ProgressBar(total=self.total, completed=self.completed, pulse=self.total is None),
            Text.assemble((self.position, "bold"), self.left),
        )
        counts = Text("   ").join(Text(text, style=style) for text, style in self.counts)
        words = (Text(trouble, style="yellow", no_wrap=True, overflow="ellipsis") for trouble in self.troubles)
        return Group(bar, counts, *words)


class StatusScreen:
    """A context manager that shows a status while it changes.

    Args:
        status: asked from time to time, by another thread; None while there is nothing to show yet.
        console: where it draws; stderr by default.
        line_every: seconds between the lines where there is no terminal.
    """

    def __init__(
        self, status: Callable[[], Status | None], console: Console | None = None, *, line_every: float = LINE_EVERY
    ) -> None:
        self.console = console or Console(file=sys.stderr, highlight=False)
        self._status = status
        self._line_every = line_every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="referee-screen", daemon=True)

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
        if self.console.is_terminal:
            with Live(console=self.console, auto_refresh=False, transient=True) as live:
                while not self._over.wait(_DRAWN_EVERY):
                    if (status := self._status()) is not None:
                        live.update(status.picture(), refresh=True)
            return
        said: set[str] = set()
        while not self._over.wait(self._line_every):
            if (status := self._status()) is not None:
                self.console.print(status.line, soft_wrap=True, markup=False)
                for trouble in status.troubles:
                    if trouble[:_SAME] not in said:
                        said.add(trouble[:_SAME])
                        self.console.print(trouble, soft_wrap=True, markup=False)
