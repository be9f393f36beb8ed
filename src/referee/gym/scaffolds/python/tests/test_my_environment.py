"""What the environment rewards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from referee import DefinitionError, Environment

ROOT = Path(__file__).parents[3]
ROW = {"prompt": "What is 17 + 25?", "expected_answer": "42"}


@pytest.fixture
def environment() -> Iterator[Environment]:
    with Environment.load("my_environment", cwd=ROOT) as environment:
        yield environment


@pytest.mark.parametrize(
    ("answer", "reward"),
    [("17 and 25 are\n42", 1.0), ("42", 1.0), ("It is 42.", 0.0), ("", 0.0)],
)
def test_the_last_line_is_compared(environment: Environment, answer: str, reward: float) -> None:
    assert environment.verify(ROW, answer)["reward"] == reward


def test_a_row_without_an_expected_answer_is_refused(environment: Environment) -> None:
    with pytest.raises(DefinitionError, match="expected_answer"):
        environment.verify({"prompt": "What is 17 + 25?"}, "42")
