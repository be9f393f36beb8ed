"""A journal on the screen: its counts, its failures by what went wrong, and the calls of one row."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from referee.errors import DataError
from referee.evaluation.recorded import replay
from referee.exchange import Failure, excerpt, read_reply
from referee.inference.journal import Journal
from referee.inference.journal_contents import Contents, contents
from referee.judge import Exchange, Failed, Outcome, Scored, Unclear
from referee.readable import duration, plural, value
from referee.terminal import stdout

_MOST_REASONS = 20
_MOST_ROWS = 8
_LONGEST = 4000


def print_contents(journal: Journal) -> None:
    """The counts of a journal."""
    found = contents(journal)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    for name, text in _lines(journal, found):
        table.add_row(name, text)
    stdout().print(Padding(table, (1, 0)))


def print_failures(journal: Journal) -> None:
    """The failed calls of a journal, those with the same message together."""
    reasons: dict[tuple[str, str], list[Any]] = {}
    failed: set[str] = set()
    later: set[str] = set()
    for record in journal.records():
        if "failure" in record:
            failure = record["failure"]
            reasons.setdefault((failure["kind"], failure["message"]), []).append(record["row"])
            failed.add(record["key"])
        elif record["key"] in failed:
            later.add(record["key"])
    console = stdout()
    if not reasons:
        console.print("No call has failed.")
        return
    for (kind, message), rows in sorted(reasons.items(), key=lambda reason: -len(reason[1]))[:_MOST_REASONS]:
        console.print(Text.assemble((f"{len(rows):,} × {kind}", "bold red"), f"  {_row_list(rows)}"))
        console.print(Padding(Text(excerpt(message, 600)), (0, 0, 1, 4)))
    if (more := len(reasons) - _MOST_REASONS) > 0:
        console.print(f"… and {plural(more, 'other message')}")
    if later:
        console.print(f"{plural(len(later), 'call')} of these {'was' if len(later) == 1 else 'were'} answered later.")


def print_row(journal: Journal, row: str, folder: Path | None) -> None:
    """The calls of one row, in the order in which they were made; in a run's folder also what was asked and read.

    Raises:
        DataError: the journal has no such row.
    """
    found = [record for record in journal.records() if str(record["row"]) == row]
    if not found:
        raise DataError(f"{journal.path} has no record of a row {row}: rows are numbered from 0, or named by --row-key")
    exchanges = replay(folder, journal, int(row)) if folder is not None and row.isdigit() else {}
    parts = (part for record in found for part in _record(record, exchanges.get((record["step"], record["prompt"]))))
    stdout().print(Group(*parts))


def _lines(journal: Journal, found: Contents) -> list[tuple[str, str]]:
    size = journal.path.stat().st_size
    lines = [("journal", f"{journal.path}, {size / 1e6:,.1f} MB, {plural(found.records, 'record')}")]
    imported = f", {found.imported:,} of them imported" if found.imported else ""
    lines.append(("replies", f"{found.replies:,}{imported}"))
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in found.failures.most_common())
    lines.append(("failures", f"{found.failures.total():,}" + (f": {kinds}" if kinds else "")))
    if found.again:
        lines.append(("asked again", f"{found.again:,}"))
    parts = [f"{found.rows:,}"]
    if found.steps:
        parts.append(f"up to {found.steps + 1} calls each")
    if found.repeats:
        parts.append(f"{found.repeats + 1} repeats")
    lines.append(("rows", ", ".join(parts)))
    if found.first is not None and found.last is not None:
        took = duration(found.last - found.first)
        lines.append(("written", f"{_time(found.first)} to {_time(found.last)} ({took})"))
    lines.append(("tokens", f"{found.input_tokens:,} in, {found.output_tokens:,} out"))
    if found.latencies:
        half, most = statistics.median(found.latencies), max(found.latencies)
        lines.append(("waited", f"{duration(half)} for half of the replies, {duration(most)} at most"))
    return lines


def _record(record: Mapping[str, Any], exchange: Exchange | None) -> list[RenderableType]:
    facts = [_time(record["at"])]
    if record.get("imported"):
        facts.append("imported")
    else:
        facts.append(duration(record["latency"]))
    if any(record["usage"]):
        facts.append(f"{record['usage'][0]:,} tokens in, {record['usage'][1]:,} out")
    facts.append(f"request {record['request'][:8]}")
    repeat = f", repeat {record['repeat']}" if record["repeat"] else ""
    title = Text.assemble((f"row {record['row']}, call {record['step'] + 1}{repeat}", "bold"), f"  {', '.join(facts)}")
    parts: list[RenderableType] = [title]
    if exchange is not None:
        parts += [_part(str(message["role"]), _content(message)) for message in exchange.request.messages]
    parts.append(_part("answer", _said(record)))
    if exchange is not None:
        parts += [_part(score, _outcome(outcome)) for score, outcome in exchange.outcomes.items()]
    return [*parts, ""]


def _part(name: str, content: RenderableType) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="cyan", width=12, justify="right", overflow="fold")
    table.add_row(name, content)
    return table


def _content(message: Mapping[str, Any]) -> RenderableType:
    content = message["content"]
    text = content if isinstance(content, str) else excerpt(content, 2000)
    return Text(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)", style="dim")


def _outcome(outcome: Outcome) -> RenderableType:
    match outcome:
        case Scored(value=number, label=label):
            return Text(value(number) + (f" ({label})" if label else ""), style="bold green")
        case Unclear(reason=reason):
            return Text(f"unclear: {reason}", style="yellow")
        case Failed(kind=kind, message=message):
            return Text(f"failed ({kind}): {message}", style="red")


def _said(record: Mapping[str, Any]) -> RenderableType:
    if "failure" in record:
        failure = record["failure"]
        tries = f" after {failure['attempts']} tries" if failure["attempts"] > 1 else ""
        return Text(f"failed{tries} ({failure['kind']}): {failure['message']}", style="red")
    answer = read_reply(record["response"])
    if isinstance(answer, Failure):
        return Text(f"no answer: {answer.message}", style="red")
    parts: list[RenderableType] = [Text(answer.text) if answer.text else Text("(no text)", style="dim")]
    if answer.refusal:
        parts.append(Text(f"refusal: {answer.refusal}", style="yellow"))
    if answer.finish != "stop":
        parts.append(Text(f"ended by: {answer.finish}", style="yellow"))
    if answer.logprobs:
        parts.append(Text(f"log-probabilities of {plural(len(answer.logprobs), 'token')}", style="dim"))
    return Group(*parts)


def _row_list(rows: list[Any]) -> str:
    different = list(dict.fromkeys(map(str, rows)))
    shown = ", ".join(different[:_MOST_ROWS])
    return f"{'row' if len(different) == 1 else 'rows'} {shown}{', …' if len(different) > _MOST_ROWS else ''}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")
