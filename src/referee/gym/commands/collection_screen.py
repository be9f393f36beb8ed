"""What a collection shows: a bar while it runs, or a line every few seconds where there is no terminal, and its end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from referee.exchange import excerpt
from referee.gym.rollouts.collect import Collection
from referee.gym.rollouts.prepare import Prepared
from referee.gym.rollouts.remarks import unreadable
from referee.readable import amount, duration, money

_DRAWN_EVERY = 0.25
_LINE_EVERY = 5.0
_SOON = 20


class CollectionScreen:
    """A context manager that draws on standard error, by a thread of its own.

    Args:
        collection: what is drawn.
        console: where; standard error by default.
    """

    def __init__(self, collection: Collection, console: Console | None = None) -> None:
        self._collection = collection
        self._console = console or Console(file=sys.stderr, highlight=False)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="collection-screen", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _draw(self) -> None:
        if self._console.is_terminal:
            with Live(console=self._console, auto_refresh=False, transient=True) as live:
                while not self._over.wait(_DRAWN_EVERY):
                    live.update(picture(self._collection), refresh=True)
            return
        said: set[str] = set()
        while not self._over.wait(_LINE_EVERY):
            self._console.print(line(self._collection), soft_wrap=True, markup=False)
            for trouble in troubles(self._collection):
                if trouble[:20] not in said:
                    said.add(trouble[:20])
                    self._console.print(trouble, soft_wrap=True, markup=False)


def picture(collection: Collection) -> RenderableType:
    """A bar with how far it is, and under it the counts."""
    bar = Table.grid(padding=(0, 2), expand=True)
    bar.add_column(ratio=1)
    bar.add_column(no_wrap=True)
    bar.add_row(
        ProgressBar(total=collection.total, completed=collection.finished),
        Text.assemble((_position(collection), "bold"), _left(collection)),
    )
    counts = Text("   ").join(Text(text, style=style) for text, style in _counts(collection))
    words = (Text(trouble, style="yellow", no_wrap=True, overflow="ellipsis") for trouble in troubles(collection))
    return Group(bar, counts, *words)


def line(collection: Collection) -> str:
    """The same as one plain line."""
    return ", ".join([_position(collection) + _left(collection), *(text for text, _ in _counts(collection))])


def troubles(collection: Collection) -> list[str]:
    """What a user should know before the end."""
    found: list[str] = []
    if (first := collection.first_failure) is not None:
        found.append(f"first failure: {first.where}, {first.kind}: {excerpt(first.message, 300)}")
    tally = collection.tally
    if (failed := tally.first_judge_failure) is not None:
        task, rollout, kind, message = failed
        found.append(f"no judge answered: task {task}, rollout {rollout}, {kind}: {excerpt(message, 300)}")
    if tally.judged >= _SOON and 2 * tally.unclear > tally.judged:
        found += [text.partition("\n")[0] for text in unreadable(collection)]
    return found


def report(
    collection: Collection, prepared: Prepared, key_metrics: Mapping[str, Mapping[str, Any]], remarks: Iterable[str]
) -> list[Text]:
    """The end of a collection, in paragraphs.

    Args:
        collection: how it went.
        prepared: what there was to do.
        key_metrics: by agent.
        remarks: what went wrong.
    """
    settings = prepared.settings
    parts = [Text(_summary(collection))]
    if collection.before:
        parts.append(Text(f"{collection.before:,} of them were collected before."))
    for agent, figures in key_metrics.items():
        parts.append(Text(f"{agent}: " + (_figures(figures) or "no figures")))
    parts.append(Text(f"Rollouts: {settings.output}"))
    others = [settings.materialized.name]
    others += [path.name for path in (settings.metrics, settings.failures) if path.exists() and path.stat().st_size]
    parts.append(Text(f"beside it: {', '.join(others)}"))
    parts += [Text.assemble(("\n! ", "bold yellow"), remark.replace("\n", "\n  ")) for remark in remarks]
    return parts


def _summary(collection: Collection) -> str:
    tally = collection.tally
    parts = [f"{tally.rows:,} of {collection.total:,} rollouts in {duration(collection.seconds)}"]
    if collection.tried:
        parts[0] += f" ({amount(collection.rate)}/s)"
    if (mean := tally.mean_reward) is not None:
        parts.append(f"mean reward {mean:.3g} over {tally.rewarded:,}")
    parts.append(f"{tally.unclear:,} unclear")
    parts.append(f"{collection.failures + collection.given_up + tally.judge_failed.total():,} failed")
    if tally.input_tokens or tally.output_tokens:
        parts.append(f"{tally.input_tokens:,} tokens in, {tally.output_tokens:,} out")
    if tally.judge_cost is not None:
        parts.append(f"the judge cost {money(tally.judge_cost)}")
    return " · ".join(parts)


def _figures(figures: Mapping[str, Any]) -> str:
    shown = [f"{name} {value:.4g}" for name, value in figures.items() if isinstance(value, int | float)]
    return ", ".join(shown[:8]) + (", …" if len(shown) > 8 else "")


def _position(collection: Collection) -> str:
    return f"{collection.finished:,} of {collection.total:,} rollouts"


def _left(collection: Collection) -> str:
    if not collection.tried:
        return ""
    return f", {duration((collection.total - collection.finished) / collection.rate)} left"


def _counts(collection: Collection) -> list[tuple[str, str]]:
    tally = collection.tally
    failed = collection.failures + collection.given_up + tally.judge_failed.total()
    counts = [
        (f"{amount(collection.rate)}/s" if collection.tried else f"waiting for {duration(collection.seconds)}", "cyan"),
        (f"mean reward {tally.mean_reward:.3g}" if tally.mean_reward is not None else "no reward yet", ""),
        (f"{tally.unclear:,} unclear", "yellow" if tally.unclear else "dim"),
        (f"{failed:,} failed", "red" if failed else "dim"),
    ]
    if tally.input_tokens or tally.output_tokens:
        counts.append((f"{amount(tally.input_tokens + tally.output_tokens)} tokens", ""))
    if tally.judge_cost is not None:
        counts.append((money(tally.judge_cost), ""))
    return counts
