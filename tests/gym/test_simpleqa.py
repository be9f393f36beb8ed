"""The rules of simpleqa, one test each."""

from __future__ import annotations

import pytest
from data_environment import environment, rules

from referee.testing import Fault

NAME = "simpleqa"
verify = rules(NAME)


@pytest.mark.parametrize(
    ("said", "reward", "verdict", "status"),
    [
        ("A", 1.0, "correct", "scored"),
        ("B", 0.0, "incorrect", "scored"),
        ("C", 0.0, "not_attempted", "scored"),
        ("The grade is: A.", 1.0, "correct", "scored"),
        ("**B**", 0.0, "incorrect", "scored"),
        ("<think>A?</think>B", 0.0, "incorrect", "scored"),
        ("CORRECT", 0.0, "not_attempted", "unclear"),
        ("no idea", 0.0, "not_attempted", "unclear"),
    ],
)
def test_the_first_letter_that_stands_alone_is_the_grade(said: str, reward: float, verdict: str, status: str) -> None:
    found, asked = verify(said, expected_answer="1989")
    assert (found["reward"], found["verdict"], found["judge_status"]) == (reward, verdict, status)
    assert "<true_answer>\n1989\n</true_answer>" in asked[0]


def test_the_question_is_the_rows_else_the_last_user_message() -> None:
    found, asked = verify("A", expected_answer="x", question="the row's")
    assert (found["question"], found["expected_answer"]) == ("the row's", "x")
    assert "<question>\nthe row's\n</question>" in asked[0]
    assert verify("A", expected_answer="x")[0]["question"] == "the question"


@pytest.mark.parametrize("said", ["", "  \n"])
def test_an_empty_answer_of_the_judge_is_a_failed_call(said: str) -> None:
    found, _ = verify(said, expected_answer="x")
    assert (found["judge_status"], found["judge_error_kind"], found["verdict"]) == ("failed", "bad_reply", None)
    assert found["_ng_failure_class"] == "judge_failed"


def test_a_failed_call_sets_the_row_aside() -> None:
    found, _ = verify(Fault("401"), expected_answer="x")
    assert (found["_ng_failure_class"], found["verdict"]) == ("judge_failed", None)


def test_the_judge_may_be_asked_for_chat_completions() -> None:
    with environment(NAME, "A", use_chat_completions_for_judge=True) as (gym, endpoint):
        assert gym.verify(NAME, "a", expected_answer="x")["reward"] == 1.0
        assert endpoint.requests[0].path == "/v1/chat/completions"
