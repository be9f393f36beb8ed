"""The rewards of a collection as values: of each task mean, spread and pass@k, and what counted for nothing."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from referee.gym.api.pass_at_k import chance_of_pass
from referee.readable import money, plural

_NEARLY_ALL = 0.9


@dataclass(frozen=True, slots=True)
class TaskProfile:
    """The rollouts of one task.

    Args:
        task: what it is filed under.
        agent: who rolled it out.
        asked: what the user last said, shortened.
        rewarded: rollouts with a reward of their own; all figures are of these.
        mean: of their rewards; None without any.
        spread: their standard deviation, with n − 1; 0 for a single one.
        low, high: the lowest and the highest.
        passed: those whose reward is at least the threshold.
        unclear: those on which the judge gave no usable verdict.
        failed: rollouts that ended without a reward.
        missing: rollouts that were asked for and have neither reward nor failure.
        judge_cost: US dollars, of failed attempts too; None where no price is known.
        judge_tokens: read and written by the judge.
    """

    task: Any
    agent: str
    asked: str
    rewarded: int
    mean: float | None
    spread: float | None
    low: float | None
    high: float | None
    passed: int
    unclear: int
    failed: int
    missing: int
    judge_cost: float | None
    judge_tokens: int

    def pass_at(self, k: int) -> float | None:
        """The chance that one of k of its rollouts passes; None where it has fewer."""
        return chance_of_pass(self.rewarded, self.passed, k) if self.rewarded >= k else None


@dataclass(frozen=True)
class PassAtK:
    """pass@k over the tasks that have k rollouts.

    Args:
        k: rollouts that are drawn.
        value: the mean over these tasks.
        error: its standard error, tasks being what was sampled; None for a single task.
        tasks: how many they are.
    """

    k: int
    value: float
    error: float | None
    tasks: int


@dataclass(frozen=True)
class Profile:
    """A collection's rewards.

    Args:
        rollouts: the file.
        threshold: a reward of at least this passes.
        tasks: in the order of their numbers.
        kinds: of the rollouts that failed.
        bad_rows: lines of the input that were no rows.
        written: the files with the figures.
    """

    rollouts: Path
    threshold: float
    tasks: Sequence[TaskProfile]
    kinds: Counter[str] = field(default_factory=Counter[str])
    bad_rows: int = 0
    written: tuple[Path, ...] = ()

    @property
    def rewarded(self) -> int:
        """Rollouts that count."""
        return sum(task.rewarded for task in self.tasks)

    @property
    def mean(self) -> float | None:
        """Over all rollouts that count."""
        sums = [task.mean * task.rewarded for task in self.tasks if task.mean is not None]
        return math.fsum(sums) / self.rewarded if sums else None

    @property
    def judge_cost(self) -> float | None:
        """US dollars; None where no price is known."""
        costs = [task.judge_cost for task in self.tasks if task.judge_cost is not None]
        return math.fsum(costs) if costs else None

    def total(self, count: Callable[[TaskProfile], int]) -> int:
        """A count over all tasks."""
        return sum(map(count, self.tasks))

    @property
    def largest(self) -> int:
        """The most rollouts of a task that count."""
        return max((task.rewarded for task in self.tasks), default=0)

    @cached_property
    def headline(self) -> int:
        """The largest k of `pass_at_ks` that nearly all tasks have rollouts for: where some failed, pass@k of the few
        that kept all of theirs says little of the rest."""
        tasks = sum(task.rewarded > 0 for task in self.tasks)
        return max((one.k for one in self.pass_at_ks if one.tasks >= _NEARLY_ALL * tasks), default=1)

    def headlines(self) -> list[PassAtK]:
        """pass@1 and that of `headline`."""
        return [one for one in self.pass_at_ks if one.k in (1, self.headline)]

    def lowest(self, count: int) -> list[TaskProfile]:
        """The tasks with the lowest means; those without any come first."""
        return sorted(self.tasks, key=lambda task: -math.inf if task.mean is None else task.mean)[:count]

    @cached_property
    def pass_at_ks(self) -> Sequence[PassAtK]:
        """pass@1, 2, 4, … and of as many as the largest task has."""
        found: list[PassAtK] = []
        for k in steps(self.largest):
            values = [value for task in self.tasks if (value := task.pass_at(k)) is not None]
            error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
            found.append(PassAtK(k, statistics.fmean(values), error, len(values)))
        return found

    def reading(self) -> list[str]:
        """The figures in sentences, the most telling first."""
        return list(self._sentences())

    def _sentences(self) -> Iterator[str]:
        whole = f"{plural(self.rewarded, 'rollout')} of {plural(len(self.tasks), 'task')}"
        if self.mean is None:
            yield f"No rollout of {plural(len(self.tasks), 'task')} has a reward of its own."
        else:
            chances = "".join(f", pass@{one.k} {one.value:.2f}" for one in self.headlines())
            yield f"{whole}: mean reward {self.mean:.3g}{chances}."
            yield f"A rollout passes whose reward is at least {self.threshold:g}."
        several = [task for task in self.tasks if task.rewarded > 1]
        if several:
            always = sum(task.passed == task.rewarded for task in several)
            never = sum(not task.passed for task in several)
            equal = sum(not task.spread for task in several)
            said = (
                f"{always:,} always passed, {never:,} never" if always + never else "none always passed, and none never"
            )
            learnt = f" In {equal:,} all rewards are equal: by comparing them a policy learns nothing." if equal else ""
            yield f"Of {plural(len(several), 'task')} rolled out several times {said}.{learnt}"
        if unclear := self.total(lambda task: task.unclear):
            yield f"Unclear verdicts: {unclear:,} of {self.rewarded:,}; their rewards count."
        if failed := self.kinds.total():
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.kinds.most_common())
            yield f"{plural(failed, 'rollout')} failed ({kinds}); no figure counts failures."
        if missing := self.total(lambda task: task.missing):
            yield f"{plural(missing, 'rollout')} of what was asked for {'is' if missing == 1 else 'are'} missing."
        if self.bad_rows:
            yield f"{plural(self.bad_rows, 'line')} of the input were no rows."
        if (cost := self.judge_cost) is not None:
            yield f"The judge cost {money(cost)}."


def steps(n: int) -> list[int]:
    """1, 2, 4, … below n, and n."""
    return sorted({2**power for power in range(n.bit_length()) if 2**power < n} | {n} - {0})
