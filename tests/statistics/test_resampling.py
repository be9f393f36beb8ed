"""The pieces under every interval: distinct rows, leave-outs, and the memory that they take."""

from __future__ import annotations

import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from referee.statistics import agreement
from referee.statistics.columns import Floats
from referee.statistics.figures import EXACT_KENDALL
from referee.statistics.resampling import JACKKNIFE_GROUPS, draws, jackknife, support

SCORES = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.5, 1.0, 2.25])), min_size=1, max_size=60)


@given(SCORES)
def test_distinct_rows_are_those_that_sorting_whole_rows_finds(rows: list[tuple[int, float]]) -> None:
    stacked = np.array(rows, dtype=float)
    found = support([stacked[:, 0], stacked[:, 1]], np.arange(len(rows)))
    points, kinds, counts = np.unique(stacked, axis=0, return_inverse=True, return_counts=True)
    assert np.array_equal(found.points, points)
    assert np.array_equal(found.row_kind, kinds.reshape(-1))
    assert np.array_equal(found.counts, counts)


@given(SCORES, st.integers(1, 20))
def test_each_cluster_is_left_out_once_and_whole(rows: list[tuple[int, float]], clusters: int) -> None:
    stacked = np.array(rows, dtype=float)
    codes = np.unique(np.arange(len(rows)) % clusters, return_inverse=True)[1]
    held = support([stacked[:, 0], stacked[:, 1]], codes)
    seen: list[Floats] = []
    found = jackknife(
        held, lambda weights: (seen.append(weights), {"n": weights.sum(axis=0)})[1], np.random.default_rng()
    )
    left_out = held.counts[:, None] - np.column_stack(seen)
    assert (left_out >= 0).all()
    assert (left_out @ found.multiplicity == held.counts).all()


def test_more_clusters_than_groups_are_left_out_in_groups_of_about_equal_size() -> None:
    rng = np.random.default_rng(0)
    held = support([rng.normal(size=5_000)], np.arange(5_000) // 2)
    sizes = held.counts.sum() - jackknife(held, lambda weights: {"n": weights.sum(axis=0)}, rng).values["n"]
    assert len(sizes) == JACKKNIFE_GROUPS
    assert sizes.sum() == 5_000
    assert set(sizes) == {12.0, 14.0}


def test_resamples_hold_as_many_clusters_as_there_are() -> None:
    rng = np.random.default_rng(0)
    held = support([rng.integers(0, 3, 40).astype(float)], np.arange(40))
    drawn = np.column_stack(list(draws(held, 500, rng)))
    assert drawn.shape == (3, 500)
    assert (drawn.sum(axis=0) == 40).all()
    assert np.abs(drawn.mean(axis=1) - held.counts).max() < 1


def test_kendalls_tau_of_more_rows_than_are_compared_in_pairs_is_exact() -> None:
    rng = np.random.default_rng(0)
    n = EXACT_KENDALL + 500
    for people in (rng.normal(size=n), rng.integers(0, 5, n).astype(float)):
        judge = np.round(people + rng.normal(size=n), 3)
        found = agreement(judge, people, draws=20)
        assert found.kendall.value is not None
        assert abs(found.kendall.value - stats.kendalltau(judge, people)[0]) < 1e-9


def test_memory_grows_no_faster_than_the_rows() -> None:
    rng = np.random.default_rng(0)
    n = 60_000
    people = rng.integers(0, 5, n).astype(float)
    judge = np.clip(np.rint(people + rng.normal(size=n)), 0, 4)
    agreement(judge[:100], people[:100])
    tracemalloc.start()
    agreement(judge, people, clusters=np.arange(n) // 2, draws=50)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000 * n  # a table of clusters by leave-outs would take 1,600 bytes a row


def test_where_resamples_would_take_minutes_the_jackknife_answers() -> None:
    rng = np.random.default_rng(0)
    people = rng.integers(0, 5, 800).astype(float)
    judge = np.clip(np.rint(people + rng.normal(size=800)), 0, 4)
    clusters = np.arange(800) // 2
    few, many = (agreement(judge, people, clusters=clusters, draws=number).pearson for number in (2_000, 1_000_000))
    assert few.method == "BCa bootstrap over 400 clusters"
    assert many.method == "jackknife t over 400 clusters"
    assert abs((many.low or 0) - (few.low or 1)) < 0.01
    assert abs((many.high or 0) - (few.high or 1)) < 0.01
