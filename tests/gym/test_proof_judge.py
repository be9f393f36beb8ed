"""The rules of proof_judge, one test each."""

from __future__ import annotations

from typing import Any

import pytest
from data_environment import environment, rules

from referee.testing import Fault

NAME = "proof_judge"
verify = rules(NAME)


def written(score: str = "1", proof: str = "Because.", before: str = "") -> str:
    return f"{before}## Solution\n{proof}\n## Self Evaluation\nIt holds. \\boxed{{{score}}}"


def box(score: Any) -> str:
    return rf"So \boxed{{{score}}}"


@pytest.mark.parametrize(("score", "reward"), [("1", 1.0), ("0.5", 0.5), ("0", 0.0)])
def test_without_beta_the_reward_is_alpha_times_the_proofs_score_in_one_call(score: str, reward: float) -> None:
    found, asked = verify(box(score), written("0.5"), problem="P")
    assert (found["reward"], found["proof_reward"], found["self_score"], len(asked)) == (reward, reward, 0.5, 1)
    assert "<problem>\nP\n</problem>" in asked[0]
    assert "<proof>\nBecause.\n</proof>" in asked[0]
    assert verify(box(score), written(), {"alpha": 0.5})[0]["reward"] == reward / 2


def test_with_beta_the_assessment_is_scored_too() -> None:
    settings = {"alpha": 0.6, "beta": 0.4}
    found, asked = verify([box("1"), box("0.5")], written("0.5"), settings)
    assert found["reward"] == pytest.approx(0.6 * 1.0 + 0.4 * (1 - abs(0.5 - 1.0)) * 0.5)
    assert (found["meta_reward"], len(asked), found["judge_calls"]) == (0.5, 2, 2)


def test_the_two_calls_are_made_at_once_the_proofs_first() -> None:
    with environment(NAME, [box("1"), box("1")], beta=1.0) as (gym, endpoint):
        gym.verify(NAME, written())
        first, second = (request.body["input"][-1]["content"] for request in endpoint.requests)
    assert "<assessment>" not in first
    assert "<assessment>\nIt holds. \\boxed{1}\n</assessment>" in second
    from referee.testing import ScriptedEndpoint  # the most in flight needs a judge that takes its time

    with ScriptedEndpoint(box("1"), latency=0.3) as endpoint:
        import small_gym as tools

        fields = {"judge_model_server": tools.POLICY, "beta": 1.0}
        with tools.small_gym(endpoint.url, {NAME: ("resources_servers", NAME, fields)}) as gym:
            assert gym.verify(NAME, written())["reward"] == 2.0
        assert endpoint.served.most_in_flight == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "missing_sections"),
        ("a proof without sections \\boxed{1}", "missing_sections"),
        ("## Solution\nx", "missing_sections"),
        ("## Self Evaluation\n\\boxed{1}\n## Solution\nx", "missing_sections"),
        (written("0.7"), "invalid_boxed_score"),
        (written("1") + r" or \boxed{2}", "invalid_boxed_score"),
        ("## Solution\nx\n## Self Evaluation\nno box", "invalid_boxed_score"),
    ],
)
def test_these_are_worth_nothing_and_ask_nobody(text: str, reason: str) -> None:
    found, asked = verify([], text)
    assert (found["reward"], found["reason"], asked) == (0.0, reason, [])


def test_thinking_does_not_count_and_its_end_may_be_required() -> None:
    found, asked = verify(box("1"), written(before="## Solution\nno\n</think>\n"))
    assert found["reward"] == 1.0
    assert "<proof>\nBecause.\n</proof>" in asked[0]
    found, _ = verify([], written(), {"assert_think_end": True})
    assert (found["reward"], found["reason"]) == (0.0, "missing_think_end")


@pytest.mark.parametrize("said", ["no box", box("0.7"), ""])
def test_a_score_that_cannot_be_read_counts_as_nothing(said: str) -> None:
    found, _ = verify(said, written())
    assert (found["reward"], found["judge_status"]) == (0.0, "unclear")


def test_sampling_has_its_own_keys() -> None:
    with environment(NAME, box("1"), temperature=0.2, max_tokens=77) as (gym, endpoint):
        gym.verify(NAME, written())
        body = endpoint.requests[0].body
    assert (body["temperature"], body["top_p"], body["max_output_tokens"]) == (0.2, 0.95, 77)
    with environment(NAME, box("1")) as (gym, endpoint):
        gym.verify(NAME, written())
        body = endpoint.requests[0].body
    assert (body["temperature"], body["top_p"], body["max_output_tokens"]) == (0.6, 0.95, 100_000)


@pytest.mark.parametrize("answers", [[Fault("401"), box("1")], [box("1"), Fault("401")]])
def test_a_failed_call_sets_the_row_aside(answers: list[Any]) -> None:
    found, _ = verify(answers, written(), {"beta": 1.0})
    assert (found["reward"], found["_ng_failure_class"]) == (0.0, "judge_failed")
