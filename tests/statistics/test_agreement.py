"""Agreement figures against scipy, scikit-learn and krippendorff; degenerate columns; what the interval promises."""

from __future__ import annotations

import math
import time

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from referee.errors import DataError
from referee.statistics import Agreement, Estimate, agreement

TUTORIAL_HUMAN = [4, 0, 3, 1, 2]
FIGURES = ("pearson", "spearman", "kendall", "mae", "rmse", "bias", "exact", "within_one", "kappa",
           "quadratic_kappa", "ac1", "alpha_nominal", "alpha_ordinal", "alpha_interval")  # fmt: skip


def noisy_scores(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    human = rng.integers(0, 5, n)
    return np.clip(human + rng.integers(-2, 3, n), 0, 4), human


def value(estimate: Estimate) -> float:
    assert estimate.value is not None, estimate.reason
    return estimate.value


def test_discrete_figures_equal_the_reference_libraries() -> None:
    judge, human = noisy_scores(60)
    found = agreement(judge, human, categories=range(5), draws=50)
    expected = {
        "pearson": stats.pearsonr(judge, human)[0],
        "spearman": stats.spearmanr(judge, human)[0],
        "kendall": stats.kendalltau(judge, human)[0],
        "mae": metrics.mean_absolute_error(human, judge),
        "rmse": math.sqrt(metrics.mean_squared_error(human, judge)),
        "bias": float(np.mean(judge - human)),
        "exact": metrics.accuracy_score(human, judge),
        "within_one": float(np.mean(np.abs(judge - human) <= 1)),
        "kappa": metrics.cohen_kappa_score(judge, human),
        "quadratic_kappa": metrics.cohen_kappa_score(judge, human, weights="quadratic", labels=range(5)),
        "alpha_nominal": krippendorff.alpha(np.array([judge, human]), level_of_measurement="nominal"),
        "alpha_ordinal": krippendorff.alpha(np.array([judge, human]), level_of_measurement="ordinal"),
        "alpha_interval": krippendorff.alpha(np.array([judge, human]), level_of_measurement="interval"),
    }
    assert {name: value(getattr(found, name)) for name in expected} == pytest.approx(expected, abs=1e-12)


def test_continuous_figures_equal_the_reference_libraries() -> None:
    rng = np.random.default_rng(3)
    human = rng.normal(size=80)
    judge = human + rng.normal(size=80) + 0.5
    found = agreement(judge, human, draws=50)
    assert value(found.pearson) == pytest.approx(stats.pearsonr(judge, human)[0], abs=1e-12)
    assert value(found.spearman) == pytest.approx(stats.spearmanr(judge, human)[0], abs=1e-12)
    assert value(found.kendall) == pytest.approx(stats.kendalltau(judge, human)[0], abs=1e-12)
    assert value(found.alpha_interval) == pytest.approx(
        krippendorff.alpha(np.array([judge, human]), level_of_measurement="interval"), abs=1e-12
    )
    assert "160 different values" in str(found.kappa)


def test_gwets_ac1_by_hand() -> None:
    # 2 × 2: 9 both yes, 1 judge only. po = .9, share of yes = .95, chance = 2·.95·.05 = .095.
    found = agreement([1] * 10, [1] * 9 + [0], draws=50)
    assert value(found.ac1) == pytest.approx((0.9 - 0.095) / (1 - 0.095))


def test_ac1_depends_on_the_categories_that_the_scale_allows() -> None:
    judge, human = [0, 1, 1, 0, 1], [0, 1, 0, 0, 1]
    assert value(agreement(judge, human, categories=range(5), draws=9).ac1) > value(
        agreement(judge, human, draws=9).ac1
    )


def test_beyond_2000_distinct_rows_kendall_is_still_scipys() -> None:
    rng = np.random.default_rng(5)
    human = rng.normal(size=2_500)
    judge = (human + rng.normal(size=2_500)).round(2)  # with ties
    found = agreement(judge, human, draws=500).kendall
    assert value(found) == pytest.approx(stats.kendalltau(judge, human)[0], abs=1e-12)
    # Kendall and Gibbons: the asymptotic standard error of tau between normal columns of correlation rho.
    rho = math.sqrt(0.5)
    error = math.sqrt(4 / 2_500 * (1 / 9 - 4 / math.pi**2 * math.asin(rho / 2) ** 2))
    assert found.high is not None
    assert found.low is not None
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(error, rel=0.2)


def test_the_baseline_is_the_best_constant_answer() -> None:
    baseline = agreement([1, 2, 3, 4], [0, 0, 0, 4], draws=9).baseline
    assert baseline is not None
    assert (baseline.commonest, baseline.exact) == (0, 0.75)
    assert (baseline.median, baseline.mae) == (0, 1)
    assert (baseline.mean, baseline.rmse) == (1, math.sqrt(3))


class TestDegenerate:
    def test_a_constant_judge_is_named(self) -> None:
        found = agreement([3] * 5, TUTORIAL_HUMAN, draws=50)
        for name in ("pearson", "spearman", "kendall", "kappa", "quadratic_kappa"):
            assert str(getattr(found, name)) == "undefined: the judge gave every row 3"
        assert value(found.mae) == pytest.approx(1.4)

    def test_constant_people_are_named(self) -> None:
        found = agreement(TUTORIAL_HUMAN, [2] * 5, draws=50)
        assert str(found.pearson) == "undefined: people gave every row 2"

    def test_both_constant_and_equal_leave_only_the_plain_figures(self) -> None:
        found = agreement([3, 3, 3], [3, 3, 3], draws=50)
        defined = [name for name in FIGURES if getattr(found, name).is_defined]
        assert defined == ["mae", "rmse", "bias", "exact", "within_one"]
        assert str(found.alpha_nominal) == "undefined: the judge gave every row 3 and people gave every row 3"

    def test_no_row_and_one_row(self) -> None:
        assert str(agreement([], []).mae) == "undefined: no row has both scores"
        assert "only 1 row" in str(agreement([1, math.nan], [1, 2]).pearson)

    def test_one_cluster_has_values_and_no_interval(self) -> None:
        found = agreement(TUTORIAL_HUMAN, [4, 1, 3, 1, 2], clusters=["doc"] * 5, draws=50)
        assert found.pearson.value is not None
        assert "no interval: all rows are one cluster" in str(found.pearson)

    def test_a_correlation_that_one_row_defines_excludes_nothing(self) -> None:
        found = agreement([3] * 49 + [4], [0, 1, 2, 3, 4] * 10)
        for estimate in (found.pearson, found.kendall, found.kappa, found.quadratic_kappa):
            assert (estimate.low, estimate.high) == (-1, 1)
            assert estimate.warnings == (
                "it hangs on a single row, so the interval is the whole range",
                "1 row has a judge score other than 3: too few to trust the interval",
            )

    def test_few_rows_off_the_commonest_score_are_warned_of_however_many_there_are(self) -> None:
        found = agreement([3] * 298 + [4, 2], [0, 1, 2, 3, 4] * 60).pearson
        assert found.method == "jackknife t over 300 rows"
        assert found.warnings == ("2 rows have a judge score other than 3: too few to trust the interval",)

    def test_perfect_agreement_has_no_interval_but_that_of_its_rate(self) -> None:
        found = agreement(TUTORIAL_HUMAN, TUTORIAL_HUMAN)
        assert str(found.pearson).startswith("1.00 (no interval: leaving out any one of 5 rows gives the same")
        assert str(found.exact) == "1.00 [0.48, 1.00]"
        assert agreement(TUTORIAL_HUMAN * 80, TUTORIAL_HUMAN * 80).mae.low is None

    @pytest.mark.parametrize("n", [2, 3, 5])
    def test_very_few_rows_warn_nobody_and_crash_nothing(self, n: int) -> None:
        for seed in range(20):
            judge, human = noisy_scores(n, seed)
            for _, _, estimate in agreement(judge, human, draws=60).figures():
                assert estimate.value is None or not math.isnan(estimate.value)
                assert estimate.low is None or not math.isnan(estimate.low)


class TestColumns:
    def test_missing_scores_are_left_out_and_counted(self) -> None:
        found = agreement([1, None, 3, math.nan, 2], [1, 2, None, math.nan, 3], draws=9)
        assert found.n == 2
        assert found.left_out == {"no judge score": 1, "no human score": 1, "neither score": 1}

    def test_a_word_in_a_column_of_numbers_names_its_row(self) -> None:
        with pytest.raises(DataError, match="judge is 'good' at row 1"):
            agreement([1, "good"], [1, 2])  # type: ignore[list-item]

    def test_columns_of_different_length(self) -> None:
        with pytest.raises(DataError, match="judge has 2 rows and human has 1"):
            agreement([1, 2], [1])

    def test_infinity_is_no_score(self) -> None:
        with pytest.raises(DataError, match="human is inf at row 1"):
            agreement([1, 2], [1, math.inf])

    def test_a_row_without_a_cluster(self) -> None:
        with pytest.raises(DataError, match="row 1 has no cluster"):
            agreement([1, 2], [1, 2], clusters=["a", None])

    def test_a_score_off_the_categories(self) -> None:
        with pytest.raises(DataError, match="a score is 7, which is none of the categories"):
            agreement([1, 7], [1, 2], categories=[0, 1, 2, 3, 4])


pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=30)


def both_ways(rows: list[tuple[int, int]]) -> tuple[Agreement, Agreement]:
    judge, human = zip(*rows, strict=True)
    return agreement(judge, human, draws=40), agreement(human, judge, draws=40)


@settings(deadline=None, max_examples=50)
@given(pairs)
def test_all_figures_but_bias_are_symmetric(rows: list[tuple[int, int]]) -> None:
    there, back = both_ways(rows)
    for name in FIGURES:
        a, b = getattr(there, name).value, getattr(back, name).value
        assert (a is None) == (b is None)
        if a is not None:
            assert a == pytest.approx(-b if name == "bias" else b, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(pairs)
def test_values_and_intervals_stay_in_range(rows: list[tuple[int, int]]) -> None:
    for name, _, estimate in both_ways(rows)[0].figures():
        if estimate.value is not None and estimate.low is not None and estimate.high is not None:
            assert estimate.low <= estimate.high
            if name not in ("mae", "rmse", "bias"):
                assert -1 <= estimate.low <= estimate.high <= 1


@settings(deadline=None, max_examples=50)
@given(pairs.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))))
def test_the_order_of_rows_changes_no_value(orders: tuple[list[tuple[int, int]], list[tuple[int, int]]]) -> None:
    plain, shuffled = (both_ways(rows)[0] for rows in orders)
    for name in FIGURES:
        a, b = getattr(plain, name).value, getattr(shuffled, name).value
        assert a == b or a == pytest.approx(b, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(pairs, st.sampled_from([0.1, 3.0, 100.0]), st.floats(-50, 50))
def test_correlations_ignore_the_judges_scale(rows: list[tuple[int, int]], factor: float, shift: float) -> None:
    judge, human = zip(*rows, strict=True)
    plain, moved = agreement(judge, human, draws=9), agreement([factor * j + shift for j in judge], human, draws=9)
    for name in ("pearson", "spearman", "kendall"):
        a, b = getattr(plain, name).value, getattr(moved, name).value
        assert (a is None) == (b is None)
        assert a is None or a == pytest.approx(b, abs=1e-9)


def test_equal_seeds_give_equal_intervals() -> None:
    judge, human = noisy_scores(30)
    assert agreement(judge, human, draws=99, seed=7) == agreement(judge, human, draws=99, seed=7)


def test_doubling_each_row_as_a_cluster_leaves_the_interval_as_it_was() -> None:
    judge, human = noisy_scores(40)
    plain = agreement(judge, human).quadratic_kappa
    doubled = agreement(np.repeat(judge, 2), np.repeat(human, 2), clusters=np.repeat(np.arange(40), 2))
    naive = agreement(np.repeat(judge, 2), np.repeat(human, 2)).quadratic_kappa
    assert plain.low is not None
    assert plain.high is not None
    assert doubled.quadratic_kappa.low == pytest.approx(plain.low, abs=0.03)
    assert doubled.quadratic_kappa.high == pytest.approx(plain.high, abs=0.03)
    assert naive.low is not None
    assert naive.low > plain.low + 0.03
    assert doubled.exact.low == pytest.approx(agreement(judge, human).exact.low, abs=0.01)


def test_ten_thousand_draws_on_a_discrete_scale_take_under_a_second() -> None:
    judge, human = noisy_scores(10_000)
    start = time.process_time()
    agreement(judge, human, draws=10_000)
    assert time.process_time() - start < 1.0


def test_an_agreement_prints_every_figure_with_its_interval() -> None:
    judge, human = noisy_scores(20)
    lines = str(agreement([*judge, math.nan], [*human, 2], draws=50)).splitlines()
    assert lines[0].startswith("Pearson r                       0.")
    assert lines[14].startswith("constant answers would reach: exact 0.")
    assert lines[15] == "n = 20, 1 left out (no judge score)"
    assert lines[16].startswith("RMSE: large errors are too rare for 20 rows")
