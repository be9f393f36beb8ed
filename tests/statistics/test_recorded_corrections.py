"""Recorded judgments with most labels hidden: corrected means hold what all labels say, where the judge alone does not.

The small version of a table in `docs/statistics.md`; `benchmarks/coverage_recorded.py` draws the rows for both.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
REPETITIONS = 200
LOWEST = 0.95 - 4 * (0.95 * 0.05 / REPETITIONS) ** 0.5
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the recorded judgments are not at {DATA}"),
]


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import coverage_recorded

    return coverage_recorded


def shares(study: Any, title: str, labelled: int, rate: float | None = None) -> tuple[dict[str, float], float]:
    """How often each estimate held the truth where it was given, and how often Rogan–Gladen was refused or warned."""
    source = next(one for one in study.recorded() if one.title == title)
    rng = np.random.default_rng(7)
    held: Counter[str] = Counter()
    given: Counter[str] = Counter()
    for _ in range(REPETITIONS):
        for name, (estimate, truth) in study.corrected(source, labelled, rate, rng).items():
            if estimate is not None and estimate.has_interval and not estimate.warnings:
                given[name] += 1
                held[name] += not estimate.excludes(truth)
    return {name: held[name] / count for name, count in given.items()}, 1 - given["Rogan–Gladen"] / REPETITIONS


def test_a_judge_that_favours_the_first_answer(study: Any) -> None:
    # It calls the first answer better in 67 % of pairs; people do in half of them.
    found, refused = shares(study, "LLMBar, ChatGPT/Vanilla_NoRules", 100)
    assert found["judge alone"] == 0
    assert found["PPI++"] > LOWEST
    assert found["humans only"] > LOWEST
    assert refused > 0.5  # this judge is hardly above chance, and Rogan–Gladen says so


def test_a_judge_that_misses_answers_in_other_words(study: Any) -> None:
    found, refused = shares(study, "EVOUNA, GPT-3.5, containment", 150)
    assert found["judge alone"] == 0
    assert min(found["PPI++"], found["Rogan–Gladen"], found["humans only"]) > LOWEST
    assert refused == 0


def test_labels_of_another_base_rate(study: Any) -> None:
    found, _ = shares(study, "EVOUNA, ChatGPT, containment", 150, 0.5)
    assert found["Rogan–Gladen"] > LOWEST
    assert max(found["PPI++"], found["humans only"], found["judge alone"]) < 0.05
