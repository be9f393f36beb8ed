"""Which field marks rows that belong together: found where it repeats and means a thing answered or read, and said."""

from __future__ import annotations

from typing import Any

import pytest

from referee.validation import validate


def rows(n: int, **fields: Any) -> list[dict[str, Any]]:
    """Judged rows; each field is a function of the row's number."""
    return [
        {"judge": at % 5, "human": (at * 3) % 5} | {name: value(at) for name, value in fields.items()}
        for at in range(n)
    ]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"doc_id": lambda at: f"d{at // 4}"}, "doc_id"),
        ({"promptId": lambda at: at // 2}, "promptId"),
        ({"id": lambda at: at // 3}, "id"),
        ({"prompt": lambda at: f"p{at // 2}", "article_id": lambda at: at // 6}, "article_id"),
        ({"prompt": lambda at: f"p{at}", "doc_id": lambda at: at // 4}, "doc_id"),
        ({"doc_id": lambda at: at}, None),
        ({"model_id": lambda at: at % 3, "rater": lambda at: at % 2, "source": lambda at: at % 4}, None),
        ({"prompt": lambda at: "" if at else "the only one"}, None),
    ],
)
def test_the_field_that_is_found(fields: dict[str, Any], found: str | None) -> None:
    answer = validate(rows(60, **fields), human="human", judge="judge").clusters
    assert (answer.field, answer.detected) == (found, found is not None)
    if found is not None:
        assert f"rows with the same {found} count as one group" in answer.note


def test_a_number_of_few_tasks_is_a_category() -> None:
    answer = validate(rows(600, task_id=lambda at: at % 3), human="human", judge="judge").clusters
    assert answer.field is None
