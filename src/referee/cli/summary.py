"""The end of a run on the screen: a table of the scores, how much work it was, and what needs attention."""

from __future__ import annotations

import time

import orjson
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from referee.evaluation.figures import AggregateRubricScore, AggregateScore
from referee.evaluation.runs import RunReport, summary
from referee.readable import amount, duration, money, spark, value
from referee.terminal import stdout

_MOST_BINS = 21
_MOST_LABELS = 4


def render(report: RunReport, remarks: list[str], resumed: str | None) -> RenderableType:
    """The summary of a run."""
    parts: list[RenderableType] = [Padding(scores_table(report), (1, 0)), Text(_work(report))]
    if resumed is not None:
        parts.append(Text(resumed[0].upper() + resumed[1:] + "."))
    if report.output is not None:
        parts.append(Text(f"Results: {report.output}/rows.jsonl, a line a row; {report.output}/aggregate.json"))
    parts += [_remark(text) for text in remarks]
    return Group(*parts)


def print_summary(report: RunReport, remarks: list[str], resumed: str | None) -> None:
    """The summary on stdout."""
    stdout().print(render(report, remarks, resumed))


def print_json(report: RunReport, remarks: list[str], exit_code: int) -> None:
    """What `aggregate.json` says, with the remarks, on stdout."""
    said = {"output": str(report.output), "exit_code": exit_code, "remarks": remarks}
    stdout().out(orjson.dumps(said | summary(report), option=orjson.OPT_INDENT_2).decode())


def scores_table(report: RunReport) -> Table:
    """A line for each score: how many are scored, unclear and failed, and the figures of the scored ones."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("score")
    for name in ("scored", "unclear", "failed", "mean", "std", "min", "median", "max"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("distribution")
    for score in report.aggregate.scores:
        failed = sum(score.failed.values())
        table.add_row(
            score.name,
            f"{score.count or 0:,}",
            Text(f"{score.unclear:,}", style="yellow" if score.unclear else ""),
            Text(f"{failed:,}", style="red" if failed else ""),
            *(value(figure) for figure in (score.mean, score.std_dev, score.min, score.median, score.max)),
            _distribution(score),
        )
    return table


def _distribution(score: AggregateScore) -> str:
    if isinstance(score, AggregateRubricScore):
        given = sorted(score.rubric_distribution, key=lambda level: -level.count)
        if any(level.count for level in given):
            shown = " · ".join(f"{level.label} {level.count:,}" for level in given[:_MOST_LABELS])
            return shown + (" · …" if len(given) > _MOST_LABELS else "")
    bins = score.histogram.bins if score.histogram else []
    if not bins:
        return ""
    low, high = value(bins[0].lower_bound), value(bins[-1].upper_bound)
    return f"{low} {spark([part.count for part in bins])} {high}" if len(bins) <= _MOST_BINS else f"{low} … {high}"


def _work(report: RunReport) -> str:
    progress, meter = report.progress, report.progress.meter
    took = time.monotonic() - progress.started
    parts = [f"{progress.judged_rows:,} rows judged in {duration(took)}"]
    if progress.judged_rows:
        parts[0] += f" ({amount(progress.rate)} rows/s)"
    if meter.calls:
        parts.append(f"{meter.calls:,} calls answered")
        parts.append(f"{meter.input_tokens:,} tokens in, {meter.output_tokens:,} out")
    if meter.attempts_failed:
        parts.append(f"{meter.attempts_failed:,} tries failed")
    if meter.cost is not None:
        parts.append(money(meter.cost))
    return " · ".join(parts)


def _remark(text: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_row(Text("!", style="bold yellow"), Text(text))
    return Padding(grid, (1, 0, 0, 0))
