"""What a collection shows: its status while it goes on, and its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text

from referee.exchange import excerpt
from referee.gym.rollouts.collect import Collection
from referee.gym.rollouts.prepare import Prepared
from referee.gym.rollouts.remarks import unreadable
from referee.readable import amount, duration, money
from referee.terminal import Status

_SOON = 20


def status_of(collection: Collection) -> Status:
    """A collection as it is shown while it goes on."""
    done, total = collection.finished, collection.total
    left = f", {duration((total - done) / collection.rate)} left" if collection.tried else ""
    position = f"{done:,} of {total:,} rollouts"
    return Status(position, done, total, left, _counts(collection), _troubles(collection))


def _troubles(collection: Collection) -> list[str]:
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
