"""The figures of a run: against recorded results, against NumPy's definitions, and where there is nothing to count."""

from __future__ import annotations

import json
import math
import random
import statistics
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referee.data import Row
from referee.evaluation.aggregate import Aggregator
from referee.evaluation.figures import AggregatedMetricResult, AggregateScore
from referee.evaluation.outcome import RowOutcome
from referee.evaluation.record import read_tail, record, to_line
from referee.judge import Failed, Judge, Outcome, Scored, Unclear, Verdict

WIRE = Path(__file__).parents[3] / "shared" / "spec" / "wire"
MESSAGES = "Rate {{item.response}}"


def judge(minimum: float = 0, maximum: float = 4) -> Judge:
    """A judge with one score on a range."""
    return Judge.parse(
        {
            "model": "m",
            "prompt_template": MESSAGES,
            "scores": [{"name": "helpfulness", "minimum": minimum, "maximum": maximum}],
        }
    )


def rubric_judge() -> Judge:
    """A judge with one score of two labels."""
    rubric = [{"label": "good", "value": 1, "description": "It helps."}, {"label": "bad", "value": 0}]
    return Judge.parse({"model": "m", "prompt_template": MESSAGES, "scores": [{"name": "quality", "rubric": rubric}]})


def aggregated(judge: Judge, outcomes: Sequence[Outcome]) -> AggregateScore:
    """The figures of the judge's only score."""
    aggregator = Aggregator([judge])
    for outcome in outcomes:
        metrics, _, unscored = record({judge.name: Verdict({judge.scores[0].name: outcome})})
        aggregator.add(metrics, unscored)
    (score,) = aggregator.result().scores
    return score


def bins(score: AggregateScore) -> list[tuple[float, float, int]]:
    assert score.histogram is not None
    return [(part.lower_bound, part.upper_bound, part.count) for part in score.histogram.bins]


def test_all_figures_of_known_values() -> None:
    score = aggregated(judge(), [Scored(float(value)) for value in (4, 0, 3, 3, 1)])
    assert (score.name, score.score_type, score.count, score.nan_count) == ("llm-judge.helpfulness", "range", 5, 0)
    assert (score.sum, score.mean, score.min, score.max, score.median) == (11.0, 2.2, 0.0, 4.0, 3.0)
    assert score.variance == pytest.approx(2.16)
    assert score.sample_variance == pytest.approx(2.7)
    assert score.std_dev == pytest.approx(math.sqrt(2.16))
    assert score.sample_std_dev == pytest.approx(math.sqrt(2.7))
    assert bins(score) == [(0, 1, 1), (1, 2, 1), (2, 3, 0), (3, 4, 2), (4, 4, 1)]


def test_unclear_and_failed_are_counted_apart_and_not_as_values() -> None:
    score = aggregated(
        judge(),
        [Scored(2.0), Unclear("no JSON"), Failed("timeout", ""), Failed("timeout", ""), Failed("rate_limited", "")],
    )
    assert (score.count, score.nan_count, score.unclear) == (1, 4, 1)
    assert score.failed == {"rate_limited": 1, "timeout": 2}
    assert (score.mean, score.std_dev, score.sample_std_dev) == (2.0, 0.0, None)


@pytest.mark.parametrize("outcomes", [[], [Unclear("no JSON")], [Failed("timeout", "")] * 3])
def test_without_a_value_figures_are_null(outcomes: list[Outcome]) -> None:
    for what in (judge(), rubric_judge()):
        score = aggregated(what, outcomes)
        assert (score.count, score.nan_count) == (0, len(outcomes))
        assert (score.sum, score.mean, score.min, score.median, score.variance, score.percentiles) == (None,) * 6
        assert bins(score) == []


def test_a_continuous_scale_has_ten_bins_over_the_scale() -> None:
    score = aggregated(judge(0, 1), [Scored(value) for value in (0.0, 0.3, 0.35, 1.0)])
    assert [count for _, _, count in bins(score)] == [1, 0, 0, 2, 0, 0, 0, 0, 0, 1]
    assert (bins(score)[0][0], bins(score)[-1][1]) == (0.0, 1.0)


def test_fractions_on_a_whole_scale_have_ten_bins_as_well() -> None:
    assert len(bins(aggregated(judge(), [Scored(2.5)]))) == 10


def test_equal_values_still_show_the_whole_scale() -> None:
    assert bins(aggregated(judge(), [Scored(3.0)] * 5)) == [(0, 1, 0), (1, 2, 0), (2, 3, 0), (3, 4, 5), (4, 4, 0)]


def test_labels_are_counted() -> None:
    score = aggregated(rubric_judge(), [Scored(0.0, "bad"), Scored(1.0, "good"), Scored(0.0, "bad"), Scored(0.5)])
    assert score.score_type == "rubric"
    assert [(stat.label, stat.value, stat.count) for stat in score.rubric_distribution] == [
        ("good", 1, 1),
        ("bad", 0, 2),
    ]
    assert (score.mode_category, score.mean, score.count) == ("bad", 0.375, 4)


def test_details_are_averaged_and_not_mistaken_for_scores() -> None:
    score = aggregated(judge(), [Scored(2.0, None, {"mass": 0.5}), Scored(3.0, None, {"mass": 1.0}), Scored(3.0)])
    assert score.details == {"mass": 0.75}
    assert score.count == 3


def test_names_with_and_without_the_metric() -> None:
    aggregator = Aggregator([judge(), rubric_judge().model_copy(update={"name": "second"})])
    names = [score.name for score in aggregator.result().scores]
    assert names == ["llm-judge.helpfulness", "second.quality"]
    assert [score.name for score in aggregator.result(qualified=False).scores] == ["helpfulness", "quality"]


def test_lines_read_back_give_the_same_figures() -> None:
    what, live, resumed = judge(), Aggregator([judge()]), Aggregator([judge()])
    for index, outcome in enumerate([Scored(2.0), Unclear("no JSON", "hm"), Failed("timeout", ""), Scored(4.0)]):
        judged = RowOutcome(Row(index, b'{"a":1}'), 0, {}, {what.name: Verdict({"helpfulness": outcome})})
        metrics, _, unscored = record(judged.verdicts)
        live.add(metrics, unscored)
        line = to_line(judged, repeats=False)
        resumed.add(*read_tail(line, line.index(b'"sample"')))
    assert live.result() == resumed.result()


@given(st.lists(st.floats(0, 4), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_figures_do_not_depend_on_the_order_of_rows(values: list[float], order: random.Random) -> None:
    shuffled = values.copy()
    order.shuffle(shuffled)
    first = aggregated(judge(), [Scored(value) for value in values])
    assert first == aggregated(judge(), [Scored(value) for value in shuffled])
    assert sum(count for _, _, count in bins(first)) == len(values)
    assert first.mean == pytest.approx(statistics.fmean(values))
    assert first.variance == pytest.approx(statistics.pvariance(values), abs=1e-9)
    assert first.percentiles is not None
    assert first.percentiles.p50 == pytest.approx(statistics.median(values))
    if len(values) > 10:
        deciles = statistics.quantiles(values, n=10, method="exclusive")
        assert [first.percentiles.p10, first.percentiles.p90] == pytest.approx([deciles[0], deciles[8]])


@pytest.mark.shared
def test_counts_of_two_runs_are_those_of_one_run() -> None:
    outcomes: list[Outcome] = [
        Scored(1.0, "good", {"mass": 0.5}),
        Scored(0.0, "bad"),
        Unclear("why", ""),
        Failed("timeout", ""),
        Scored(1.0, "good", {"mass": 0.7}),
    ]
    parts = [Aggregator([rubric_judge()]) for _ in range(2)]
    for at, outcome in enumerate(outcomes):
        metrics, _, unscored = record({rubric_judge().name: Verdict({"quality": outcome})})
        parts[at % 2].add(metrics, unscored)
    parts[0].absorb(parts[1])
    assert parts[0].result().scores == [aggregated(rubric_judge(), outcomes)]


@pytest.mark.parametrize("generation", ["0.1", "0.6"])
def test_a_client_of_each_generation_gets_the_fields_it_was_recorded_with(generation: str) -> None:
    recording = next(WIRE.glob(f"nemo-platform-{generation}.*.jsonl"), None) if WIRE.is_dir() else None
    if recording is None:
        pytest.skip("the recorded exchanges are not here")
    records = [json.loads(line) for line in recording.read_text().splitlines()]
    body = next(
        json.loads(one["resp"])
        for one in records
        if one["path"].endswith("aggregate-scores/download") and one["status"] == 200
    )
    score = aggregated(judge(), [Scored(3.0)] * body["scores"][0]["count"])
    wire = AggregatedMetricResult(scores=[score]).to_wire(generation)  # pyright: ignore[reportArgumentType]
    (recorded,), (ours,) = body["scores"], wire["scores"]
    assert ours.keys() == recorded.keys()
    assert {key: ours[key] for key in ours if key != "histogram"} == {
        key: recorded[key] for key in recorded if key != "histogram"
    }


def test_the_wire_has_no_percentiles_for_labels() -> None:
    wire = aggregated(rubric_judge(), [Scored(1.0, "good")]).to_wire("0.6")
    assert wire["rubric_distribution"][0] == {"label": "good", "description": "It helps.", "value": 1, "count": 1}
    assert not wire.keys() & {"percentiles", "histogram", "unclear", "failed", "details"}


def test_chosen_fields_are_all_that_is_written() -> None:
    score = aggregated(judge(), [Scored(2.0)]).with_fields(frozenset({"mean"}))
    assert score.model_dump() == {"name": "llm-judge.helpfulness", "count": 1, "mean": 2.0}
    assert score.median == 2.0
