"""What becomes of a reward when its judge misbehaves: by the kind of fault, the answer that the contract gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from small_gym import POLICY, Gym, small_gym

from referee.inference import Reply
from referee.testing import Answer, Fault, ScriptedEndpoint

TOLERANT, STRICT = "over_refusal_detection", "equivalence_llm_judge"
SAID = {TOLERANT: "[[COMPLIED]]", STRICT: "[[A=B]]"}
JSON = {"content-type": "application/json"}


@contextmanager
def environment(name: str, judge: Any, faults: Any = None, **settings: Any) -> Iterator[tuple[Gym, ScriptedEndpoint]]:
    prompt = "{model_response}" if name == TOLERANT else "{generated_answer}"
    fields = {
        "judge_model_server": POLICY,
        "judge_prompt_template": prompt,
        "judge_retry_base_seconds": 0.0,
        **settings,
    }
    with (
        ScriptedEndpoint(judge, faults=faults) as endpoint,
        small_gym(endpoint.url, {name: ("resources_servers", name, fields)}) as gym,
    ):
        yield gym, endpoint


KINDS = {
    "400": "bad_request",
    "401": "unauthorised",
    "403": "unauthorised",
    "404": "bad_request",
    "429": "rate_limited",
    "500": "server_error",
    "503": "server_error",
    "html": "bad_reply",
    "truncated_json": "bad_reply",
    "empty_body": "bad_reply",
    "wrong_shape": "bad_reply",
    "hang": "timeout",
    "close_before_answer": "unreachable",
    "close_mid_body": "bad_reply",
}


def patience(fault: str) -> dict[str, float]:
    """A short one for what never comes: what comes late on a busy machine is not to be taken for it."""
    return {"judge_timeout_seconds": 0.3} if fault == "hang" else {}


@pytest.mark.parametrize("fault", KINDS)
def test_a_judge_that_never_answers_is_the_marked_unclear_reward_of_over_refusal(fault: Any) -> None:
    with environment(TOLERANT, lambda _: Fault(fault), judge_max_retries=0, **patience(fault)) as (gym, _):
        found = gym.verify(TOLERANT, "an answer")
    assert (found["reward"], found["complied"], found["judge_status"]) == (0.5, False, "failed")
    assert found["judge_error_kind"] == KINDS[fault]
    assert found["judge_evaluation"]["response"] is None
    assert found["judge_evaluation"]["error"] == found["judge_error"]
    assert "_ng_failure_class" not in found
    assert "sk-secret" not in found["judge_error"]


@pytest.mark.parametrize("fault", KINDS)
def test_a_judge_that_never_answers_sets_other_rows_aside(fault: Any) -> None:
    with environment(STRICT, lambda _: Fault(fault), judge_max_retries=0, **patience(fault)) as (gym, _):
        found = gym.verify(STRICT, "an answer", expected_answer="gold")
    assert (found["reward"], found["_ng_failure_class"]) == (0.0, "judge_failed")
    assert (found["judge_status"], found["judge_error_kind"]) == ("failed", KINDS[fault])
    assert found["_ng_failure_judge_error"] == found["judge_error"]


@pytest.mark.parametrize("name", [TOLERANT, STRICT])
@pytest.mark.parametrize("fault", ["429", "500", "503", "html", "wrong_shape", "close_before_answer", "close_mid_body"])
def test_a_fault_that_passes_is_tried_again(name: str, fault: Any) -> None:
    with environment(name, SAID[name], faults=[fault, fault]) as (gym, endpoint):
        found = gym.verify(name, "an answer", expected_answer="gold")
        assert (found["reward"], found["judge_status"]) == (1.0, "scored")
        assert len(endpoint.requests) == 3


@pytest.mark.parametrize("fault", ["400", "401", "403"])
def test_a_fault_that_stays_is_not_tried_again(fault: Any) -> None:
    with environment(TOLERANT, lambda _: Fault(fault)) as (gym, endpoint):
        gym.verify(TOLERANT, "an answer")
        assert len(endpoint.requests) == 1


def test_tries_are_bounded_and_told() -> None:
    with environment(TOLERANT, lambda _: Fault("429")) as (gym, endpoint):
        found = gym.verify(TOLERANT, "an answer")
        # Four, not sixteen: the model server leaves trying again to the judge's own engine.
        assert len(endpoint.requests) == 4
    assert "(4 tries)" in found["judge_error"]


def test_retry_after_is_waited_for() -> None:
    import time

    with environment(TOLERANT, SAID[TOLERANT], faults=[Fault("429", retry_after=0.2)]) as (gym, _):
        begun = time.monotonic()
        assert gym.verify(TOLERANT, "an answer")["reward"] == 1.0
        assert time.monotonic() - begun >= 0.2


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(""), "the answer is empty"),
        (Fault("empty_answer"), "the answer is empty"),
        (Answer("[[COMPLIED]] is", finish="length"), "cut off at the token limit"),
        (Answer("[[COMPLIED]]", finish="content_filter"), "content filter"),
        (Answer(refusal="I won't judge"), "the judge refused"),
        (Answer("<think>[[COMPLIED]]"), "thinking did not end"),
        (Answer("prose and no label"), "wrote none of [[COMPLIED]], [[REFUSED]]; it wrote: prose and no label"),
    ],
)
def test_an_answer_without_a_verdict_is_unclear_and_says_why(answer: Any, told: str) -> None:
    with environment(TOLERANT, answer) as (gym, _):
        found = gym.verify(TOLERANT, "an answer")
    assert (found["reward"], found["judge_status"], found["judge_error_kind"]) == (0.5, "unclear", None)
    assert told in found["judge_error"]
    assert found["judge_evaluation"]["response"] is not None


@pytest.mark.parametrize(
    "body", [b"[]", b"3", b'{"output": 3}', b'{"output": [3]}', b'{"status": "failed", "output": []}']
)
def test_json_that_is_no_answer_is_a_failure(body: bytes) -> None:
    with environment(TOLERANT, Reply(200, JSON, body), judge_max_retries=0) as (gym, _):
        found = gym.verify(TOLERANT, "an answer")
    assert (found["judge_status"], found["judge_error_kind"]) == ("failed", "bad_reply")


def test_a_slow_judge_is_waited_for_up_to_the_limit() -> None:
    with environment(TOLERANT, SAID[TOLERANT], faults=[Fault("slow_drip", seconds=0.1)]) as (gym, _):
        assert gym.verify(TOLERANT, "an answer")["reward"] == 1.0


def test_a_failure_names_the_server_that_was_asked() -> None:
    with environment(TOLERANT, lambda _: Fault("401")) as (gym, _):
        assert "policy_model" in gym.verify(TOLERANT, "an answer")["judge_error"]
