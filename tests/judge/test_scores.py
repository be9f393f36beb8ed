"""What a score accepts of what a parser found, and which scores can be defined at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from referee.judge import RangeScore, RubricScore, Scored, Unclear

RANGE = RangeScore(name="quality", minimum=0, maximum=4)
GRADES = RubricScore.model_validate(
    {
        "name": "grade",
        "rubric": [{"label": "Good", "value": 1}, {"label": "bad", "value": 0}, {"label": "7", "value": 5}],
    }
)


@pytest.mark.parametrize(("found", "value"), [(3, 3.0), (3.5, 3.5), ("3", 3.0), (" 2.5 ", 2.5), (0, 0.0), (4, 4.0)])
def test_a_range_accepts_numbers_and_their_text(found: object, value: float) -> None:
    assert RANGE.acceptor()(found, "") == Scored(value)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (37, "quality is 37, outside of 0 to 4"),
        (-0.001, "quality is -0.001, outside of 0 to 4"),
        (True, "quality is true, not a number"),
        (None, "quality is null, not a number"),
        ([3], "quality is [3], not a number"),
        ({"a": 1}, 'quality is {"a":1}, not a number'),
        ("three", "quality is three, not a number"),
        ("", "quality is , not a number"),
        ("3/4", "quality is 3/4, not a number"),
        ("1_0", "quality is 1_0, not a number"),
        ("nan", "quality is nan, not a number"),
        (float("inf"), "quality is null, not a number"),
        (10**400, None),
    ],
)
def test_what_is_off_the_scale_is_unclear_with_its_reason(found: object, reason: str | None) -> None:
    outcome = RANGE.acceptor()(found, "the answer")
    assert isinstance(outcome, Unclear)
    assert outcome.text == "the answer"
    assert reason is None or outcome.reason == reason


@pytest.mark.parametrize(
    ("found", "value", "label"),
    [
        ("Good", 1, "Good"),
        (" good\n", 1, "Good"),
        ("BAD", 0, "bad"),
        (1, 1, "Good"),
        ("0", 0, "bad"),
        (7, 5, "7"),  # a label before the value that another label stands for
        (5, 5, "7"),
    ],
)
def test_a_rubric_accepts_labels_and_values_that_stand_for_one(found: object, value: float, label: str) -> None:
    assert GRADES.acceptor()(found, "") == Scored(value, label)


@pytest.mark.parametrize("found", ["goodish", 2, True, None, ["Good"], ""])
def test_an_unknown_label_is_unclear(found: object) -> None:
    outcome = GRADES.acceptor()(found, "the answer")
    assert isinstance(outcome, Unclear)
    assert "not one of 'Good', 'bad', '7'" in outcome.reason


def test_a_value_that_two_labels_share_is_unclear() -> None:
    same = RubricScore.model_validate(
        {"name": "g", "rubric": [{"label": "a", "value": 1}, {"label": "b", "value": 1}, {"label": "A", "value": 2}]}
    )
    assert isinstance(same.acceptor()(1, ""), Unclear)
    assert same.acceptor()("A", "") == Scored(2.0, "A")
    assert same.acceptor()("a", "") == Scored(1.0, "a")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"minimum": 4, "maximum": 0}, "minimum 4 is not below maximum 0"),
        ({"minimum": 1, "maximum": 1}, "minimum 1 is not below maximum 1"),
        ({"minimum": 0, "maximum": float("inf")}, "is not below maximum inf"),
        ({"minimum": float("nan"), "maximum": 1}, "minimum nan"),
        ({"minimum": 0, "maximum": 100, "parser": {"type": "token_probability"}}, "reads one digit"),
        ({"minimum": 0.5, "maximum": 4, "parser": {"type": "token_probability"}}, "reads one digit"),
        ({"minimum": 0, "maximum": 4, "parser": {"type": "label"}}, "label reads the labels of a rubric"),
    ],
)
def test_a_range_that_cannot_be_meant_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RangeScore.model_validate({"name": "quality", **fields})


@pytest.mark.parametrize(
    ("rubric", "message"),
    [
        ([{"label": "a", "value": 1}], "at least 2"),
        ([{"label": "a", "value": 1}, {"label": "a", "value": 2}], "occurs twice"),
        ([{"label": True, "value": 1}, {"label": "no", "value": 2}], "put it in quotes"),
        ([{"label": "", "value": 1}, {"label": "no", "value": 2}], "at least 1 character"),
        ([{"label": "a", "value": float("nan")}, {"label": "b", "value": 2}], "finite"),
    ],
)
def test_a_rubric_that_cannot_be_meant_is_refused(rubric: list[dict[str, object]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RubricScore.model_validate({"name": "grade", "rubric": rubric})


def test_a_bare_number_in_yaml_is_the_text_of_a_label() -> None:
    score = RubricScore.model_validate({"name": "g", "rubric": [{"label": 1, "value": 0}, {"label": 2, "value": 1}]})
    assert score.labels == ("1", "2")


def test_the_schema_asks_for_what_is_accepted() -> None:
    assert RANGE.json_schema() == {"type": "integer", "minimum": 0, "maximum": 4}
    assert RangeScore(name="p", minimum=0, maximum=0.5).json_schema()["type"] == "number"
    assert GRADES.json_schema() == {"type": "string", "enum": ["Good", "bad", "7"]}


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=4))
def test_any_found_value_has_an_outcome_on_the_scale(found: object) -> None:
    for score in (RANGE, GRADES):
        outcome = score.acceptor()(found, "")
        assert isinstance(outcome, Unclear) or score.minimum <= outcome.value <= score.maximum  # type: ignore[union-attr]
