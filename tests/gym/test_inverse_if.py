"""The rules of inverse_if, one test each."""

from __future__ import annotations

from typing import Any

import pytest
from data_environment import rules

from referee.testing import Fault

verify = rules("inverse_if")
PROMPT = {"default_judge_prompt_template": "P={prompt};R={model_response};S={standard_response};C={criteria}"}


def rubric(*criteria: str, **more: Any) -> list[dict[str, Any]]:
    return [{"id": f"C{number}", "criteria": text, **more} for number, text in enumerate(criteria)]


def said(replies: dict[str, Any]) -> Any:
    return lambda body: replies[body["input"][-1]["content"].partition("C=")[2]]


@pytest.mark.parametrize(
    ("text", "reward"),
    [
        ('{"result": "PASS"}', 1.0),
        ('{"result": "FAIL"}', 0.0),
        ('It is fine.\n```json\n{"result": "pass"}\n```', 1.0),
        ('inline {"why": "x", "RESULT" : "Fail"} here, though PASS is tempting', 0.0),
        ('FAIL at first {"result": "PASS"}', 1.0),
        ('{"result": "PASS"} no: {"result": "FAIL"}', 0.0),
        ("so I say: pass", 1.0),
        ("PASS would be wrong, so FAIL", 0.0),
        ("It failed.", 0.0),
        ("who knows", 0.0),
        ("", 0.0),
        ('<think>{"result": "FAIL"}</think>{"result": "PASS"}', 1.0),
    ],
)
def test_json_first_then_the_word_else_fail(text: str, reward: float) -> None:
    found, _ = verify(text, rubric=rubric("c"))
    assert (found["reward"], found["num_passed"], found["num_total"]) == (reward, int(reward), 1)


def test_templates_take_the_rows_fields_and_the_standard_response_is_optional() -> None:
    _, asked = verify("PASS", settings=PROMPT, rubric=rubric("short"), prompt="the row's", standard_response="std")
    assert asked == ["P=the row's;R=the answer;S=std;C=short"]
    _, asked = verify("PASS", settings=PROMPT, rubric=rubric("short"))
    assert asked == ["P=the question;R=the answer;S=;C=short"]


@pytest.mark.parametrize(
    ("mode", "reward"), [("mean", 0.5), ("min", 0.0), ("max", 1.0), ("all", 0.0), ("any", 1.0), ("weighted", 0.75)]
)
def test_criteria_are_joined_as_configured(mode: str, reward: float) -> None:
    judge = said({"a": "PASS", "b": "FAIL"})
    criteria = [*rubric("a", weight=3.0), *rubric("b", weight=1.0)]
    found, asked = verify(judge, settings={**PROMPT, "aggregation_mode": mode}, rubric=criteria)
    assert (found["reward"], found["aggregation_mode"], len(asked)) == (reward, mode, 2)


@pytest.mark.parametrize("row", [{}, {"rubric": []}])
def test_without_criteria_it_is_worth_nothing_and_asks_nobody(row: dict[str, Any]) -> None:
    found, asked = verify([], **row)
    assert (found["reward"], found["num_total"], asked) == (0.0, 0, [])


def test_one_failed_call_sets_the_row_aside() -> None:
    judge = said({"a": "PASS", "b": Fault("401")})
    assert verify(judge, settings=PROMPT, rubric=rubric("a", "b"))[0]["_ng_failure_class"] == "judge_failed"
