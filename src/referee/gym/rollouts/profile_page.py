"""The profile of rewards as a page, and the columns that its table and the terminal's have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from referee.gym.rollouts.profile import Profile, TaskProfile
from referee.pages.page import Page, share, table, text, tile, tiles
from referee.readable import amount, money, plural, value

_MOST = 500
_PARTS = (
    ("no rollout passed", 0.0),
    ("up to a quarter", 0.25),
    ("up to a half", 0.5),
    ("up to three quarters", 0.75),
    ("more, but not all", 1.0),
)


@dataclass(frozen=True)
class Column:
    """A column of the table of tasks.

    Args:
        name: its title; `{k}` is the profile's headline.
        cell: what it says of a task.
        fits: whether a profile needs it.
    """

    name: str
    cell: Callable[[TaskProfile, Profile], str]
    fits: Callable[[Profile], bool] = lambda _: True

    def title(self, found: Profile) -> str:
        """Its title."""
        return self.name.format(k=found.headline)


COLUMNS: Sequence[Column] = (
    Column("task", lambda task, _: str(task.task)),
    Column("asked", lambda task, _: task.asked, lambda found: any(task.asked for task in found.tasks)),
    Column("agent", lambda task, _: task.agent, lambda found: len({task.agent for task in found.tasks}) > 1),
    Column("n", lambda task, _: f"{task.rewarded:,}"),
    Column("mean", lambda task, _: _figure(task.mean)),
    Column("spread", lambda task, _: _figure(task.spread)),
    Column("range", lambda task, _: _range(task)),
    Column("pass@1", lambda task, _: _figure(task.pass_at(1))),
    Column("pass@{k}", lambda task, found: _figure(task.pass_at(found.headline)), lambda found: found.headline > 1),
    Column("unclear", lambda task, _: _count(task.unclear)),
    Column("failed", lambda task, _: _count(task.failed)),
    Column("missing", lambda task, _: _count(task.missing), lambda found: any(task.missing for task in found.tasks)),
    Column(
        "judge cost",
        lambda task, _: "–" if task.judge_cost is None else money(task.judge_cost),
        lambda found: found.judge_cost is not None,
    ),
    Column(
        "judge tokens",
        lambda task, _: amount(task.judge_tokens),
        lambda found: found.judge_cost is None and any(task.judge_tokens for task in found.tasks),
    ),
)
WORDS = ("asked", "agent")
"""The columns of words; all others are of numbers."""


def profile_page(found: Profile) -> Page:
    """The page of a profile: it loads nothing and needs no script."""
    agents = sorted({task.agent for task in found.tasks})
    page = Page(f"Rewards of {found.rollouts.name}", ", ".join(agents))
    first, *others = found.reading()
    more = "".join(f"<p>{text(sentence)}</p>" for sentence in others)
    page.add(f'<div class="findings"><p class="answer">{text(first)}</p>{more}</div>', tiles(_tiles(found)))
    page.section("How often one of k rollouts passes", _chances(found), note=_CHANCES)
    page.section("How many rollouts of a task pass", _passing(found))
    page.section("Where all rollouts went", _accounted(found))
    page.section("Tasks", _tasks(found), note=_note(found))
    page.add(f"<footer><p>{text(f'Made from {found.rollouts}.')}</p></footer>")
    return page


def _tiles(found: Profile) -> Iterator[str]:
    if found.mean is not None:
        yield tile("mean reward", f"{found.mean:.3g}", f"over {plural(found.rewarded, 'rollout')}")
    for one in found.headlines():
        yield tile(f"pass@{one.k}", f"{one.value:.2f}", f"over {plural(one.tasks, 'task')}")
    yield tile("failed", f"{found.kinds.total():,}", f"and {found.total(lambda task: task.unclear):,} unclear")
    if (cost := found.judge_cost) is not None:
        yield tile("judge", money(cost), f"{amount(found.total(lambda task: task.judge_tokens))} tokens")


_CHANCES = (
    "Of each task's n rollouts c pass: 1 − C(n − c, k) / C(n, k), the unbiased estimate, and the mean of it over all "
    "tasks that have k rollouts. ± is its standard error, tasks being the sample."
)


def _chances(found: Profile) -> str:
    return table(
        ("", "chance", "tasks", ""),
        (
            [
                f"pass@{one.k}",
                f"{one.value:.3f}" + ("" if one.error is None else f" ± {one.error:.3f}"),
                f"{one.tasks:,}",
                share(one.value),
            ]
            for one in found.pass_at_ks
        ),
    )


def _passing(found: Profile) -> str:
    counts = dict.fromkeys([*(name for name, _ in _PARTS), "all passed"], 0)
    tasks = [task for task in found.tasks if task.rewarded]
    for task in tasks:
        part = task.passed / task.rewarded
        counts["all passed" if part == 1 else next(name for name, most in _PARTS if part <= most)] += 1
    return table(
        ("of its rollouts", "tasks", ""),
        ([text(name), f"{count:,}", share(count / len(tasks))] for name, count in counts.items() if tasks),
    )


def _accounted(found: Profile) -> str:
    entries = [("with a reward", found.rewarded)]
    entries += [(f"failed: {kind}", count) for kind, count in found.kinds.most_common()]
    if missing := found.total(lambda task: task.missing):
        entries.append(("missing", missing))
    whole = sum(count for _, count in entries) or 1
    return table(("rollouts", "", ""), ([text(name), f"{count:,}", share(count / whole)] for name, count in entries))


def _tasks(found: Profile) -> str:
    columns = [column for column in COLUMNS if column.fits(found) and column.name not in ("task", "asked")]
    rows = found.tasks if len(found.tasks) <= _MOST else found.lowest(_MOST)
    return table(
        ["task", *(column.title(found) for column in columns)],
        (
            [f"<b>{text(task.task)}</b> {text(task.asked)}", *(text(column.cell(task, found)) for column in columns)]
            for task in rows
        ),
        "numbers",
    )


def _note(found: Profile) -> str:
    shown = f" Shown are the {_MOST} with the lowest means of {len(found.tasks):,}." if len(found.tasks) > _MOST else ""
    return f"Spread is the standard deviation of a task's rewards, with n − 1.{shown}"


def _figure(number: float | None) -> str:
    return "–" if number is None else f"{number:.2f}"


def _range(task: TaskProfile) -> str:
    return value(task.low) if task.low == task.high else f"{value(task.low)}…{value(task.high)}"


def _count(count: int) -> str:
    return f"{count:,}" if count else "·"
