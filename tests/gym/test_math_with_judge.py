"""The rules of math_with_judge, one test each."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from data_environment import rules

from referee.testing import Fault

pytestmark = pytest.mark.skipif(
    find_spec("math_verify") is None, reason="math-verify is not installed: pip install 'referee[math]'"
)
verify = rules("math_with_judge")
EQUAL, DIFFERENT = "so [[A=B]]", "so [[A!=B]]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"So it is \boxed{\frac{11}{12}}.", r"\frac{11}{12}"),
        (r"\boxed{11/12}", r"\frac{11}{12}"),
        ("The sum is $0.5$.", r"\frac{1}{2}"),
        (r"\boxed{3x^2+2}", "2 + 3x^2"),
        ("It is 24", "24"),
    ],
)
def test_what_the_library_finds_equal_asks_nobody(text: str, expected: str) -> None:
    found, asked = verify([], text, expected_answer=expected)
    assert (found["reward"], found["library_reward"], asked) == (1.0, 1, [])
    assert found["judge_status"] is None


@pytest.mark.parametrize(
    ("answers", "reward", "calls"),
    [([EQUAL, EQUAL], 1.0, 2), ([EQUAL, DIFFERENT], 0.0, 2), ([DIFFERENT], 0.0, 1)],
)
def test_else_the_judge_must_say_equal_in_both_orders(answers: list[str], reward: float, calls: int) -> None:
    found, asked = verify(answers, r"It is \boxed{two}", expected_answer="2", question="1 + 1?")
    assert (found["reward"], len(asked), found["library_reward"]) == (reward, calls, 0)
    assert "<answer_a>\n2\n</answer_a>" in asked[0]
    assert "<answer_b>\ntwo\n</answer_b>" in asked[0]
    if calls == 2:
        assert "<answer_a>\ntwo\n</answer_a>" in asked[1]


def test_an_answer_without_a_label_is_unclear() -> None:
    found, _ = verify(["who knows"], r"\boxed{two}", expected_answer="2")
    assert (found["reward"], found["judge_status"]) == (0.0, "unclear")


def test_it_may_be_left_at_the_library() -> None:
    found, asked = verify([], r"\boxed{3}", {"should_use_judge": False}, expected_answer="2")
    assert (found["reward"], asked, found["extracted_answer"]) == (0.0, [], "3")


def test_an_empty_answer_is_worth_nothing() -> None:
    found, asked = verify([], " ", expected_answer="2")
    assert (found["reward"], asked) == (0.0, [])


def test_a_failed_call_sets_the_row_aside() -> None:
    found, _ = verify([EQUAL, Fault("401")], r"\boxed{two}", expected_answer="2")
    assert found["_ng_failure_class"] == "judge_failed"
