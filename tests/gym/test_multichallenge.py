"""The rules of multichallenge, one test each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from small_gym import POLICY, Gym, rollout, small_gym

from referee.testing import Fault, ScriptedEndpoint

NAME = "multichallenge"
PROMPT = "C={context};R={response};Q={question};P={pass_criteria}"


@contextmanager
def environment(judge: Any, **settings: Any) -> Iterator[tuple[Gym, ScriptedEndpoint]]:
    latency = settings.pop("latency", 0.0)
    fields = {
        "judge_model_server": POLICY,
        "judge_prompt_template": PROMPT,
        "judge_retry_base_seconds": 0.0,
        "judge_max_retries": 0,
        **settings,
    }
    with (
        ScriptedEndpoint(judge, latency=latency) as endpoint,
        small_gym(endpoint.url, {NAME: ("resources_servers", NAME, fields)}) as gym,
    ):
        yield gym, endpoint


def said(replies: dict[str, Any]) -> Any:
    """A judge that answers each question as told."""

    def answer(body: dict[str, Any]) -> Any:
        question = body["input"][-1]["content"].split("Q=")[1].split(";")[0]
        return replies[question]

    return answer


def questions(*criteria: str, **weights: float) -> list[dict[str, Any]]:
    return [{"question": f"q{number}", "pass_criteria": wanted} for number, wanted in enumerate(criteria)]


def assess(replies: dict[str, Any], rubric: list[dict[str, Any]], settings: dict[str, Any] | None = None) -> Any:
    with environment(said(replies), **(settings or {})) as (gym, _):
        return gym.verify(NAME, "the answer", rubric=rubric, context="the context")


@pytest.mark.parametrize(
    ("text", "verdict", "status"),
    [
        ("[[YES]]", "YES", "scored"),
        ("[[NO]]", "NO", "scored"),
        ("[[YES]] no: [[NO]]", "NO", "scored"),
        ("[[NO]] or rather [[YES]]", "YES", "scored"),
        ("I think\nyes", "YES", "scored"),
        ("Yes at first.\nBut no.", "NO", "scored"),
        ("[[yes]]", "YES", "scored"),
        ("who knows", "NO", "unclear"),
        ("", "NO", "unclear"),
        ("<think>[[NO]]</think>[[YES]]", "YES", "scored"),
    ],
)
def test_the_last_label_else_the_last_line_else_no(text: str, verdict: str, status: str) -> None:
    found = assess({"q0": text}, questions("YES"))
    assert found["rubric_evaluations"][0]["verdict"] == verdict
    assert (found["reward"], found["judge_status"]) == (float(verdict == "YES"), status)


@pytest.mark.parametrize(
    ("criteria", "verdict", "reward"),
    [
        ("YES", "YES", 1.0),
        ("YES", "NO", 0.0),
        ("NO", "NO", 1.0),
        ("no", "NO", 1.0),
        ("No", "YES", 0.0),
        ("anything else", "YES", 1.0),
    ],
)
def test_a_question_is_passed_where_the_verdict_is_the_wanted_one(criteria: str, verdict: str, reward: float) -> None:
    assert assess({"q0": f"[[{verdict}]]"}, questions(criteria))["reward"] == reward


def test_criteria_and_weight_have_defaults() -> None:
    found = assess({"q0": "[[YES]]"}, [{"question": "q0"}])
    assert found["rubric_evaluations"][0]["pass_criteria"] == "YES"
    assert found["rubric_evaluations"][0]["weight"] == 1.0
    assert found["reward"] == 1.0


@pytest.mark.parametrize(
    ("mode", "reward"), [("mean", 2 / 3), ("min", 0.0), ("max", 1.0), ("all", 0.0), ("any", 1.0), ("weighted", 0.75)]
)
def test_aggregation(mode: str, reward: float) -> None:
    rubric = [{**one, "weight": weight} for one, weight in zip(questions("YES", "YES", "NO"), (1, 1, 2), strict=True)]
    found = assess({"q0": "[[NO]]", "q1": "[[YES]]", "q2": "[[NO]]"}, rubric, {"aggregation_mode": mode})
    assert found["reward"] == pytest.approx(reward)
    assert (found["num_passed"], found["num_total"], found["aggregation_mode"]) == (2, 3, mode)


def test_weights_that_are_all_zero_are_worth_nothing() -> None:
    rubric = [{**one, "weight": 0} for one in questions("YES", "YES")]
    assert assess({"q0": "[[YES]]", "q1": "[[YES]]"}, rubric, {"aggregation_mode": "weighted"})["reward"] == 0.0


def test_without_questions_it_is_worth_nothing_and_asks_nobody() -> None:
    with environment([]) as (gym, endpoint):
        for row in ({}, {"rubric": []}, {"metadata": {}}):
            found = gym.verify(NAME, "an answer", **row)
            assert (found["reward"], found["num_total"], found["judge_status"]) == (0.0, 0, None)
        assert not endpoint.requests


def test_questions_and_context_may_stand_in_metadata() -> None:
    metadata = {
        "rubric": questions("YES"),
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "thinking", "content": "hm"},
            {"role": "assistant", "content": "ho"},
        ],
    }
    with environment("[[YES]]") as (gym, endpoint):
        found = gym.verify(NAME, "the answer", metadata=metadata)
        asked = endpoint.requests[0].body["input"]
    assert found["context"] == "[USER]: hi\n\n[ASSISTANT]: ho"
    assert asked[1]["content"] == "C=[USER]: hi\n\n[ASSISTANT]: ho;R=the answer;Q=q0;P=YES"
    assert asked[0]["role"] == "system"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<think>a</think>b", "b"),
        ("a</think>b", "b"),
        ("<thinking>a</thinking>b", "b"),
        ("a</thinking>b", "b"),
        ("<think>never ends", ""),
    ],
)
def test_the_policys_thinking_is_not_judged(text: str, left: str) -> None:
    with environment("[[YES]]") as (gym, _):
        assert gym.verify(NAME, text, rubric=questions("YES"))["generated_response"] == left


@pytest.mark.parametrize(("parallel", "most", "latency"), [(True, 3, 0.3), (False, 1, 0.03)])
def test_questions_are_asked_at_once_unless_told_otherwise(parallel: bool, most: int, latency: float) -> None:
    with environment("[[YES]]", latency=latency, parallel_evaluation=parallel) as (gym, endpoint):
        assert gym.verify(NAME, "a", rubric=questions("YES", "YES", "YES"))["reward"] == 1.0
        assert endpoint.served.most_in_flight == most


def test_one_failed_call_sets_the_row_aside() -> None:
    found = assess({"q0": "[[YES]]", "q1": Fault("401")}, questions("YES", "YES"))
    assert (found["reward"], found["_ng_failure_class"]) == (0.0, "judge_failed")
    assert found["judge_error_kind"] == "unauthorised"
    assert [one["verdict"] for one in found["rubric_evaluations"]] == ["YES", None]
    assert found["num_passed"] == 1


def test_an_unreadable_answer_counts_as_no_and_is_told() -> None:
    found = assess({"q0": "[[YES]]", "q1": "who knows"}, questions("YES", "NO"))
    assert (found["reward"], found["judge_status"]) == (1.0, "unclear")
    assert found["judge_error"].startswith("1 of 2 questions")
    assert "_ng_failure_class" not in found


def test_a_weight_that_is_no_number_is_a_failure_and_not_a_score() -> None:
    found = assess({"q0": "[[YES]]"}, [{"question": "q0", "weight": "heavy"}])
    assert (found["_ng_failure_class"], found["judge_error_kind"]) == ("judge_failed", "bad_request")


def test_labels_are_settings() -> None:
    settings = {"yes_label": "<<JA>>", "no_label": "<<NEIN>>"}
    assert assess({"q0": "<<NEIN>> <<JA>>"}, questions("YES"), settings)["reward"] == 1.0


def test_the_rows_fields_come_back() -> None:
    with environment("[[YES]]") as (gym, _):
        answer = gym.post(NAME, "/verify", rollout("a", rubric=questions("YES"), uuid="u", task_id=3, other=1))
    assert (answer.body["uuid"], answer.body["task_id"]) == ("u", 3)
    assert "other" not in answer.body
