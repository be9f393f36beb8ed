"""pass@k, average of k and majority of k over several scores of a rollout: for environments that report benchmarks.

All figures are per cent. Names and keys are those of NeMo Gym 0.4's `reward_profile`, which environments call from
`compute_metrics` and `get_key_metrics`.
"""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

Row = dict[str, Any]
Scores = dict[str, float]
_SPREADS = ("std_dev_across_runs", "std_err_across_runs", "avg_sample_std_dev")


def compute_pass_majority_metrics(
    tasks: Sequence[Sequence[Mapping[str, Any]]],
    score_fn: Callable[[Any], Mapping[str, float | bool]] | None = None,
    answer_key: str | None = None,
) -> tuple[Row, list[list[Scores]], list[str], int]:
    """The figures of rollouts grouped by task.

    Args:
        tasks: for each task its rollouts, in order.
        score_fn: named scores of a rollout; by default its reward as `accuracy`.
        answer_key: the field with a rollout's final answer; with it come majorities, and how often there was none.

    Returns:
        the figures (`pass@k/<score>`: unbiased for scores of 0 and 1 (arXiv 2107.03374), else the best of the first k;
        `pass@1[avg-of-k]/<score>`; `majority@k/<score>`, where rollouts vote by answer and ties share; the spread
        across runs; `per_sample_aggregate`), the scores of each rollout, the scores' names, and the largest k.
    """
    if not tasks:
        return {}, [], [], 0
    scored = [[_scores(rollout, score_fn, answer_key) for rollout in task] for task in tasks]
    names = sorted({name for task in scored for scores in task for name in scores})
    largest = max(map(len, tasks))
    metrics: Row = {}
    for k in range(1, largest + 1):
        for name in names:
            columns = [[scores[name] for scores in task if name in scores] for task in scored]
            _put(metrics, f"pass@{k}/{name}", [_pass_at(column, k) for column in columns if len(column) >= k])
            firsts = [[scores[name] for scores in task[:k] if name in scores] for task in scored]
            _put(metrics, f"pass@1[avg-of-{k}]/{name}", [statistics.fmean(first) for first in firsts if first])
            if answer_key is not None:
                voted = zip(tasks, scored, strict=True)
                votes = [_majority(task[:k], scores[:k], name, answer_key) for task, scores in voted]
                _put(metrics, f"majority@{k}/{name}", votes)
    runs = {name: _runs(scored, name, largest) for name in names}
    metrics["per_sample_aggregate"] = {name: values for name, values in runs.items() if values}
    for k in range(2, largest + 1):
        for name in names:
            if len(values := runs[name][:k]) > 1:
                spread = statistics.stdev(values)
                metrics[f"pass@1[avg-of-{k}]/{name}/std_dev_across_runs"] = spread
                metrics[f"pass@1[avg-of-{k}]/{name}/std_err_across_runs"] = spread / math.sqrt(len(values))
    return metrics, scored, names, largest


def add_avg_sample_std_dev(
    metrics: Row, all_score_dicts: Sequence[Sequence[Mapping[str, float]]], score_names: Sequence[str], max_k: int
) -> None:
    """Add to the figures of `compute_pass_majority_metrics` how far the first k rollouts of a task differ on average:
    `pass@1[avg-of-k]/<score>/avg_sample_std_dev`, the mean over tasks of their standard deviation, not in per cent.

    Args:
        metrics: the figures, which are added to.
        all_score_dicts, score_names, max_k: what came with them.
    """
    for k in range(2, max_k + 1):
        for name in score_names:
            firsts = [[scores[name] for scores in task[:k] if name in scores] for task in all_score_dicts]
            if spreads := [statistics.stdev(first) for first in firsts if len(first) > 1]:
                metrics[f"pass@1[avg-of-{k}]/{name}/avg_sample_std_dev"] = statistics.fmean(spreads)


def compute_subset_metrics(
    tasks: Sequence[Sequence[Mapping[str, Any]]],
    subset_key: str,
    score_fn: Callable[[Any], Mapping[str, float | bool]] | None = None,
    answer_key: str | None = None,
) -> Row:
    """The same figures for each value of a field, `<value>/<figure>`; tasks without the field are left out."""
    subsets: dict[Any, list[Sequence[Mapping[str, Any]]]] = defaultdict(list)
    for task in tasks:
        if task and task[0].get(subset_key):
            subsets[task[0][subset_key]].append(task)
    figures = {name: compute_pass_majority_metrics(subset, score_fn, answer_key)[0] for name, subset in subsets.items()}
    return {
        f"{name}/{key}": value
        for name, metrics in figures.items()
        for key, value in metrics.items()
        if key != "per_sample_aggregate"
    }


def chance_of_pass(n: int, passed: int, k: int) -> float:
    """The chance that one of k rollouts passes, drawn from n of which some passed: the unbiased estimate of pass@k.

    Chen and others, 2021, arXiv 2107.03374: 1 − C(n − passed, k) / C(n, k).

    Args:
        n: rollouts; at least k.
        passed: how many of them passed.
        k: how many are drawn.
    """
    return 1.0 - math.comb(n - passed, k) / math.comb(n, k)


def highest_k_metrics(
    agent_metrics: Mapping[str, Any],
    pattern: str,
    score_names: Collection[str] | None = None,
    exclude_names: Collection[str] | None = None,
) -> Row:
    """Of the figures that match a pattern such as `pass@{k}` those of the largest k, without spreads."""
    wanted = re.compile("(\\d+)".join(map(re.escape, pattern.split("{k}"))) + "/(.+)")
    found: dict[int, Row] = defaultdict(dict)
    for key, value in agent_metrics.items():
        match = wanted.fullmatch(key)
        if match is None or match[2].endswith(_SPREADS):
            continue
        if (score_names is None or match[2] in score_names) and match[2] not in (exclude_names or ()):
            found[int(match[1])][key] = value
    return found[max(found)] if found else {}


def _scores(
    rollout: Mapping[str, Any],
    score_fn: Callable[[Any], Mapping[str, float | bool]] | None,
    answer_key: str | None,
) -> Scores:
    given = {"accuracy": rollout["reward"]} if score_fn is None else score_fn(rollout)
    scores: Scores = {name: int(value) if isinstance(value, bool) else value for name, value in given.items()}
    if answer_key is not None:
        scores["no_answer"] = int(rollout.get(answer_key) is None)
    return scores


def _pass_at(values: Sequence[float], k: int) -> float:
    if any(value not in (0, 1) for value in values):
        return max(values[:k])
    return chance_of_pass(len(values), sum(map(bool, values)), k)


def _majority(task: Sequence[Mapping[str, Any]], scored: Sequence[Scores], name: str, answer_key: str) -> float:
    votes = Counter(
        (rollout[answer_key], scores[name])
        for rollout, scores in zip(task, scored, strict=True)
        if rollout.get(answer_key) is not None and name in scores
    )
    most = max(votes.values(), default=0)
    return statistics.fmean(score for (_, score), count in votes.items() if count == most) if votes else 0.0


def _runs(scored: Sequence[Sequence[Scores]], name: str, largest: int) -> list[float]:
    """The mean over tasks of each run: of all first rollouts, of all second ones, and so on."""
    columns = ([task[run][name] for task in scored if run < len(task) and name in task[run]] for run in range(largest))
    return [100.0 * statistics.fmean(column) for column in columns if column]


def _put(metrics: Row, key: str, values: Sequence[float]) -> None:
    if values:
        metrics[key] = 100.0 * statistics.fmean(values)
