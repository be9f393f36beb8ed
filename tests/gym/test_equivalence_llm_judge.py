"""The rules of equivalence_llm_judge, one test each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_gym import POLICY, Gym, rollout, small_gym

from referee.gym.resources_servers.equivalence_llm_judge.app import extract
from referee.testing import Fault, ScriptedEndpoint

NAME = "equivalence_llm_judge"
PROMPT = "Q={question};E={expected_answer};G={generated_answer}"
EQUAL, DIFFERENT, NEITHER = "so [[A=B]]", "so [[A!=B]]", "who knows"


@contextmanager
def environment(judge: Any, **settings: Any) -> Iterator[tuple[Gym, ScriptedEndpoint]]:
    fields = {
        "judge_model_server": POLICY,
        "judge_prompt_template": PROMPT,
        "judge_retry_base_seconds": 0.0,
        "judge_max_retries": 0,
        **settings,
    }
    with (
        ScriptedEndpoint(judge) as endpoint,
        small_gym(endpoint.url, {NAME: ("resources_servers", NAME, fields)}) as gym,
    ):
        yield gym, endpoint


def compare(
    judge: Any, text: str = "the answer", expected: Any = "gold", settings: dict[str, Any] | None = None, **row: Any
) -> tuple[Any, list[str]]:
    """The answer of `/verify`, and what the judge was asked each time."""
    with environment(judge, **(settings or {})) as (gym, endpoint):
        body = gym.verify(NAME, text, expected_answer=expected, **row)
        return body, [request.body["input"][-1]["content"] for request in endpoint.requests]


@pytest.mark.parametrize(
    ("said", "reward", "status"),
    [
        (EQUAL, 1.0, "scored"),
        (DIFFERENT, 0.0, "scored"),
        (NEITHER, 0.0, "unclear"),
        ("[[A=B]], not [[A!=B]]", 1.0, "scored"),
        ("[[A!=B]], not [[A=B]]", 0.0, "scored"),
        ("<think>[[A!=B]]</think>[[A=B]]", 1.0, "scored"),
    ],
)
def test_equal_is_worth_one_and_anything_else_nothing(said: str, reward: float, status: str) -> None:
    found, asked = compare(said)
    assert (found["reward"], found["judge_status"], found["expected_answer"]) == (reward, status, "gold")
    assert asked == ["Q=the question;E=gold;G=the answer"]
    assert len(found["judge_evaluations"]) == 1


def test_the_last_label_may_win_instead() -> None:
    assert compare("[[A=B]], not [[A!=B]]", settings={"label_wins": "last"})[0]["reward"] == 0.0


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"expected": None, "metadata": {"expected_answer": "in metadata"}}, "in metadata"),
        ({"expected": None, "metadata": {"expected_answer": 42}}, "42"),
        ({"expected": 42}, "42"),
        ({"expected": 0}, "0"),
        ({"expected": "row's", "metadata": {"expected_answer": "in metadata"}}, "row's"),
        ({"expected": None}, ""),
    ],
)
def test_the_expected_answer_is_a_text_from_the_row_or_its_metadata(row: dict[str, Any], expected: str) -> None:
    found, asked = compare(EQUAL, **row)
    assert found["expected_answer"] == expected
    assert f"E={expected};" in asked[0]


def test_an_answer_without_text_is_judged_as_such() -> None:
    for output in ([], [{"type": "reasoning", "id": "r", "summary": []}]):
        with environment(DIFFERENT) as (gym, endpoint):
            answer = gym.post(NAME, "/verify", rollout(output=output, expected_answer="gold"))
            assert (answer.status, answer.body["reward"]) == (200, 0.0)
            assert endpoint.requests[0].body["input"][-1]["content"].endswith("G=[NO VALID ANSWER EXTRACTED]")


@pytest.mark.parametrize(
    ("text", "pattern", "taken"),
    [
        ("Answer: 1\nAnswer: 2", r"Answer: (.*?)$", "2"),
        ("x <a>one\ntwo</a> y", r"<a>(.*)</a>", "one\ntwo"),
        ("a=1", r"a=(\w+)|b=(\w+)", "1"),
        ("b=2", r"a=(\w+)|b=(\w+)", "2"),
        ("key:   ", r"key:(\s*)", "key:"),
        ("so 42!", r"\d+", "42"),
        ("nothing here", r"\d+", "nothing here"),
        ("bad pattern", r"(", "bad pattern"),
        ("first\nsecond", r"^second$", "second"),
        ("text", None, "text"),
    ],
)
def test_the_last_match_of_a_pattern_is_taken_out(text: str, pattern: str | None, taken: str) -> None:
    assert extract(text, pattern) == taken


@given(st.text(max_size=40), st.text(alphabet="ab()[]|*+?.^$\\{}1", max_size=8))
def test_taking_out_never_fails_and_invents_nothing(text: str, pattern: str) -> None:
    taken = extract(text, pattern)
    assert taken in text


def test_patterns_take_out_question_and_answer() -> None:
    settings = {"question_extract_regex": r"the (\w+)", "response_extract_regex": r"Answer: (.*)"}
    _, asked = compare(EQUAL, "I think.\nAnswer: 7", settings=settings)
    assert asked == ["Q=question;E=gold;G=7"]


@pytest.mark.parametrize(("second", "reward"), [(EQUAL, 1.0), (DIFFERENT, -1.0), (NEITHER, -1.0), ("", -1.0)])
def test_an_equal_is_asked_again_with_the_answers_exchanged(second: str, reward: float) -> None:
    settings = {"check_twice_swap": True, "reward_if_swap_fails": -1.0}
    found, asked = compare([EQUAL, second], settings=settings)
    assert found["reward"] == reward
    assert asked[1] == "Q=the question;E=the answer;G=gold"
    assert len(found["judge_evaluations"]) == 2


@pytest.mark.parametrize("first", [DIFFERENT, NEITHER])
def test_what_is_not_equal_is_not_asked_again(first: str) -> None:
    found, asked = compare([first], settings={"check_twice_swap": True})
    assert (found["reward"], len(asked)) == (0.0, 1)


def test_a_failed_second_call_is_no_verdict() -> None:
    found, _ = compare([EQUAL, Fault("400")], settings={"check_twice_swap": True})
    assert (found["judge_status"], found["_ng_failure_class"]) == ("failed", "judge_failed")


OWN = {"template_metadata": {"output_regex": r"Final: (\w+)"}}


@pytest.mark.parametrize(
    ("answers", "reward", "calls"),
    [
        ([EQUAL], 1.0, 1),
        ([DIFFERENT, EQUAL], 0.5, 2),
        ([NEITHER, EQUAL], 0.5, 2),
        ([DIFFERENT, DIFFERENT], 0.0, 2),
        ([DIFFERENT, NEITHER], 0.0, 2),
    ],
)
def test_a_rows_own_pattern_comes_first_and_is_rescued_by_the_full_text(
    answers: list[str], reward: float, calls: int
) -> None:
    found, asked = compare(answers, "It is 7. Final: seven", settings={"response_extract_regex": "never"}, **OWN)
    assert (found["reward"], len(asked)) == (reward, calls)
    assert asked[0].endswith("G=seven")
    assert all(one.endswith("G=It is 7. Final: seven") for one in asked[1:])
    assert len(found["judge_evaluations"]) == calls


def test_the_rescue_may_be_worth_something_else_or_be_switched_off() -> None:
    settings: dict[str, Any] = {"reward_if_full_generation_succeeds": 0.25}
    assert compare([DIFFERENT, EQUAL], "Final: x", settings=settings, **OWN)[0]["reward"] == 0.25
    settings = {"check_full_generation_on_fail": False}
    found, asked = compare([DIFFERENT], "Final: x", settings=settings, **OWN)
    assert (found["reward"], len(asked)) == (0.0, 1)


def test_without_a_pattern_of_its_own_nothing_is_rescued() -> None:
    assert len(compare([DIFFERENT], settings={"response_extract_regex": r"\w+"})[1]) == 1
    assert len(compare([DIFFERENT], "Final: x", settings={"use_per_record_regex": False}, **OWN)[1]) == 1


def test_a_long_expected_answer_skips_pattern_rescue_and_swap() -> None:
    settings = {"check_twice_swap": True}
    for first in (EQUAL, DIFFERENT):
        _, asked = compare([first], "Final: x", "g" * 121, settings, **OWN)
        assert len(asked) == 1
        assert asked[0].endswith("G=Final: x")
    assert len(compare([EQUAL, EQUAL], "Final: x", "g" * 120, settings, **OWN)[1]) == 2
    assert (
        len(compare([EQUAL, EQUAL], "Final: x", "g" * 121, {**settings, "extraction_length_threshold": None}, **OWN)[1])
        == 2
    )
    assert len(compare([EQUAL, EQUAL], "Final: x", "g" * 121, settings)[1]) == 2


def test_a_failed_call_is_set_aside_with_its_kind() -> None:
    found, _ = compare(Fault("401"))
    assert (found["reward"], found["_ng_failure_class"]) == (0.0, "judge_failed")
    assert (found["judge_status"], found["judge_error_kind"]) == ("failed", "unauthorised")
    assert found["judge_evaluations"][0]["response"] is None
    assert "401" in found["judge_evaluations"][0]["error"]


def test_the_prompt_is_a_file_beside_the_server() -> None:
    with environment(EQUAL, judge_prompt_template=None) as (gym, endpoint):
        gym.verify(NAME, "the answer", expected_answer="gold")
        asked = endpoint.requests[0].body["input"][-1]["content"]
    assert "<answer_a>\ngold\n</answer_a>" in asked
    assert "<answer_b>\nthe answer\n</answer_b>" in asked


def test_no_more_judge_calls_than_the_limit_are_in_flight() -> None:
    import asyncio

    with ScriptedEndpoint(EQUAL, latency=0.1) as endpoint:
        settings = {"judge_model_server": POLICY, "judge_endpoint_max_concurrency": 2}
        with small_gym(endpoint.url, {NAME: ("resources_servers", NAME, settings)}) as gym:

            async def many() -> None:
                body = rollout("a", expected_answer="b")
                await asyncio.gather(*(gym.client.post(NAME, "/verify", json=body) for _ in range(6)))

            gym.wait(many())
        assert endpoint.served.most_in_flight == 2


def test_labels_and_a_system_message_are_settings() -> None:
    settings = {"judge_equal_label": "SAME", "judge_not_equal_label": "OTHER", "judge_system_message": "Be {strict}."}
    with environment("SAME, not OTHER", **settings) as (gym, endpoint):
        assert gym.verify(NAME, "a", expected_answer="b")["reward"] == 1.0
        assert endpoint.requests[0].body["input"][0] == {"role": "system", "content": "Be {strict}."}
    assert compare("[[A=B]]", settings=settings)[0]["judge_status"] == "unclear"


def test_the_question_is_the_last_user_text() -> None:
    turns = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "well"},
        {"role": "user", "content": [{"type": "input_text", "text": "second"}]},
    ]
    with environment(EQUAL) as (gym, endpoint):
        gym.post(NAME, "/verify", rollout("a", expected_answer="b") | {"responses_create_params": {"input": turns}})
        assert endpoint.requests[0].body["input"][-1]["content"] == "Q=second;E=b;G=a"
