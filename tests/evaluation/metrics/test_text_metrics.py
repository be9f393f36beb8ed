"""Metrics without a model: what they measure, what templates see, and rows that lack something."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from referee.errors import DefinitionError
from referee.evaluation.aggregate import Aggregator
from referee.evaluation.metrics import (
    BLEUMetric,
    CorpusMetric,
    ExactMatchMetric,
    F1Metric,
    MetricBase,
    NumberCheckMetric,
    ROUGEMetric,
    StringCheckMetric,
    parse_metric,
)
from referee.evaluation.metrics.checks import last_number
from referee.evaluation.metrics.overlap import normalised
from referee.evaluation.outcome import Metric, deliberation
from referee.evaluation.record import record
from referee.judge import Failed, Judge, Outcome, Scored, Unclear, Verdict


def outcomes(
    metric: MetricBase, item: Mapping[str, Any], sample: Mapping[str, Any] | None = None
) -> Mapping[str, Outcome]:
    """What the metric says of a row, driven as the engine drives it."""
    thinking = deliberation(metric, item, sample)
    with pytest.raises(StopIteration) as concluded:
        next(thinking)
    verdict = concluded.value.value
    assert isinstance(verdict, Verdict)
    return verdict.scores


def value(metric: MetricBase, item: Mapping[str, Any], sample: Mapping[str, Any] | None = None) -> float:
    """The only score of a row."""
    (outcome,) = outcomes(metric, item, sample).values()
    assert isinstance(outcome, Scored), outcome
    return outcome.value


# Made when a test asks for one: ROUGE's library alone takes two seconds to import.
EVERY: dict[str, Callable[[], MetricBase]] = {
    "exact": lambda: ExactMatchMetric(reference="{{item.reference}}"),
    "f1": lambda: F1Metric(reference="{{item.reference}}"),
    "bleu": lambda: BLEUMetric(references=("{{item.reference}}",)),
    "rouge": lambda: ROUGEMetric(reference="{{item.reference}}"),
    "string": lambda: StringCheckMetric(
        operation="contains", left_template="{{sample.output_text}}", right_template="{{item.reference}}"
    ),
    "number": lambda: NumberCheckMetric(
        operation="==", left_template="{{sample.output_text}}", right_template="{{item.reference}}"
    ),
}
each = pytest.mark.parametrize("metric", EVERY, indirect=True)


@pytest.fixture
def metric(request: pytest.FixtureRequest) -> MetricBase:
    return EVERY[request.param]()


@each
def test_each_is_a_metric_of_the_engine(metric: MetricBase) -> None:
    assert isinstance(metric, Metric)
    assert inspect.isgenerator(metric.deliberate({"reference": "1"}, {"output_text": "1"}))
    found = outcomes(metric, {"reference": "1"}, {"output_text": "1"})
    assert list(found) == [score.name for score in metric.scores]
    for score in metric.scores:
        outcome = found[score.name]
        assert isinstance(outcome, Scored)
        assert score.minimum <= outcome.value <= score.maximum
    metrics, _, unscored = record({metric.name: Verdict(found)})
    aggregator = Aggregator([metric])
    aggregator.add(metrics, unscored)
    assert [score.count for score in aggregator.result().scores] == [1] * len(metric.scores)


@each
def test_a_missing_field_fails_the_row_and_is_named(metric: MetricBase) -> None:
    for outcome in outcomes(metric, {"output": "1"}).values():
        assert isinstance(outcome, Failed)
        assert outcome.kind == "bad_request"
        assert outcome.message.startswith("not sent: ")
        assert "'reference'" in outcome.message


@each
def test_a_null_is_missing_and_no_empty_text(metric: MetricBase) -> None:
    assert all(isinstance(outcome, Failed) for outcome in outcomes(metric, {"output": "1", "reference": None}).values())


@each
def test_each_comes_from_its_fields_again(metric: MetricBase) -> None:
    assert parse_metric(metric.model_dump(mode="json", exclude_none=True)) == metric


@pytest.mark.parametrize("metric", list(EVERY)[:4], indirect=True)
def test_without_an_answer_there_is_no_candidate(metric: MetricBase) -> None:
    (outcome, *_) = outcomes(metric, {"reference": "Paris"}).values()
    assert isinstance(outcome, Failed)
    assert "give the metric a candidate template" in outcome.message


@pytest.mark.parametrize(
    ("reference", "candidate", "expected"),
    [
        ("Paris", "paris", 1),
        ("The Louvre!", "  a louvre", 1),
        ("Paris", "Paris, France", 0),
        ("42", "42.", 1),
        ("", "the", 1),
    ],
)
def test_exact_match(reference: str, candidate: str, expected: float) -> None:
    metric = ExactMatchMetric(reference="{{item.reference}}", candidate="{{item.said}}")
    assert value(metric, {"reference": reference, "said": candidate}) == expected


def test_the_answer_is_the_samples_or_the_rows() -> None:
    metric = ExactMatchMetric(reference="{{item.reference}}")
    assert value(metric, {"reference": "Paris", "response": "Rome"}, {"output_text": "Paris"}) == 1
    assert value(metric, {"reference": "Paris", "output": "Paris", "response": "Rome"}) == 1
    assert value(metric, {"reference": "Paris", "response": "Rome"}) == 0


def test_templates_see_fields_by_their_names_too() -> None:
    assert value(ExactMatchMetric(reference="{{reference}}", candidate="{{output_text}}"), {"reference": "a b"}, {
        "output_text": "a b"
    }) == 1  # fmt: skip


def test_a_number_in_the_data_is_text() -> None:
    assert value(ExactMatchMetric(reference="{{item.year}}"), {"year": 1789, "output": "1789"}) == 1


def test_no_text_of_a_row_is_changed_before_it_is_compared() -> None:
    metric = StringCheckMetric(operation="contains", left_template="{{item.said}}", right_template="[INST]")
    assert value(metric, {"said": "an [INST] tag and <|im_end|>"}) == 1


@pytest.mark.parametrize(
    ("reference", "candidate", "expected"),
    [
        ("the cat sat", "a cat sat down", 2 * 2 / (2 + 3)),
        ("one two", "three", 0),
        ("", "", 1),
        ("", "word", 0),
        ("a a b b", "b", 2 * 1 / (2 + 1)),
    ],
)
def test_f1(reference: str, candidate: str, expected: float) -> None:
    metric = F1Metric(reference="{{item.reference}}")
    assert value(metric, {"reference": reference, "output": candidate}) == pytest.approx(expected)


@given(st.text(), st.text())
def test_f1_is_the_harmonic_mean_and_symmetric(one: str, other: str) -> None:
    metric = F1Metric(reference="{{item.reference}}")
    found = value(metric, {"reference": one, "output": other})
    assert found == value(metric, {"reference": other, "output": one})
    a, b = normalised(one).split(), normalised(other).split()
    shared = (Counter(a) & Counter(b)).total()
    if a and b and shared:
        precision, recall = shared / len(b), shared / len(a)
        assert found == pytest.approx(2 * precision * recall / (precision + recall))


@pytest.mark.parametrize(
    ("operation", "left", "right", "expected"),
    [
        ("equals", "a", "a", 1),
        ("==", "a", "A", 0),
        ("!=", "a", "A", 1),
        ("<>", "a", "a", 0),
        ("not equals", "a", "b", 1),
        ("contains", "haystack", "stack", 1),
        ("contains", "stack", "haystack", 0),
        ("not contains", "haystack", "needle", 1),
        ("startswith", "haystack", "hay", 1),
        ("endswith", "haystack", "hay", 0),
    ],
)
def test_string_check(operation: Any, left: str, right: str, expected: float) -> None:
    metric = StringCheckMetric(operation=operation, left_template="{{item.l}}", right_template="{{item.r}}")
    assert value(metric, {"l": left, "r": right}) == expected


@pytest.mark.parametrize(
    ("operation", "left", "right", "expected"),
    [
        ("equals", "The answer is 42.", "42", 1),
        ("==", "first 1, then 2.50", "2.5", 1),
        ("!=", "1", "2", 1),
        (">=", "2", "2", 1),
        ("gt", "2", "2", 0),
        ("less than or equal", "-3", "2", 1),
        ("<", "+2", "2", 0),
    ],
)
def test_number_check(operation: Any, left: str, right: str, expected: float) -> None:
    metric = NumberCheckMetric(operation=operation, left_template="{{item.l}}", right_template="{{item.r}}")
    assert value(metric, {"l": left, "r": right}) == expected


def test_a_difference_within_epsilon() -> None:
    metric = NumberCheckMetric(
        operation="absolute difference", left_template="{{item.l}}", right_template="{{item.r}}", epsilon=0.5
    )
    assert value(metric, {"l": 3.25, "r": "3.75"}) == 1
    assert value(metric, {"l": 3.25, "r": "3.76"}) == 0


def test_epsilon_is_for_differences_only() -> None:
    for fields in ({"operation": "absolute difference"}, {"operation": "==", "epsilon": 0.1}):
        with pytest.raises(DefinitionError, match="epsilon"):
            parse_metric({"type": "number-check", "left_template": "1", "right_template": "1", **fields})


@pytest.mark.parametrize("text", ["no number", "", "version 1.2.3", "9" * 10_000])
def test_a_text_without_a_number_is_unclear(text: str) -> None:
    metric = NumberCheckMetric(operation="==", left_template="{{item.l}}", right_template="1")
    (outcome,) = outcomes(metric, {"l": text}).values()
    assert isinstance(outcome, Unclear)
    assert outcome.reason.startswith("left_template gives")


@given(st.integers(-(10**30), 10**30), st.text("abc ,:\n"))
def test_the_last_number_is_found(number: int, around: str) -> None:
    assert last_number(f"7 {around} {number}{around}") == number


def test_bleu_of_a_row_and_of_all_rows() -> None:
    metric = BLEUMetric(references=("{{item.one}}", "{{item.other}}"))
    good = {"one": "the cat is on the mat", "other": "there is a cat on the mat", "output": "the cat is on the mat"}
    bad = {**good, "output": "something else altogether here"}
    assert value(metric, good) == 100.0
    assert value(metric, bad) < 10
    assert isinstance(metric, CorpusMetric)
    pairs = [(row, {"output_text": row["output"]}) for row in (good, bad)]
    corpus = metric.corpus([*pairs, ({"one": "no other"}, {})])["corpus"]
    assert 0 < corpus < 100
    assert metric.corpus([]) == {}


def test_rouge_names_and_values() -> None:
    metric = ROUGEMetric(reference="{{item.reference}}")
    found = outcomes(metric, {"reference": "police killed the gunman", "output": "police kill the gunman"})
    assert list(found) == ["rouge_1_score", "rouge_2_score", "rouge_3_score", "rouge_L_score"]
    assert all(outcome == Scored(1.0) for outcome in found.values())  # the stemmer makes them equal
    other = outcomes(metric, {"reference": "police killed the gunman", "output": "the gunman killed police"})
    (longest,) = [outcome for name, outcome in other.items() if name == "rouge_L_score"]
    assert longest == Scored(0.5)


def test_definitions_that_cannot_be_meant() -> None:
    with pytest.raises(DefinitionError, match="did you mean 'reference'"):
        parse_metric({"type": "f1", "referenc": "{{item.a}}"}, source="metrics.0")
    with pytest.raises(DefinitionError, match="f2"):
        parse_metric({"type": "f2"})
    with pytest.raises(ValidationError):
        BLEUMetric(references=())
    assert isinstance(parse_metric({"model": "m", "scores": [{"name": "s", "minimum": 0, "maximum": 1}]}), Judge)


def test_a_template_that_cannot_be_compiled_is_refused_at_once() -> None:
    with pytest.raises(DefinitionError, match="reference: the prompt template cannot be compiled"):
        parse_metric({"type": "exact-match", "reference": "{{item.a"})
