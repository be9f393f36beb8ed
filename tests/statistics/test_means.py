"""Means with clusters against scipy and by hand, and the split between items and judge."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from referee.errors import DataError
from referee.statistics import Estimate, mean_score, repeat_split


def ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


def test_the_interval_of_evenly_spread_scores_is_students() -> None:
    scores = [0.0, 1.0, 2.0, 3.0, 4.0] * 8
    reach = stats.t.ppf(0.975, 39) * np.std(scores, ddof=1) / math.sqrt(40)
    assert ends(mean_score(scores)) == pytest.approx((2 - reach, 2 + reach))


def test_the_clustered_error_by_hand() -> None:
    # Clusters {1, 3}, {5, 7}, {2, 6}: mean 4, sums of deviations −4, 4, 0; SE = sqrt(3/2·32)/6.
    estimate = mean_score([1, 3, 5, 7, 2, 6], clusters=["a", "a", "b", "b", "c", "c"])
    low, high = ends(estimate)
    assert estimate.value == 4
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 2) * math.sqrt(48) / 6)


def test_an_outlier_leaves_fewer_degrees_of_freedom() -> None:
    scores = [1.0, 2.0] * 10 + [50.0]
    plain = stats.t.ppf(0.975, 20) * np.std(scores, ddof=1) / math.sqrt(21)
    found = mean_score(scores)
    low, high = ends(found)
    assert (high - low) / 2 > 1.5 * plain


def test_unbounded_scores_with_a_long_tail_are_warned_of_and_a_scales_are_not() -> None:
    rng = np.random.default_rng(2)
    assert mean_score(rng.lognormal(0, 1, 40)).warnings == (
        "a long tail of which 40 rows show too little; the interval may cover too seldom",
    )
    assert mean_score(rng.choice(5, 40, p=[0.05, 0, 0, 0.05, 0.9])).warnings == ()
    assert mean_score(rng.normal(size=40)).warnings == ()


@pytest.mark.parametrize(
    ("scores", "text"),
    [
        ([], "undefined: no row has a score"),
        ([None, math.nan], "undefined: no row has a score"),
        ([3], "3.00 (no interval: 1 row)"),
        ([0.1] * 6, "0.10 (no interval: all 6 rows score 0.1, so they show no error to judge it by)"),
    ],
)
def test_degenerate_columns_are_named(scores: list[float | None], text: str) -> None:
    assert str(mean_score(scores)) == text


def test_rows_of_one_cluster_have_no_interval() -> None:
    assert str(mean_score([1, 2], clusters=[0, 0])) == "1.50 (no interval: all rows are one cluster)"


@given(st.lists(st.integers(0, 4), min_size=3, max_size=30), st.floats(-9, 9), st.sampled_from([0.5, 2.0]))
def test_the_interval_moves_with_the_scores(scores: list[int], shift: float, factor: float) -> None:
    plain, moved = mean_score(scores), mean_score([factor * s + shift for s in scores])
    if plain.low is not None and plain.high is not None:
        assert ends(moved) == pytest.approx((factor * plain.low + shift, factor * plain.high + shift), abs=1e-9)


def test_repeats_split_the_variance() -> None:
    rng = np.random.default_rng(4)
    items = rng.normal(2, 1.0, 2_000)
    split = repeat_split(items[:, None] + rng.normal(0, 0.5, (2_000, 4)))
    assert split.item_variance == pytest.approx(1.0, rel=0.1)
    assert split.judge_variance == pytest.approx(0.25, rel=0.1)
    assert split.judge_share == pytest.approx(0.0625 / 1.0625, rel=0.1)
    assert split.standard_error(500, 1) == pytest.approx(math.sqrt(1.25 / 500), rel=0.05)
    low, high = ends(split.mean)
    assert (high - low) / (2 * 1.96) == pytest.approx(split.standard_error(2_000, 4), rel=0.01)


def test_items_may_lack_repeats() -> None:
    split = repeat_split([[1, 3], [2, None], [None, None], [4, 4]])
    assert (split.items, split.left_out) == (3, 1)
    assert split.judge_variance == 1.0
    assert split.repeats == pytest.approx(1.5)


def test_a_judge_without_noise_has_no_share() -> None:
    assert repeat_split([[1, 1], [2, 2], [4, 4]]).judge_share == 0


def test_single_judgments_cannot_be_split() -> None:
    with pytest.raises(DataError, match="2 items have scores and 0 of them more than one"):
        repeat_split([[1], [2]])
