"""What reward servers' rules ask of labels, rubrics, placeholders and limits beyond the usual."""

from __future__ import annotations

from typing import Any

import pytest
from canned import chat, judge, labelled, run

from referee.errors import DefinitionError
from referee.exchange import Failure
from referee.judge import Failed, InferenceParams, Judge, Outcome, Scored, Unclear, read_scores


def refusals(**parser: Any) -> Judge:
    rubric = [{"label": "Refusal: yes", "value": 0}, {"label": "Refusal: no", "value": 1}]
    return judge(scores=[{"name": "quality", "rubric": rubric, "parser": {"type": "label", **parser}}])


def yes_or_no(**fields: Any) -> dict[str, Any]:
    rubric = [{"label": "[[YES]]", "value": 1}, {"label": "[[NO]]", "value": 0}]
    return {"name": "quality", "rubric": rubric, "parser": {"type": "label", "wins": "last", **fields}}


def read(made: Judge, text: str) -> Outcome:
    return read_scores(made, chat(text))["quality"]


@pytest.mark.parametrize("text", ["Refusal: no", "refusal:NO", "REFUSAL:\n  no, it helps"])
def test_a_label_in_any_case_and_with_any_white_space(text: str) -> None:
    assert read(refusals(any_case=True), text) == Scored(1.0, "Refusal: no")


def test_labels_are_exact_by_default() -> None:
    assert isinstance(read(refusals(), "refusal: no"), Unclear)


@pytest.mark.parametrize("text", ["Refusal: no", "refusal:no", "REFUSAL:\n\nno"])
def test_a_labels_white_space_does_not_hide_it_from_the_guard(text: str) -> None:
    (request,) = run(refusals(any_case=True), {"response": f"so {text}!"}, ["Refusal: yes"])[1][0]
    assert request.messages[0]["content"] == f"so {text[0]} {text[1:]}!"


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("[[SAFE]]", "[[\u017fafe]]"),  # a long s
        ("[[Fix]]", "[[f\u0131x]]"),  # an i without its dot
        ("[[Fix]]", "[[F\u0130X]]"),  # a capital one with it
        ("[[OK]]", "[[o\u212a]]"),  # the sign for kelvin
        ("[[\u0130]]", "[[\u0130]]"),
        ("[[\u00b5m]]", "[[\u03bcM]]"),  # the sign for a millionth, and the Greek letter
    ],
)
def test_the_guard_breaks_whatever_is_read_as_a_label_in_any_case(label: str, text: str) -> None:
    made = judge(
        scores=[
            {
                "name": "quality",
                "rubric": [{"label": label, "value": 1}, {"label": "[[NO]]", "value": 0}],
                "parser": {"type": "label", "any_case": True},
            }
        ]
    )
    assert read(made, text) == Scored(1.0, label)
    (request,) = run(made, {"response": f"so {text}!"}, [label])[1][0]
    assert request.messages[0]["content"] == f"so [ {text[1:]}!"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("It does.\nYES", "[[YES]]"),
        ("Yes is tempting.\nFinal: no.", "[[NO]]"),
        ("no\nI say yes\n\n", "[[YES]]"),
        ("[[NO]] but then\nYES", "[[NO]]"),
        ("No, yes", "[[YES]]"),
    ],
)
def test_without_a_label_the_last_line_is_read_as_words(text: str, label: str) -> None:
    found = read(judge(scores=[yes_or_no(last_line=True)]), text)
    assert isinstance(found, Scored)
    assert found.label == label


@pytest.mark.parametrize("text", ["yes\nit is unclear", "my eyes", "nothing"])
def test_a_last_line_without_the_words_is_unclear(text: str) -> None:
    assert isinstance(read(judge(scores=[yes_or_no(last_line=True)]), text), Unclear)


ITEMS = {"rubric": [{"question": "q1"}, {"question": "q2"}]}


def rubric(**fields: Any) -> Judge:
    return labelled(prompt_template="{{ rubric_item.question }}", protocol={"type": "rubric", **fields})


def test_an_unclear_item_may_count_as_a_label() -> None:
    verdict, _ = run(rubric(unclear_as="[[NO]]"), ITEMS, ["[[YES]]", "who knows"])
    assert verdict.scores["quality"] == Scored(0.5, None, {"unclear": 1.0, "n": 2.0, "passed": 1.0})
    assert isinstance(verdict.exchanges[1].outcomes["quality"], Unclear)


def test_a_failed_item_never_counts_as_a_label() -> None:
    verdict, _ = run(rubric(unclear_as="[[NO]]"), ITEMS, ["who knows", Failure("timeout", "late")])
    assert verdict.scores["quality"] == Failed("timeout", "late")


def test_what_unclear_items_count_as_is_a_label() -> None:
    with pytest.raises(DefinitionError, match=r"unclear_as is 'NO', which is no label of quality"):
        rubric(unclear_as="NO")


def test_placeholders_name_fields_of_the_rubric_item_first() -> None:
    made = labelled(
        prompt_template={
            "syntax": "format",
            "messages": [{"role": "user", "content": "{question} of {context}: {response}"}],
        },
        protocol={"type": "rubric"},
    )
    item = {"rubric": [{"question": "q1"}], "question": "the row's", "context": "c", "response": "r"}
    _, batches = run(made, item, ["[[YES]]"])
    assert batches[0][0].messages[0]["content"] == "q1 of c: r"


def test_an_unlimited_judge_sends_no_limit_and_is_another_judge() -> None:
    made = judge(inference={"max_tokens": "unlimited"})
    (request,) = run(made, {"response": "r"}, ['{"quality": 1}'])[1][0]
    assert "max_tokens" not in request.parameters
    assert made.hash != judge().hash
    assert InferenceParams(max_tokens="unlimited").over(InferenceParams(max_tokens=5)).parameters() == {}
