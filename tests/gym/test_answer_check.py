"""Deterministic checks: each kind, one test; and answer_check, the environment of nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import small_gym as tools
from hypothesis import given
from hypothesis import strategies as st

from referee.gym.checks import KINDS, Check

NAME = "answer_check"
SCHEMA = {"type": "object", "required": ["a"], "properties": {"a": {"type": "number"}}}


def passes(kind: Any, text: str, expected: Any, **settings: Any) -> bool:
    return Check(type=kind, **settings).run(text, expected).passed


@pytest.mark.parametrize(
    ("kind", "text", "expected", "passed"),
    [
        ("exact", "I think it is\nParis", "Paris", True),
        ("exact", "Paris", "paris", False),
        ("exact", "It is Paris.", "Paris", False),
        ("string", "  the  São-Paulo! ", "The sao paulo", True),
        ("string", "London", ["Paris", "london"], True),
        ("string", "London", "Paris", False),
        ("choice", "A is wrong, so the answer is (B).", "B", True),
        ("choice", r"\boxed{C}", "c", True),
        ("choice", "**Answer: D**", "D", True),
        ("choice", "Because it flies: B", "B", True),
        ("choice", "A or B? B, then A.", "B", False),
        ("choice", "none of them", "B", False),
        ("number", "First 3, then 1,024.5 in all.", 1024.5, True),
        ("number", "-7", "-7", True),
        ("number", "It is 1e3.", 1000, True),
        ("number", "It is 0.3333333", "0.333333333", True),
        ("number", "It is 0.33", "0.333333333", False),
        ("number", "no number", 3, False),
        ("regex", "on 2024-05-06.", r"\d{4}-\d{2}-\d{2}", True),
        ("regex", "on May 6.", [r"^\d", r"May\s\d"], True),
        ("regex", "on May 6.", r"^\d", False),
        ("json_schema", '```json\n{"a": 1}\n```', SCHEMA, True),
        ("json_schema", '{"a": 1}', SCHEMA, True),
        ("json_schema", '{"a": "1"}', SCHEMA, False),
        ("json_schema", "a: 1", SCHEMA, False),
    ],
)
def test_each_kind_of_check(kind: Any, text: str, expected: Any, passed: bool) -> None:
    found = Check(type=kind).run(text, expected)
    assert found.passed is passed
    assert (found.reason is None) is passed


def test_a_pattern_may_take_the_answer_out_first() -> None:
    assert passes("exact", "Answer: 4\nAnswer: Paris\nthanks", "Paris", extract=r"Answer: (.*?)$")
    found = Check(type="exact", extract=r"Answer: (.*)").run("nothing", "Paris")
    assert found.reason == "the pattern 'Answer: (.*)' took nothing out of the answer"


def test_a_tolerance_is_a_setting() -> None:
    assert passes("number", "3.1", 3.14159, tolerance=0.05)


@pytest.mark.parametrize("expected", [None, []])
def test_a_row_that_expects_nothing_never_passes(expected: Any) -> None:
    assert not passes("string", "", expected)


@given(st.sampled_from([kind for kind in KINDS if kind != "math"]), st.text(max_size=40), st.text(max_size=10))
def test_a_check_never_fails_whatever_the_answer_is(kind: Any, text: str, expected: str) -> None:
    wanted: Any = SCHEMA if kind == "json_schema" else "a+" if kind == "regex" else expected
    found = Check(type=kind).run(text, wanted)
    assert found.passed in (True, False)


def verify(text: str, settings: dict[str, Any] | None = None, **row: Any) -> Any:
    with tools.small_gym("http://127.0.0.1:9/v1", {NAME: ("resources_servers", NAME, settings or {})}) as gym:
        return gym.verify(NAME, text, **row)


def test_the_environment_needs_no_judge() -> None:
    found = verify("It is\nlima.", expected_answer="Lima")
    assert (found["reward"], found["judge_status"], found["judge_calls"]) == (1.0, None, 0)
    assert found["check"] == {"passed": True, "answer": "lima.", "reason": None}
    assert found["expected_answer"] == "Lima"
    found = verify("Quito", expected_answer="Lima")
    assert (found["reward"], found["check"]["reason"]) == (0.0, "it is 'Quito', and 'lima' was expected")


def test_a_rows_own_type_comes_before_the_setting() -> None:
    assert verify("so: 391", {"check_type": "exact"}, check_type="number", expected_answer=391)["reward"] == 1.0
    with tools.small_gym("http://127.0.0.1:9/v1", {NAME: ("resources_servers", NAME, {})}) as gym:
        answer = gym.post(NAME, "/verify", tools.rollout("x", check_type="nubmer", expected_answer=3))
    assert answer.status == 422
    assert "'nubmer' is no check; there are exact, string" in answer.body["detail"]
