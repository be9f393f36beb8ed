"""Correlations within items and between systems answer different questions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from referee.statistics import agreement, between_groups, within_groups


def systems_on_documents(seed: int = 0, documents: int = 30) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    document, system = (grid.ravel() for grid in np.meshgrid(np.arange(documents), np.arange(8), indexing="ij"))
    human = rng.normal(size=len(document)) + 0.3 * system
    judge = human + rng.normal(size=len(document)) + 3 * rng.normal(size=documents)[document]
    return judge, human, document, system


def test_few_groups_carry_a_warning() -> None:
    for documents in (39, 40):
        judge, human, document, _ = systems_on_documents(documents=documents)
        found = within_groups(judge, human, document)
        for estimate in (found.pearson, found.spearman, found.kendall):
            assert any("39 groups" in warning for warning in estimate.warnings) == (documents == 39)


def test_within_is_the_mean_of_each_groups_correlation() -> None:
    judge, human, document, _ = systems_on_documents()
    found = within_groups(judge, human, document)
    each = [stats.kendalltau(judge[document == d], human[document == d])[0] for d in range(30)]
    assert found.kendall.value == pytest.approx(np.mean(each))
    assert found.groups == 30


def test_a_judge_can_be_good_within_and_poor_over_all() -> None:
    judge, human, document, system = systems_on_documents()
    inside = within_groups(judge, human, document).pearson.value or 0
    overall = agreement(judge, human, clusters=document).pearson.value or 0
    among = between_groups(judge, human, system)
    assert inside > overall + 0.2
    assert among.n == 8
    assert (among.pearson.value or 0) > 0.8


def test_constant_groups_are_left_out_and_counted() -> None:
    found = within_groups([1, 2, 3, 3, 1, 2, 5], [1, 2, 1, 2, 4, 4, 1], ["a", "a", "b", "b", "c", "c", "d"])
    assert found.groups == 1
    assert found.left_out == {"constant judge scores": 1, "constant human scores": 1, "a single row": 1}


def test_no_group_with_a_correlation() -> None:
    assert str(within_groups([1], [1], ["a"]).pearson) == "undefined: no group has a correlation"
