"""What the environment rewards, with a judge that answers by a script."""

from pathlib import Path

import pytest

from referee import Environment
from referee.testing import ScriptedEndpoint

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("said", "reward", "status"),
    [
        ("One can do that at once. [[USEFUL]]", 1.0, "scored"),
        ("It is too vague. [[USELESS]]", 0.0, "scored"),
        ("It depends.", 0.0, "unclear"),
    ],
)
def test_the_verdict_is_the_reward(said: str, reward: float, status: str) -> None:
    with ScriptedEndpoint(said) as endpoint:
        judge = {"url": endpoint.url, "name": "scripted"}
        with Environment.load("my_environment", judge=judge, cwd=ROOT) as environment:
            found = environment.verify({"prompt": "How do I stop a door from squeaking?"}, "Oil the hinges.")
        asked = endpoint.requests[0].body["messages"][-1]["content"]
    assert (found["reward"], found["judge_status"]) == (reward, status)
    assert "How do I stop a door from squeaking?" in asked
    assert "Oil the hinges." in asked
