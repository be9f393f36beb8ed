"""Each protocol driven by canned answers, failures among them as values (judge.md, 3 and 4)."""

from __future__ import annotations

from typing import Any

import pytest
from canned import LABELS, chat, judge, labelled, run

from referee.errors import DefinitionError
from referee.exchange import Failure
from referee.judge import Failed, Judge, Outcome, Scored, Unclear, deliberate

ITEM = {"response": "an answer", "a": "first", "b": "second"}
DOWN = Failure("unreachable", "nobody there")
SLOW = Failure("timeout", "too slow")
FAILED = Failed("unreachable", "nobody there")
PAIR = {
    "scores": [
        {
            "name": "quality",
            "rubric": [{"label": "[[A]]", "value": 1}, {"label": "[[B]]", "value": 0}],
            "parser": {"type": "label"},
        }
    ],
    "prompt_template": "{{ item.a }} or {{ item.b }}",
}
MIRROR = {"[[A]]": "[[B]]", "[[B]]": "[[A]]"}


def outcome(made: Judge, answers: list[Any], item: dict[str, Any] | None = None) -> Outcome:
    return run(made, ITEM if item is None else item, answers)[0].scores["quality"]


def score(value: float) -> str:
    return f'{{"quality": {value}}}'


def test_single_asks_once_and_keeps_the_exchange() -> None:
    verdict, batches = run(judge(), ITEM, [score(3)])
    assert verdict.scores == {"quality": Scored(3.0)}
    assert [len(batch) for batch in batches] == [1]
    assert verdict.exchanges[0].request is batches[0][0]
    assert verdict.exchanges[0].outcomes == verdict.scores


def test_a_failure_is_a_failed_verdict_and_never_a_number() -> None:
    verdict, _ = run(judge(), ITEM, [DOWN])
    assert verdict.scores == {"quality": FAILED}
    assert verdict.exchanges[0].answer is DOWN


def test_the_wrong_number_of_answers_is_refused() -> None:
    for protocol in ({"type": "single"}, {"type": "repeats", "n": 3}):
        deliberation = deliberate(judge(protocol=protocol), ITEM)
        next(deliberation)
        with pytest.raises(ValueError, match=r"values to unpack|zip"):
            deliberation.send([chat("1"), chat("1")])


@pytest.mark.parametrize(
    ("combine", "answers", "value"),
    [
        ("mean", [score(1), score(2), score(4)], 7 / 3),
        ("median", [score(1), score(2), score(4)], 2),
        ("majority", [score(1), score(4), score(4)], 4),
        ("mean", [score(1), DOWN, score(4)], 2.5),
        ("mean", [score(1), "no idea", DOWN], 1),
        ("majority", ["no idea", score(4), DOWN], 4),
    ],
)
def test_repeats_and_panel_combine_the_scored(combine: str, answers: list[Any], value: float) -> None:
    models = [{"url": "http://localhost/v1", "name": name} for name in "xyz"]
    for protocol in ({"type": "repeats", "n": 3}, {"type": "panel", "models": models}):
        found = outcome(judge(protocol={**protocol, "combine": combine}), answers)
        assert isinstance(found, Scored)
        assert found.value == pytest.approx(value)
        assert found.details["n"] == sum(isinstance(answer, str) and "quality" in answer for answer in answers)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([DOWN, "no idea"], FAILED),
        (["no idea", DOWN], FAILED),
        (["no idea", "none"], Unclear("the answer holds no JSON object", "no idea")),
    ],
)
def test_none_scored_is_failed_where_any_failed_else_unclear(answers: list[Any], expected: Outcome) -> None:
    assert outcome(judge(protocol={"type": "repeats", "n": 2}), answers) == expected


def test_no_majority_is_unclear() -> None:
    made = judge(protocol={"type": "repeats", "n": 3, "combine": "majority"})
    found = outcome(made, [score(1), score(2), DOWN])
    assert isinstance(found, Unclear)
    assert found.reason == "quality has no majority: 1 × 1, 1 × 2"


def test_repeats_make_the_same_request_in_one_batch() -> None:
    _, batches = run(judge(protocol={"type": "repeats", "n": 3}), ITEM, [score(1)] * 3)
    assert [len({request.hash for request in batch}) for batch in batches] == [1]
    assert len(batches[0]) == 3


def test_a_panel_asks_each_model_with_its_own_parameters() -> None:
    models = [
        {"url": "http://localhost/v1", "name": "x", "inference": {"temperature": 1, "max_tokens": 5}},
        {"url": "http://localhost/v1", "name": "y"},
    ]
    made = judge(model=None, inference={"max_completion_tokens": 7}, protocol={"type": "panel", "models": models})
    _, (batch,) = run(made, ITEM, [score(1)] * 2)
    assert [(request.model, request.route) for request in batch] == [("x", "0"), ("y", "1")]
    assert batch[0].parameters == {"temperature": 1.0, "max_completion_tokens": 7}
    assert batch[1].parameters == {"max_completion_tokens": 7}
    assert set(made.models) == {"0", "1"}


def orders(first: float, second: float) -> dict[str, float]:
    """What is reported of the two calls of a swap."""
    return {"consistent": float(first == second), "first": first, "second": second}


def swap(**fields: Any) -> Judge:
    return judge(**PAIR, protocol={"type": "swap", "fields": ["a", "b"], **fields})


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("[[A]]", "[[B]]", Scored(1.0, "[[A]]", orders(1, 1))),
        ("[[B]]", "[[A]]", Scored(0.0, "[[B]]", orders(0, 0))),
        ("[[A]]", "[[A]]", Scored(0.5, None, orders(1, 0))),
        (DOWN, "[[A]]", FAILED),
        ("[[A]]", DOWN, FAILED),
        ("neither", DOWN, FAILED),
        ("[[A]]", "neither", Unclear("the judge wrote none of [[A]], [[B]]", "neither")),
    ],
)
def test_swap(one: Any, two: Any, expected: Outcome) -> None:
    assert outcome(swap(mirror=MIRROR), [one, two]) == expected


def test_swap_shows_both_orders_at_once() -> None:
    _, batches = run(swap(mirror=MIRROR), ITEM, ["[[A]]", "[[B]]"])
    assert [[request.messages[0]["content"] for request in batch] for batch in batches] == [
        ["first or second", "second or first"]
    ]


def test_swap_asks_again_only_after_the_labels_named() -> None:
    made = swap(when=["[[A]]"], otherwise=0)
    verdict, batches = run(made, ITEM, ["[[B]]"])
    assert (verdict.scores["quality"], len(batches)) == (Scored(0.0, "[[B]]"), 1)
    verdict, batches = run(made, ITEM, ["[[A]]", "[[A]]"])
    assert (verdict.scores["quality"], len(batches)) == (Scored(1.0, "[[A]]", orders(1, 1)), 2)
    assert outcome(made, ["[[A]]", "[[B]]"]) == Scored(0.0, None, orders(1, 0))
    assert outcome(made, ["[[A]]", DOWN]) == FAILED
    assert outcome(made, [DOWN]) == FAILED
    assert isinstance(outcome(made, ["neither"]), Unclear)


def test_a_disagreement_is_the_label_tie_where_there_is_one() -> None:
    rubric = [{"label": "A", "value": 2}, {"label": "B", "value": 0}, {"label": "tie", "value": 0.75}]
    made = judge(
        scores=[{"name": "quality", "rubric": rubric}],
        prompt_template="{{ item.a }} or {{ item.b }}",
        protocol={"type": "swap", "fields": ["a", "b"], "mirror": {"A": "B", "B": "A"}},
    )
    assert outcome(made, ['{"quality": "A"}'] * 2) == Scored(0.75, "tie", orders(2, 0))
    assert outcome(made, ['{"quality": "tie"}'] * 2) == Scored(0.75, "tie", orders(0.75, 0.75))


def test_swap_on_a_range_takes_the_middle() -> None:
    made = judge(protocol={"type": "swap", "fields": ["a", "b"]})
    assert outcome(made, [score(1), score(2)]) == Scored(1.5, None, orders(1, 2))
    assert outcome(made, [score(2), score(2)]) == Scored(2.0, None, orders(2, 2))


def test_the_targets_answer_is_exchanged_with_the_field_it_came_from() -> None:
    template = "{{ sample.output_text }} or {{ item.gold }}"
    for fields in (["response", "gold"], ["gold", "response"], ["sample.output_text", "gold"]):
        made = judge(prompt_template=template, protocol={"type": "swap", "fields": fields})
        _, (batch,) = run(made, {"response": "mine", "gold": "theirs"}, [score(1)] * 2)
        assert [request.messages[0]["content"] for request in batch] == ["mine or theirs", "theirs or mine"]


def test_a_missing_swap_field_fails_the_row() -> None:
    found = outcome(swap(), [], {"a": "x"})
    assert isinstance(found, Failed)
    assert "'b'" in found.message


def rubric(**fields: Any) -> Judge:
    return labelled(prompt_template="{{ rubric_item.question }}", protocol={"type": "rubric", **fields})


ITEMS = {"rubric": [{"question": "q1", "weight": 3}, {"question": "q2"}, {"question": "q3", "weight": 0}]}


@pytest.mark.parametrize(
    ("combine", "answers", "value"),
    [
        ("mean", "YNN", 1 / 3),
        ("min", "YNY", 0),
        ("max", "YNY", 1),
        ("all", "YYY", 1),
        ("all", "YYN", 0),
        ("any", "NNY", 1),
        ("any", "NNN", 0),
        ("weighted", "YNN", 0.75),
        ("weighted", "NYY", 0.25),
    ],
)
def test_rubric(combine: str, answers: str, value: float) -> None:
    said = [f"[[{'YES' if answer == 'Y' else 'NO'}]]" for answer in answers]
    verdict, batches = run(rubric(combine=combine), ITEMS, said)
    assert [request.messages[0]["content"] for request in batches[0]] == ["q1", "q2", "q3"]
    found = verdict.scores["quality"]
    assert found == Scored(pytest.approx(value), None, {"n": 3.0, "passed": float(answers.count("Y"))})


def test_rubric_weights_that_are_all_zero_give_zero() -> None:
    made = rubric(combine="weighted")
    assert outcome(made, ["[[YES]]"], {"rubric": [{"question": "q", "weight": 0}]}) == Scored(
        0.0, None, {"n": 1.0, "passed": 1.0}
    )


def test_rubric_with_the_label_each_item_expects() -> None:
    items = {"rubric": [{"question": "q1", "pass": "yes"}, {"question": "q2", "pass": "[[NO]]"}]}
    made = rubric(expect="pass")
    assert outcome(made, ["[[YES]]", "[[NO]]"], items) == Scored(1.0, None, {"n": 2.0, "passed": 2.0})
    assert outcome(made, ["[[NO]]", "[[NO]]"], items) == Scored(0.5, None, {"n": 2.0, "passed": 1.0})


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["[[YES]]", DOWN, "dunno"], FAILED),
        (["dunno", "[[YES]]", SLOW], Failed("timeout", "too slow")),
        (["[[YES]]", "[[YES]]", "dunno"], Unclear("the judge wrote none of [[YES]], [[NO]]", "dunno")),
    ],
)
def test_one_missing_item_makes_a_rubric_missing(answers: list[Any], expected: Outcome) -> None:
    assert outcome(rubric(), answers, ITEMS) == expected


@pytest.mark.parametrize(
    ("item", "kind", "message"),
    [
        ({"rubric": []}, Unclear, "item.rubric is empty"),
        ({}, Failed, "there is no field 'item.rubric'"),
        ({"rubric": "a, b"}, Failed, "item.rubric is str, not a list"),
        (
            {"rubric": [{"question": "q", "weight": "heavy"}]},
            Failed,
            "weight of a rubric item is 'heavy', not a number",
        ),
        ({"rubric": [{"query": "q"}]}, Failed, "there is no field 'rubric_item.question'"),
        ({"rubric": ["q"]}, Failed, "there is no field 'rubric_item.question'"),
    ],
)
def test_a_rubric_that_cannot_be_asked_about(item: dict[str, Any], kind: type, message: str) -> None:
    found = outcome(rubric(), [], item)
    assert isinstance(found, kind)
    assert message in (found.reason if isinstance(found, Unclear) else found.message)  # type: ignore[union-attr]


def test_an_expectation_that_is_no_label_fails_the_row() -> None:
    for given in ({"question": "q"}, {"question": "q", "pass": "maybe"}):
        found = outcome(rubric(expect="pass"), [], {"rubric": [given]})
        assert isinstance(found, Failed)
        assert "the labels are [[YES]], [[NO]]" in found.message


def test_scores_of_one_answer_are_told_apart() -> None:
    scores = [{"name": "quality", "minimum": 0, "maximum": 4}, {"name": "tone", "minimum": 0, "maximum": 1}]
    verdict, _ = run(judge(scores=scores, protocol={"type": "repeats", "n": 2}), ITEM, ['{"quality": 3}', DOWN])
    assert isinstance(verdict.scores["quality"], Scored)
    assert isinstance(verdict.scores["tone"], Failed)


PROBABILITY = {"type": "token_probability"}


@pytest.mark.parametrize(
    ("protocol", "parser", "message"),
    [
        ({"type": "swap", "fields": ["a", "b"], "mirror": {"[[A]]": "[[B]]"}}, {}, "the label '[[A]]'"),
        ({"type": "swap", "fields": ["a", "b"], "when": ["[[MAYBE]]"]}, {}, "the label '[[MAYBE]]'"),
        ({"type": "repeats", "n": 0}, {}, "protocol.n"),
        ({"type": "panel", "models": []}, {}, "protocol.models"),
        ({"type": "swop", "fields": ["a", "b"]}, {}, "protocol: type is not 'swop'; did you mean 'swap'?"),
        ({"type": "x"}, {}, "type is not 'x', but one of single, swap, repeats, panel, rubric"),
        ({"n": 3}, {}, "protocol: has no 'type'"),
    ],
)
def test_protocols_that_cannot_be_meant(protocol: dict[str, Any], parser: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        judge(scores=[{"name": "quality", **LABELS, **parser}], protocol=protocol)
    assert message in str(raised.value)


def test_protocols_that_compare_labels_need_them() -> None:
    words = [{"label": "yes", "value": 1}, {"label": "no", "value": 0}]
    for protocol in ({"type": "swap", "fields": ["a", "b"]}, {"type": "rubric", "expect": "pass"}):
        with pytest.raises(DefinitionError, match="compares labels, and quality has none"):
            judge(scores=[{"name": "quality", "rubric": words, "parser": PROBABILITY}], protocol=protocol)


def test_a_mirror_stays_within_one_scores_labels() -> None:
    scores = [
        {"name": "quality", "rubric": [{"label": "A", "value": 1}, {"label": "B", "value": 0}]},
        {"name": "tone", "rubric": [{"label": "A", "value": 1}, {"label": "C", "value": 0}]},
    ]
    with pytest.raises(DefinitionError, match="a label that tone lacks"):
        judge(scores=scores, protocol={"type": "swap", "fields": ["a", "b"], "mirror": {"A": "B"}})


@pytest.mark.parametrize(
    "protocol",
    [
        {"type": "single"},
        {"type": "repeats", "n": 2},
        {"type": "swap", "fields": ["a", "b"]},
        {"type": "rubric"},
    ],
)
def test_equal_answers_make_equal_requests(protocol: dict[str, Any]) -> None:
    made = labelled(protocol=protocol)
    item = {**ITEM, "rubric": [{}, {}]}
    answers = ["[[YES]]"] * (1 if protocol["type"] == "single" else 2)
    one, two = (run(made, item, answers)[1] for _ in range(2))
    assert [[request.hash for request in batch] for batch in one] == [
        [request.hash for request in batch] for batch in two
    ]
