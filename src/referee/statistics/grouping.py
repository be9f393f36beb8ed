"""Correlation within items and between systems, where every item was answered by several systems.

The grouping decides what a correlation means (arXiv 2410.16834). Over all rows it mixes two questions: does the judge
see which answer to one prompt is better (within), and does it rank systems as people do (between)? A judge can be good
at one only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from referee.statistics.against_people import CORRELATIONS, Agreement, agreement, undefined_figures
from referee.statistics.columns import Column, PairedRows, paired_rows
from referee.statistics.estimate import Estimate
from referee.statistics.figures import Pairs
from referee.statistics.means import mean_estimate

_ENOUGH_GROUPS = 40
"""Of fifty groups some forty have a correlation: from here on the simulated coverage of the mean over groups is 94 % at
nominal 95; with 20 groups it is 90 %."""


@dataclass(frozen=True, slots=True)
class WithinGroups:
    """The mean over groups of the correlation inside each group."""

    pearson: Estimate
    spearman: Estimate
    kendall: Estimate
    groups: int
    """Groups that have a correlation."""
    left_out: dict[str, int]
    """Groups without one, by reason."""


def within_groups(
    judge: Column, human: Column, groups: Sequence[Any] | NDArray[Any], *, confidence: float = 0.95
) -> WithinGroups:
    """Correlate inside each group (answers to one prompt) and average over the groups.

    Groups in which the judge or people give every row the same have no correlation; they are left out and counted.

    Args:
        judge: one score a row; rows where either score is missing are left out.
        human: people's score of the same rows.
        groups: the prompt or document of each row.
        confidence: nominal coverage; the interval is Student's over groups.

    Raises:
        DataError: lengths differ, or a score is not a number.
    """
    rows = paired_rows(judge, human, groups, ("judge", "human"))
    found: dict[str, list[float]] = {name: [] for name in CORRELATIONS}
    left_out: dict[str, int] = {}
    order = np.argsort(rows.clusters, kind="stable")
    for inside in np.split(order, np.flatnonzero(np.diff(rows.clusters[order])) + 1):
        x, y = rows.first[inside], rows.second[inside]
        why = _no_correlation(x, y)
        if why is not None:
            left_out[why] = left_out.get(why, 0) + 1
            continue
        ones = np.ones(len(x))
        values = Pairs(x, y, ones, None).figures(ones[:, None])
        for name in CORRELATIONS:
            found[name].append(float(values[name][0]))
    used = len(found["pearson"])
    if not used:
        nothing = Estimate.undefined("no group has a correlation", confidence)
        return WithinGroups(nothing, nothing, nothing, 0, left_out)
    means = [mean_estimate(np.array(found[name]), np.arange(used), confidence, bounded=True) for name in CORRELATIONS]
    if used < _ENOUGH_GROUPS:
        few = f"{used} groups: under {_ENOUGH_GROUPS} the interval is somewhat too narrow"
        means = [replace(mean, warnings=(*mean.warnings, few)) for mean in means]
    return WithinGroups(means[0], means[1], means[2], used, left_out)


def _no_correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> str | None:
    if len(x) < 2:
        return "a single row"
    reasons = undefined_figures(PairedRows(x, y, np.arange(len(x)), {}), None)
    if "pearson" not in reasons:
        return None
    constant = [name for name, column in (("judge", x), ("human", y)) if np.ptp(column) == 0]
    return f"constant {' and '.join(constant)} scores"


def between_groups(
    judge: Column,
    human: Column,
    groups: Sequence[Any] | NDArray[Any],
    *,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Agreement of the groups' mean scores: does the judge rank systems as people do?

    Its n is the number of groups, usually few, and its intervals are wide accordingly.

    Args:
        judge: one score a row; rows where either score is missing are left out.
        human: people's score of the same rows.
        groups: the system of each row.
        confidence, draws, seed: as `agreement`.

    Raises:
        DataError: lengths differ, or a score is not a number.
    """
    rows = paired_rows(judge, human, groups, ("judge", "human"))
    sizes = np.bincount(rows.clusters, minlength=rows.cluster_count)
    means = [np.bincount(rows.clusters, weights=column) / sizes for column in (rows.first, rows.second)]
    return agreement(means[0], means[1], confidence=confidence, draws=draws, seed=seed)
