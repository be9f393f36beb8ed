"""Intervals hold the truth about as often as they say: small versions of `benchmarks/simulate_coverage.py`.

Bounds are four standard errors of the number of repetitions, so that chance fails a test once in 30,000 runs at most.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from referee.statistics import Estimate, agreement, compare_agreement, mean_score, ppi, rogan_gladen
from referee.statistics.columns import Floats
from referee.statistics.figures import Pairs

ROOT = Path(__file__).parents[2]
SKEWED = np.array([0.02, 0.03, 0.10, 0.25, 0.60])


def judged(people: Floats, noise: float) -> Floats:
    """Probabilities (people, judge) on 0 … 4 with Laplace errors of the judge."""
    scale = np.arange(5.0)
    chance = np.exp(-np.abs(scale[None, :] - scale[:, None]) / noise)
    return people[:, None] * chance / chance.sum(axis=1, keepdims=True)


def holds(estimate: Estimate, truth: float) -> bool:
    return estimate.low is not None and estimate.high is not None and estimate.low <= truth <= estimate.high


def lowest(repetitions: int) -> float:
    return 0.95 - 4 * (0.95 * 0.05 / repetitions) ** 0.5


@pytest.mark.parametrize("n", [20, 60])
def test_agreement_of_skewed_scores(n: int) -> None:
    table = judged(SKEWED, 1.0).ravel()
    people, judge = (grid.ravel().astype(np.float64) for grid in np.indices((5, 5)))
    exact = Pairs(judge, people, table * 1e9, np.arange(5.0)).figures(table[:, None] * 1e9)
    rng = np.random.default_rng(n)
    held: Counter[str] = Counter()
    names = ("pearson", "spearman", "kendall", "mae", "bias", "exact", "kappa", "quadratic_kappa", "alpha_ordinal")
    for _ in range(400):
        cell = rng.choice(25, n, p=table)
        found = agreement(judge[cell], people[cell], categories=range(5))
        for name in names:
            held[name] += holds(getattr(found, name), float(exact[name][0]))
    assert {name: held[name] / 400 for name in names if held[name] / 400 < lowest(400)} == {}


def test_means_of_skewed_and_clustered_scores() -> None:
    rng = np.random.default_rng(0)
    skewed = [holds(mean_score(rng.choice(5, 30, p=SKEWED)), float(SKEWED @ np.arange(5))) for _ in range(1_000)]
    assert np.mean(skewed) > lowest(1_000)
    clusters = np.repeat(np.arange(20), 5)
    clustered = [
        holds(mean_score(rng.normal(size=20)[clusters] + rng.normal(size=100), clusters=clusters), 0.0)
        for _ in range(1_000)
    ]
    assert np.mean(clustered) > lowest(1_000)


def test_differences_of_two_like_judges() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(300):
        people = rng.integers(0, 5, 40)
        first, second = (np.clip(people + np.rint(rng.normal(0, 1, 40)), 0, 4) for _ in range(2))
        held += holds(compare_agreement(first, second, people).figures["pearson"].difference, 0.0)
    assert held / 300 > lowest(300)


class TestCorrected:
    """The table of the specification, in small: which estimator covers when."""

    def verdicts(self, rng: np.random.Generator, n: int, theta: float, q0: float, q1: float) -> tuple[Floats, Floats]:
        people = (rng.random(n) < theta).astype(np.float64)
        return people, np.where(people == 1, rng.random(n) < q1, rng.random(n) >= q0).astype(np.float64)

    def covered(self, theta: float, labelled: float, q0: float, q1: float, m: int) -> dict[str, float]:
        rng = np.random.default_rng(2)
        held: Counter[str] = Counter()
        for _ in range(200):
            people, judge = self.verdicts(rng, m, labelled, q0, q1)
            others = self.verdicts(rng, 2_000, theta, q0, q1)[1]
            found = ppi(people, judge, others, check=False)
            held["alone"] += holds(found.uncorrected, theta)
            held["ppi"] += holds(found.estimate, theta)
            held["rogan gladen"] += holds(rogan_gladen(people, judge, others).estimate, theta)
        return {name: count / 200 for name, count in held.items()}

    @pytest.mark.parametrize(
        ("theta", "q0", "q1", "m"), [(0.5, 0.75, 0.95, 200), (0.8, 0.7, 0.9, 200), (0.3, 0.8, 0.9, 50)]
    )
    def test_a_random_sample(self, theta: float, q0: float, q1: float, m: int) -> None:
        found = self.covered(theta, theta, q0, q1, m)
        assert found["ppi"] > lowest(200)
        assert found["rogan gladen"] > lowest(200)
        assert found.get("alone", 0) < 0.6

    def test_labels_of_another_base_rate(self) -> None:
        found = self.covered(0.3, 0.5, 0.8, 0.9, 200)
        assert found["rogan gladen"] > lowest(200)
        assert found["ppi"] < 0.1


def test_the_simulation_puts_its_table_into_a_page(tmp_path: Path) -> None:
    script, page = ROOT / "benchmarks" / "simulate_coverage.py", tmp_path / "page.md"
    mark = "<!-- coverage tables, written by `make simulate`: do not edit below -->"
    page.write_text(f"# Mine\n\n{mark}\n\n### Rates\n\nold\n\n### Pairwise\n\nkept\n", encoding="utf-8")
    command = [sys.executable, str(script), "--scale", "0.02", "--only", "rates", "--workers", "1", "--into", str(page)]
    paths = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": paths})
    assert "### Rates\n\n80 repetitions a cell" in done.stdout
    written = page.read_text(encoding="utf-8")
    assert written.startswith(f"# Mine\n\n{mark}\n\nCoverage at nominal 95 %")
    assert "\n\n| setting | n | rate |\n| --- | ---: | --- |\n| p = 0.02 | 10 | " in written
    assert "old" not in written
    assert written.endswith("\n\n### Pairwise\n\nkept\n")
