"""Populations of judged rows with known true figures, to measure intervals on.

Discrete populations are tables of probabilities, so that every true figure is exact. Continuous and clustered ones are
drawn once in large numbers, which gives their true figures to about three digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from referee.statistics.columns import Floats
from referee.statistics.figures import Pairs

Draw = Callable[[np.random.Generator, int], tuple[Floats, Floats, NDArray[np.int64] | None]]
"""Draw n rows (or clusters): the judge's scores, people's scores, and the clusters where rows are not their own."""
LARGE = 400_000


@dataclass(frozen=True)
class Population:
    """How rows are drawn, and the figures that all rows together have."""

    title: str
    draw: Draw
    categories: tuple[float, ...] | None
    truth: dict[str, float] = field(repr=False)
    bounds: tuple[float, float] | None = None
    """The ends of the scale, where that is known of continuous scores."""


def judged(people: list[float], noise: float, drift: float = 0.0) -> Floats:
    """A table (people, judge) of probabilities on 0 … k−1: the judge errs by Laplace noise about people's score."""
    k = len(people)
    scale = np.arange(k)
    chance = np.exp(-np.abs(scale[None, :] - (scale[:, None] + drift)) / noise)
    return np.array(people)[:, None] * chance / chance.sum(axis=1, keepdims=True)


def from_table(title: str, table: Floats) -> Population:
    """A population of rows that stand alone, by the probability of each (people, judge) pair."""
    k = len(table)
    people, judge = (grid.ravel().astype(np.float64) for grid in np.indices((k, k)))
    chance = table.ravel() / table.sum()
    categories = tuple(float(c) for c in range(k))
    # Counts so large that the finite-sample terms of alpha vanish.
    counts = chance * 1e9
    held = counts > 0
    exact = Pairs(judge[held], people[held], counts[held], np.array(categories)).figures(counts[held][:, None])
    truth = {name: float(value[0]) for name, value in exact.items()}
    if k == 2:
        del truth["within_one"]  # always 1

    def draw(rng: np.random.Generator, n: int) -> tuple[Floats, Floats, None]:
        cell = rng.choice(k * k, n, p=chance)
        return judge[cell], people[cell], None

    return Population(title, draw, categories, truth)


def from_draws(
    title: str, draw: Draw, categories: tuple[float, ...] | None, bounds: tuple[float, float] | None = None
) -> Population:
    """A population known by drawing from it; its true figures are those of a very large sample."""
    judge, people, _ = draw(np.random.default_rng(123), LARGE)
    if categories is not None:
        distinct, counts = np.unique(np.column_stack([judge, people]), axis=0, return_counts=True)
        weights = counts.astype(np.float64)
        found = Pairs(distinct[:, 0], distinct[:, 1], weights, np.array(categories)).figures(weights[:, None])
        return Population(title, draw, categories, {name: float(value[0]) for name, value in found.items()})
    gap = judge - people
    expected = float(judge.var() + people.var() + (judge.mean() - people.mean()) ** 2)
    square = float((gap**2).mean())
    pooled = float(np.concatenate([judge, people]).var())
    truth = {
        "pearson": float(np.corrcoef(judge, people)[0, 1]),
        "spearman": float(stats.spearmanr(judge, people)[0]),
        "kendall": float(stats.kendalltau(judge, people)[0]),
        "mae": float(np.abs(gap).mean()),
        "rmse": square**0.5,
        "bias": float(gap.mean()),
        "within_one": float((np.abs(gap) <= 1).mean()),
        "quadratic_kappa": 1 - square / expected,
        "alpha_interval": 1 - square / (2 * pooled),
    }
    return Population(title, draw, None, truth, bounds)


def normal(correlation: float) -> Draw:
    def draw(rng: np.random.Generator, n: int) -> tuple[Floats, Floats, None]:
        people = rng.normal(size=n)
        judge = correlation * people + np.sqrt(1 - correlation**2) * rng.normal(size=n)
        return judge + 0.3, people, None

    return draw


def long_tailed(rng: np.random.Generator, n: int) -> tuple[Floats, Floats, None]:
    judge, people, _ = normal(0.7)(rng, n)
    return np.exp(judge - 0.3), np.exp(people), None


def expected_scores(rng: np.random.Generator, n: int) -> tuple[Floats, Floats, None]:
    """A judge read by token probabilities: a narrow continuous score against people's 0 … 4."""
    people = rng.integers(0, 5, n).astype(np.float64)
    return np.clip(3 + 0.15 * (people - 2) + rng.normal(0, 0.3, n), 0, 4), people, None


def clustered(smallest: int, largest: int) -> Draw:
    """0 … 4 scores in n clusters (prompts) whose rows share a level of quality and a slip of the judge."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
        sizes = rng.integers(smallest, largest + 1, n)
        clusters = np.repeat(np.arange(n), sizes)
        rows = len(clusters)
        quality = rng.normal(2.2, 1.0, n)[clusters] + rng.normal(0, 0.6, rows)
        slip = rng.normal(0.3, 0.6, n)[clusters] + rng.normal(0, 0.5, rows)
        people, judge = (np.clip(np.rint(level), 0, 4) for level in (quality, quality + slip))
        return judge, people, clusters

    return draw


SCALE = (0.0, 1.0, 2.0, 3.0, 4.0)


def agreement_populations() -> dict[str, Population]:
    """The declared populations, by title."""
    skewed = [0.02, 0.03, 0.10, 0.25, 0.60]
    every = [
        from_table("0–4, even, r .75", judged([0.2] * 5, 1.0)),
        from_table("0–4, even, r .2", judged([0.2] * 5, 5.0)),
        from_table("0–4, 60 % at 4, r .6", judged(skewed, 1.0)),
        from_table("0–4, 60 % at 4, r .9", judged(skewed, 0.5)),
        from_table("0–4, judge 1 too high", judged([0.15, 0.25, 0.3, 0.2, 0.1], 0.8, drift=1.0)),
        from_table("0–4, judge 85 % at 3", 0.15 * judged([0.2] * 5, 1.0) + 0.85 * _always(3)),
        from_table("0/1, even", np.array([[0.35, 0.10], [0.15, 0.40]])),
        from_table("0/1, 10 % fail", np.array([[0.06, 0.04], [0.05, 0.85]])),
        from_draws("normal, r .3", normal(0.3), None),
        from_draws("normal, r .8", normal(0.8), None),
        from_draws("lognormal", long_tailed, None),
        from_draws("expected score against 0–4", expected_scores, None, (0.0, 4.0)),
        from_draws("0–4, clusters of 5", clustered(5, 5), SCALE),
        from_draws("0–4, clusters of 1–10", clustered(1, 10), SCALE),
    ]
    return {population.title: population for population in every}


def _always(score: int) -> Floats:
    table = np.zeros((5, 5))
    table[:, score] = 0.2
    return table
