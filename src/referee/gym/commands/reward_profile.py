"""`ng_reward_profile`: the rewards of finished rollouts, task by task, on the terminal, as files and as a page."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from referee.gym.commands.frame import run_command
from referee.gym.commands.own_settings import read_configuration
from referee.gym.rollouts.profile import Profile
from referee.gym.rollouts.profile_page import COLUMNS, WORDS, profile_page
from referee.gym.rollouts.profiling import write_profile
from referee.gym.rollouts.settings import KeyReader, beside
from referee.terminal import stdout

KEYS = (
    "rollouts_jsonl_fpath",
    "materialized_inputs_jsonl_fpath",
    "allow_partial_rollouts",
    "pass_threshold",
    "show",
)
USAGE = """
    ng_reward_profile +rollouts_jsonl_fpath=OUT.jsonl [+materialized_inputs_jsonl_fpath=FILE]
        [+pass_threshold=1.0] [+allow_partial_rollouts=true] [+show=N]

    Show the rewards of finished rollouts task by task: mean, spread, the chance that one of k rollouts passes, and
    how many had no reward. No server is needed.

      rollouts_jsonl_fpath             what ng_collect_rollouts or ng_reverify wrote
      materialized_inputs_jsonl_fpath  what had been asked for; by default OUT_materialized_inputs.jsonl
      pass_threshold                   a rollout passes whose reward is at least this (1.0)
      allow_partial_rollouts           true: profile what there is of a collection that is not finished
      show                             tasks in the table, those with the lowest means (20); the files have all

    Written beside the rollouts: OUT_reward_profiling.jsonl, a line for each task with its figures, its row and its
    rollouts' numbers; OUT_agent_metrics.json, the figures of each agent; OUT_reward_profile.html, to look at.
    A rollout whose judge failed, or which failed itself, is counted and is in no figure.
"""
_SHOWN = 20


def main() -> int:
    """The console script."""
    return run_command("ng_reward_profile", USAGE, run)


def run(arguments: Sequence[str]) -> int:
    """Profile; the exit code."""
    configuration = read_configuration(arguments, KEYS, needs=KEYS)
    keys = KeyReader(configuration.values)
    rollouts = keys.file("rollouts_jsonl_fpath", configuration.roots, required="the rollouts")
    inputs: Path | None = beside(rollouts, "_materialized_inputs", ".jsonl")
    if keys.value("materialized_inputs_jsonl_fpath") is not None:
        inputs = keys.file("materialized_inputs_jsonl_fpath", configuration.roots, required="what had been asked for")
    elif not inputs.is_file():
        inputs = None
    threshold = keys.decimal("pass_threshold")
    partial = keys.flag("allow_partial_rollouts") or False
    shown = keys.number("show") or _SHOWN
    keys.done()
    found = write_profile(rollouts, inputs, threshold=1.0 if threshold is None else threshold, allow_partial=partial)
    if inputs is None:
        print(
            f"warning: {beside(rollouts, '_materialized_inputs', '.jsonl').name} is not there, so it is not known "
            "whether rollouts are missing",
            file=sys.stderr,
        )
    page = beside(rollouts, "_reward_profile", ".html")
    profile_page(found).write(page)
    console = stdout()
    for part in screen(found, shown, (*found.written, page)):
        console.print(part, soft_wrap=isinstance(part, Text))
    return 0


def screen(found: Profile, shown: int, written: Sequence[Path]) -> Iterator[RenderableType]:
    """What a terminal shows: the reading, the table of tasks, and the files.

    Args:
        found: the profile.
        shown: tasks in the table.
        written: the files.
    """
    for sentence in found.reading():
        yield Text(sentence)
    yield _table(found, shown)
    if len(found.tasks) > shown:
        left = len(found.tasks) - shown
        which = "1 task with a higher mean is" if left == 1 else f"{left:,} tasks with higher means are"
        yield Text(f"{which} not shown (+show=N shows more); the files have all.", style="dim")
    for path in written:
        yield Text(f"written: {path}", style="dim")


def _table(found: Profile, shown: int) -> Table:
    rows = found.tasks if len(found.tasks) <= shown else found.lowest(shown)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True, padding=(0, 1, 0, 0))
    columns = [column for column in COLUMNS if column.fits(found)]
    for column in columns:
        words = column.name in WORDS
        table.add_column(column.title(found), justify="left" if words else "right", no_wrap=True, ratio=words or None)
    for task in rows:
        table.add_row(*(Text(column.cell(task, found)) for column in columns))
    return table
