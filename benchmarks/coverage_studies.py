"""What is measured: for each family of intervals, the cells of its grid and how one repetition of a cell goes.

A repetition draws rows from a population and answers with estimates and the truth that each should cover.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from coverage_populations import Population, agreement_populations, clustered, judged
from coverage_recorded import corrected, settings

from referee.errors import EstimatorError
from referee.statistics import (
    Estimate,
    agreement,
    bradley_terry,
    compare_agreement,
    compare_means,
    compare_rates,
    human_ceiling,
    krippendorff_alpha,
    label_agreement,
    length_controlled_win_rate,
    mean_score,
    ppi,
    rate,
    rogan_gladen,
    within_groups,
)
from referee.statistics.columns import Floats

Outcome = dict[str, tuple[Estimate | None, float]]
"""By column of the table: the estimate (None where it was refused) and the truth."""
Repeat = Callable[[np.random.Generator], Outcome]
DRAWS = 1_000
"""Resamples of each bootstrap here; the product takes 2,000, which changes coverage by less than the table shows."""


@dataclass(frozen=True)
class Cell:
    """One line of a table: a population at a size."""

    setting: str
    n: int
    repeat: Repeat


AGREEMENT_COLUMNS = {
    "pearson": "r", "spearman": "ρ", "kendall": "τ-b", "mae": "MAE", "rmse": "RMSE", "bias": "bias", "exact": "exact",
    "within_one": "±1", "kappa": "κ", "quadratic_kappa": "κ²", "ac1": "AC1", "alpha_nominal": "α nom",
    "alpha_ordinal": "α ord", "alpha_interval": "α int",
}  # fmt: skip
populations = cache(agreement_populations)


def agreement_cells() -> Iterator[Cell]:
    for population in populations().values():
        discrete = population.categories is not None
        for n in (10, 20, 50, 100, 300, 1_000) if discrete else (10, 20, 50, 100, 300):
            yield Cell(population.title, n, lambda rng, p=population, n=n: _agreement(p, n, rng))


def _agreement(population: Population, n: int, rng: np.random.Generator) -> Outcome:
    judge, people, clusters = population.draw(rng, n)
    found = agreement(
        judge, people, clusters=clusters, categories=population.categories, bounds=population.bounds, draws=DRAWS
    )
    return {
        column: (getattr(found, name), population.truth[name])
        for name, column in AGREEMENT_COLUMNS.items()
        if name in population.truth
    }


def rate_cells() -> Iterator[Cell]:
    for p in (0.02, 0.1, 0.5, 0.9):
        for n in (10, 20, 50, 200, 1_000):
            yield Cell(f"p = {p}", n, lambda rng, p=p, n=n: {"rate": (rate(rng.random(n) < p), p)})
    for n in (10, 20, 50, 200):
        yield Cell("p = 0.3, clusters of 5", n, lambda rng, n=n: _clustered_rate(n, rng))


def _clustered_rate(n: int, rng: np.random.Generator) -> Outcome:
    chance = rng.beta(1.5, 3.5, n)
    outcomes = rng.random((n, 5)) < chance[:, None]
    return {"rate": (rate(outcomes.ravel(), clusters=np.repeat(np.arange(n), 5)), 0.3)}


def mean_cells() -> Iterator[Cell]:
    skewed, cut = np.array([0.02, 0.03, 0.10, 0.25, 0.60]), np.arange(5.0)
    draws: dict[str, tuple[Callable[[np.random.Generator, int], Floats], float]] = {
        "normal": (lambda rng, n: rng.normal(1, 1, n), 1.0),
        "0–4, 60 % at 4": (lambda rng, n: rng.choice(cut, n, p=skewed), float(skewed @ cut)),
        "0–4, 90 % at 4": (lambda rng, n: rng.choice(cut, n, p=[0.05, 0, 0, 0.05, 0.9]), 3.75),
        "lognormal": (lambda rng, n: rng.lognormal(0, 1, n), float(np.exp(0.5))),
    }
    for title, (draw, truth) in draws.items():
        for n in (5, 10, 20, 50, 200, 1_000):
            yield Cell(title, n, lambda rng, d=draw, t=truth, n=n: {"mean": (mean_score(d(rng, n)), t)})
    for title, sizes in (("clusters of 5", (5, 5)), ("clusters of 1–10", (1, 10))):
        for n in (5, 10, 20, 50, 200):
            yield Cell(title, n, lambda rng, s=sizes, n=n: _clustered_mean(s, n, rng))


def _clustered_mean(sizes: tuple[int, int], n: int, rng: np.random.Generator) -> Outcome:
    counts = rng.integers(sizes[0], sizes[1] + 1, n)
    clusters = np.repeat(np.arange(n), counts)
    scores = rng.normal(0, 1, n)[clusters] + rng.normal(0, 1, len(clusters))
    return {"mean": (mean_score(scores, clusters=clusters), 0.0)}


PAIRED_FIGURES = ("pearson", "spearman", "kendall", "mae", "rmse", "kappa", "quadratic_kappa", "alpha_ordinal", "exact")


def paired_cells() -> Iterator[Cell]:
    for title, noises in (("two alike", (0.9, 0.9)), ("one better", (0.7, 1.2)), ("one far better", (0.4, 2.0))):
        for n in (20, 50, 100, 300):
            yield Cell(f"0–4, {title}", n, lambda rng, s=noises, n=n: _paired(s, n, rng))


def _pair_of_judges(noises: tuple[float, float], n: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    people = rng.choice(5, n, p=[0.1, 0.1, 0.2, 0.3, 0.3]).astype(np.float64)
    shared = rng.normal(0, 0.5, n)
    judges = [np.clip(np.rint(people + shared + rng.normal(0, noise, n)), 0, 4) for noise in noises]
    return judges[0], judges[1], people


@cache
def _paired_truth(noises: tuple[float, float]) -> dict[str, float]:
    first, second, people = _pair_of_judges(noises, 400_000, np.random.default_rng(321))
    one, two = (agreement(judge, people, categories=range(5), draws=2) for judge in (first, second))
    truth = {name: (getattr(one, name).value or 0.0) - (getattr(two, name).value or 0.0) for name in PAIRED_FIGURES}
    # Judges of equal noise are equal by construction, which no sample shows to the last digit.
    return {name: 0.0 if noises[0] == noises[1] else value for name, value in truth.items()}


def _paired(noises: tuple[float, float], n: int, rng: np.random.Generator) -> Outcome:
    first, second, people = _pair_of_judges(noises, n, rng)
    truth = _paired_truth(noises)
    found = compare_agreement(first, second, people, categories=range(5), draws=DRAWS)
    out: Outcome = {
        f"Δ {AGREEMENT_COLUMNS[name]}": (found.figures[name].difference, truth[name]) for name in PAIRED_FIGURES
    }
    errors = [np.abs(judge - people) for judge in (first, second)]
    out["Δ mean"] = (compare_means(errors[0], errors[1]).difference, truth["mae"])
    out["Δ rate"] = (compare_rates(errors[0] == 0, errors[1] == 0).difference, truth["exact"])
    return out


def corrected_cells() -> Iterator[Cell]:
    for theta, labelled, q0, q1, m in (
        (0.5, None, 0.75, 0.95, 200), (0.8, None, 0.7, 0.9, 200), (0.3, None, 0.8, 0.9, 50), (0.3, 0.5, 0.8, 0.9, 200),
        (0.1, None, 0.9, 0.8, 50), (0.5, None, 0.8, 0.9, 20),
    ):  # fmt: skip
        where = "" if labelled is None else f", labelled rows at {labelled}"
        setting = f"θ = {theta}{where}, q₀ = {q0}, q₁ = {q1}, N = 2000"
        yield Cell(setting, m, lambda rng, a=(theta, labelled, q0, q1, m): _corrected(*a, rng))
    for m in (20, 50, 200):
        yield Cell("scores 0–4, N = 2000", m, lambda rng, m=m: _corrected_scores(m, rng))


def _verdicts(n: int, theta: float, q0: float, q1: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    people = (rng.random(n) < theta).astype(np.float64)
    return people, np.where(people == 1, rng.random(n) < q1, rng.random(n) >= q0).astype(np.float64)


def _corrected(theta: float, labelled: float | None, q0: float, q1: float, m: int, rng: np.random.Generator) -> Outcome:
    people, judge = _verdicts(m, theta if labelled is None else labelled, q0, q1, rng)
    others = _verdicts(2_000, theta, q0, q1, rng)[1]
    found = ppi(people, judge, others, check=False)
    try:
        moved = rogan_gladen(people, judge, others).estimate
    except EstimatorError:
        moved = None
    return {
        "uncorrected": (found.uncorrected, theta),
        "Rogan–Gladen": (moved, theta),
        "PPI++": (found.estimate, theta),
        "humans only": (found.humans_only, theta),
    }


def _corrected_scores(m: int, rng: np.random.Generator) -> Outcome:
    people, judge = _scores(m, rng)
    found = ppi(people, judge, _scores(2_000, rng)[1], check=False)
    truth = 0.15 * 1 + 0.3 * 2 + 0.3 * 3 + 0.2 * 4
    return {
        "uncorrected": (found.uncorrected, truth),
        "PPI++": (found.estimate, truth),
        "humans only": (found.humans_only, truth),
    }


def _scores(n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    table = judged([0.05, 0.15, 0.3, 0.3, 0.2], 0.8, drift=0.7)
    cell = rng.choice(25, n, p=table.ravel())
    return (cell // 5).astype(np.float64), (cell % 5).astype(np.float64)


def label_cells() -> Iterator[Cell]:
    for theta in (0.5, 0.2):
        for n in (20, 50, 100, 300):
            yield Cell(f"θ = {theta}, q₀ = 0.8, q₁ = 0.9", n, lambda rng, t=theta, n=n: _labels(t, n, rng))


def _labels(theta: float, n: int, rng: np.random.Generator) -> Outcome:
    people, judge = _verdicts(n, theta, 0.8, 0.9, rng)
    one = label_agreement(judge.tolist(), people.tolist(), labels=[0.0, 1.0], draws=DRAWS).by_label[1.0]
    given = theta * 0.9 + (1 - theta) * 0.2
    return {
        "sensitivity": (one.sensitivity, 0.9),
        "specificity": (one.specificity, 0.8),
        "precision": (one.precision, theta * 0.9 / given),
        "F1": (one.f1, 2 * theta * 0.9 / (theta + given)),
        "balanced accuracy": (one.balanced_accuracy, 0.85),
        "signal retained": (one.signal_retained, 0.7),
    }


def ranking_cells() -> Iterator[Cell]:
    for n in (50, 100, 300):
        yield Cell("4 players", n, lambda rng, n=n: _ranking(n, rng))
        yield Cell("length decides in part", n, lambda rng, n=n: _length(n, rng))


STRENGTHS = np.array([0.8, 0.2, -0.2, -0.8])


def _ranking(n: int, rng: np.random.Generator) -> Outcome:
    i = rng.integers(0, 4, n)
    j = (i + rng.integers(1, 4, n)) % 4
    won = rng.random(n) < 1 / (1 + np.exp(STRENGTHS[j] - STRENGTHS[i]))
    found = bradley_terry(i.tolist(), j.tolist(), won, draws=300)
    chance = (1 / (1 + np.exp(STRENGTHS - STRENGTHS[0]))).sum() - 0.5
    if set(found.strengths) != {0, 1, 2, 3}:
        return {}
    return {
        "strength, best": (found.strengths[0], 0.8),
        "strength, third": (found.strengths[2], -0.2),
        "win chance, best": (found.win_probability[0], float(chance / 3)),
    }


def _length(n: int, rng: np.random.Generator) -> Outcome:
    longer = rng.normal(0.5, 1, n)
    spread = np.sqrt(1.25)
    won = rng.random(n) < 1 / (1 + np.exp(-(0.3 + 1.0 * np.tanh(longer / spread))))
    found = length_controlled_win_rate(won, longer, draws=300)
    return {"win rate at equal length": (found.rate, float(1 / (1 + np.exp(-0.3))))}


def rater_cells() -> Iterator[Cell]:
    for n in (10, 20, 50, 100, 300):
        yield Cell("3 people, 1–5, a fifth missing", n, lambda rng, n=n: _raters(n, rng))


def _ratings(n: int, rng: np.random.Generator) -> Floats:
    quality = rng.normal(3, 1, n)
    table = np.clip(np.rint(quality[:, None] + rng.normal(0, 0.8, (n, 3))), 1, 5)
    table[rng.random(table.shape) < 0.2] = np.nan
    return table


@cache
def _rater_truth() -> dict[str, float]:
    table = _ratings(60_000, np.random.default_rng(321))
    truth = {
        level: krippendorff_alpha(table, level, draws=2).value or 0.0 for level in ("nominal", "ordinal", "interval")
    }
    ceiling = human_ceiling(table[:40_000], draws=2)
    return truth | {"pearson": ceiling.pearson.value or 0.0, "mae": ceiling.mae.value or 0.0}


def _raters(n: int, rng: np.random.Generator) -> Outcome:
    table, truth = _ratings(n, rng), _rater_truth()
    ceiling = human_ceiling(table, draws=DRAWS)
    out: Outcome = {
        f"α {level}": (krippendorff_alpha(table, level, draws=DRAWS), truth[level])
        for level in ("nominal", "ordinal", "interval")
    }
    return out | {"ceiling r": (ceiling.pearson, truth["pearson"]), "ceiling MAE": (ceiling.mae, truth["mae"])}


def grouping_cells() -> Iterator[Cell]:
    for n in (5, 10, 20, 50, 100):
        yield Cell("groups of 8", n, lambda rng, n=n: _within(n, rng))


@cache
def _within_truth() -> float:
    judge, people, clusters = clustered(8, 8)(np.random.default_rng(321), 5_000)
    assert clusters is not None
    return within_groups(judge, people, clusters).kendall.value or 0.0


def _within(n: int, rng: np.random.Generator) -> Outcome:
    judge, people, clusters = clustered(8, 8)(rng, n)
    assert clusters is not None
    return {"mean τ-b within groups": (within_groups(judge, people, clusters).kendall, _within_truth())}


def recorded_cells() -> Iterator[Cell]:
    for setting, labelled, source, rate_ in settings():
        yield Cell(setting, labelled, lambda rng, s=source, n=labelled, r=rate_: corrected(s, n, r, rng))


STUDIES: dict[str, Callable[[], Iterator[Cell]]] = {
    "agreement": agreement_cells,
    "rates": rate_cells,
    "means": mean_cells,
    "comparisons": paired_cells,
    "corrected means": corrected_cells,
    "recorded judgments": recorded_cells,
    "labels": label_cells,
    "raters": rater_cells,
    "within groups": grouping_cells,
    "pairwise": ranking_cells,
}
