"""OpenAI's graders in and out: equal graders after both, equal requests and readings, and refusals by name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from referee import Judge, Scored, deliberate, evaluate
from referee.errors import DefinitionError
from referee.evaluation.graders import from_grader, to_grader
from referee.evaluation.metrics import StringCheckMetric, parse_metric
from referee.exchange import canonical_parameters
from referee.judge import Model
from referee.testing import ScriptedEndpoint

NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)
KEYS = st.lists(NAMES.map(".{}".format) | st.integers(0, 99).map("[{}]".format), min_size=1, max_size=3).map("".join)
VARIABLES = KEYS.map("{{{{ item{} }}}}".format) | st.just("{{ sample.output_text }}")
# All that Jinja2 would take for its own, and whatever else; but braces in twos, which OpenAI takes for a variable.
TEXTS = st.lists(st.sampled_from(["{%", "%}", "{#", "#}", "{", "}", "\r", "\n", " "]) | st.text(max_size=4)).map(
    "".join
)
TEMPLATES = (
    st.lists(TEXTS | VARIABLES, max_size=5)
    .map("".join)
    .filter(lambda text: "{{" not in re.sub(r"\{\{ (item|sample)[^{}]+ \}\}", "", text))
)
PARTS = st.fixed_dictionaries({"type": st.just("input_text"), "text": TEMPLATES})
INPUT = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system", "developer"]), "content": TEMPLATES | st.lists(PARTS)}
    ),
    min_size=1,
    max_size=3,
)
NAME = st.text(min_size=1, max_size=8)
NUMBERS = st.floats(-1e6, 1e6)
SCORE_MODELS = st.fixed_dictionaries(
    {
        "type": st.just("score_model"),
        "name": NAME,
        "model": NAME,
        "input": INPUT,
        "range": st.tuples(NUMBERS, NUMBERS).filter(lambda ends: ends[0] < ends[1]).map(list),
    },
    optional={
        "sampling_params": st.fixed_dictionaries(
            {"temperature": st.floats(0, 2)},
            optional={
                "top_p": st.floats(0.1, 1),
                "seed": st.integers(0, 9),
                "max_completions_tokens": st.integers(1, 9999),
                "reasoning_effort": st.sampled_from(["low", "high"]),
            },
        )
    },
)
LABELS = st.lists(NAME, min_size=2, max_size=4, unique=True)
LABEL_MODELS = LABELS.flatmap(
    lambda labels: st.fixed_dictionaries(
        {
            "type": st.just("label_model"),
            "name": NAME,
            "model": NAME,
            "input": INPUT,
            "labels": st.just(labels),
            "passing_labels": st.sets(st.sampled_from(labels)).map(lambda some: [one for one in labels if one in some]),
        }
    )
)
STRING_CHECKS = st.fixed_dictionaries(
    {
        "type": st.just("string_check"),
        "name": NAME,
        "input": TEMPLATES,
        "reference": TEMPLATES,
        "operation": st.sampled_from(["eq", "ne", "like", "ilike"]),
    }
)


@settings(max_examples=25)
@given(SCORE_MODELS | LABEL_MODELS | STRING_CHECKS)
def test_a_grader_is_the_same_after_going_in_and_out(grader: dict[str, Any]) -> None:
    read = from_grader(grader)
    assert to_grader(read) == grader
    if isinstance(read, Judge):
        assert Judge.parse(json.loads(read.model_dump_json(exclude_none=True))).hash == read.hash


VALUES = {
    "{{ sample.output_text }}": "the {{ item.a }} answer",
    "{{item.a}}": "{% raw %}",
    "{{ item.b-c.d }}": "two",
    "{{ item.list[1] }}": "1",
}
ROW = {"a": "{% raw %}", "b-c": {"d": "two"}, "list": ["0", "1"]}


@settings(max_examples=25)
@given(st.lists(TEXTS.map(lambda text: text.replace("{", "{ ")) | st.sampled_from(list(VALUES)), max_size=5))
def test_a_template_is_filled_in_one_pass_and_its_text_stands_for_itself(parts: list[str]) -> None:
    filled = "".join(VALUES.get(part, part) for part in parts)
    grader = {"type": "string_check", "name": "n", "input": "".join(parts), "operation": "eq"}
    check = from_grader(grader | {"reference": "{{ item.filled }}"})
    assert isinstance(check, StringCheckMetric)
    context = {"item": ROW | {"filled": filled}, "sample": {"output_text": "the {{ item.a }} answer"}}
    assert check.measure(context) == {"string-check": Scored(1.0)}


SCORING = {
    "type": "score_model",
    "name": "closeness",
    "model": "gpt-x",
    "input": [
        {"type": "message", "role": "developer", "content": "Compare."},
        {"role": "user", "content": [{"type": "input_text", "text": "{{ item.gold }} and {{ sample.output_text }}"}]},
    ],
    "range": [0, 1],
    "sampling_params": {"temperature": 0.5, "max_completions_tokens": 200},
}
LABELLING = {
    "type": "label_model",
    "name": "tone",
    "model": "gpt-x",
    "input": [{"role": "user", "content": "Which tone? {{ item.response }}"}],
    "labels": ["kind", "neutral", "rude"],
    "passing_labels": ["kind", "neutral"],
}


def test_its_model_s_answer_is_read_from_the_form_that_graders_ask_for() -> None:
    def answer(body: dict[str, Any]) -> str:
        asked = body["response_format"]["json_schema"]["schema"]["properties"]["result"]
        return json.dumps({"steps": [], "result": 0.25 if asked == {"type": "number"} else "neutral"})

    with ScriptedEndpoint(answer) as endpoint:
        model = {"url": endpoint.url, "name": "mine"}
        graders = [from_grader(one, model=model) for one in (SCORING, LABELLING)]
        (row,) = evaluate(graders, [{"gold": "g", "response": "r"}]).outcomes
        scoring = next(request.body for request in endpoint.requests if request.body["messages"][0]["role"] != "user")
    assert row.verdicts["closeness"].scores == {"score": Scored(0.25)}
    assert row.verdicts["tone"].scores == {"label": Scored(1.0, "neutral")}
    assert scoring["messages"][1]["content"] == [{"type": "text", "text": "g and r"}]
    assert (scoring["temperature"], scoring["max_completion_tokens"]) == (0.5, 200)


def test_a_grader_s_own_model_is_asked_at_openai_and_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "grader.json"
    path.write_text(json.dumps(LABELLING))
    read = from_grader(path)
    assert isinstance(read, Judge)
    assert read.model == Model(url="https://api.openai.com/v1", name="gpt-x", api_key_secret="OPENAI_API_KEY")


@pytest.mark.parametrize(("said", "other", "holds"), [("ilike", "ADA", 1.0), ("like", "ADA", 0.0), ("ne", "ada", 1.0)])
def test_texts_are_compared_as_openai_does(said: str, other: str, holds: float) -> None:
    check = from_grader(
        {"type": "string_check", "name": "n", "input": "by {{ item.by }}", "reference": other, "operation": said}
    )
    assert isinstance(check, StringCheckMetric)
    assert check.measure({"item": {"by": "Ada L."}, "sample": {}}) == {"string-check": Scored(holds)}


JUDGE: dict[str, Any] = {
    "name": "helpfulness",
    "model": {"url": "http://127.0.0.1:1/v1", "name": "m"},
    "inference": {"temperature": 0.0},
    "system_prompt": "Rate from 0 to 4.",
    "prompt_template": "{{ item.prompt }} was answered by: {{ output_text }}",
    "scores": [{"name": "helpfulness", "minimum": 0, "maximum": 4, "parser": {"type": "json"}}],
}
TONE = {
    "model": "m",
    "inference": {},
    "prompt_template": {"messages": [{"role": "user", "content": "{{{{a}}}} {prompt}"}], "syntax": "format"},
    "scores": [{"name": "s", "rubric": [{"label": "A", "value": 3}, {"label": "B", "value": 1}]}],
    "reward": {"scale": [1, 3]},
}


def test_a_judge_becomes_the_grader_that_asks_the_same() -> None:
    assert to_grader(Judge.parse(JUDGE)) == {
        "type": "score_model",
        "name": "helpfulness",
        "model": "m",
        "input": [
            {"role": "system", "content": "Rate from 0 to 4."},
            {"role": "user", "content": "{{ item.prompt }} was answered by: {{ sample.output_text }}"},
        ],
        "range": [0.0, 4.0],
        "sampling_params": {"temperature": 0.0, "max_completions_tokens": 1024},
    }
    tone = Judge.parse(JUDGE | TONE | {"system_prompt": None, "prompt_template": "{{ prompt }}"})
    assert to_grader(tone) == {
        "type": "label_model",
        "name": "helpfulness",
        "model": "m",
        "input": [{"role": "user", "content": "{{ item.prompt }}"}],
        "labels": ["A", "B"],
        "passing_labels": ["A"],
    }


FORMAT = {"messages": [{"role": "user", "content": "{prompt} {item.a.b} {{j}} {output_text}"}], "syntax": "format"}


@pytest.mark.parametrize("changed", [{}, {"prompt_template": FORMAT}, {"reasoning": {"effort": "low"}}])
def test_a_judge_asks_the_same_after_going_out_and_in(changed: dict[str, Any]) -> None:
    judge = Judge.parse(JUDGE | changed)
    again = from_grader(to_grader(judge), model=judge.model)
    assert isinstance(again, Judge)
    item = {"prompt": "{{ item.a }}", "response": "r", "a": {"b": "c"}}
    (asked,), (asked_again,) = (next(deliberate(one, item)) for one in (judge, again))
    assert asked_again.messages == asked.messages
    assert canonical_parameters(asked_again.parameters) == canonical_parameters(asked.parameters)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"protocol": {"type": "repeats", "n": 3}}, "a grader asks once, and this is repeats"),
        ({"scores": [*JUDGE["scores"], JUDGE["scores"][0] | {"name": "b"}]}, "one score, and here are 2"),
        ({"reward": {"scale": [0, 4]}}, "reward.scale: a grader's score is what it says, from 0 to 4"),
        ({"reward": {"if_unclear": 0.5}}, "leave if_unclear, if_failed out"),
        ({"inference": {"stop": "x"}}, "inference.stop: a grader has no such parameter"),
        ({"optional_fields": ["a"]}, "optional_fields"),
        ({"structured_output": {"schema": {"type": "object"}}}, "an answer form of its own"),
        ({"reasoning": {"end_token": "</r>"}}, "does not cut thinking"),
        ({"prompt_template": "{% if a %}b{% endif %}"}, r"no \{% … %\} in it"),
        ({"prompt_template": "{{ item.a | upper }}"}, "no filters"),
        ({"prompt_template": "{{ item['a b'] }}"}, "cannot name the field 'a b'"),
        ({"prompt_template": "{{ scores }}"}, "inserts scores"),
        ({"prompt_template": "{{ '{{ item.a }}' }}"}, "double braces"),
        (TONE, "double braces"),
        (TONE | {"reward": None}, "a label passes .1. or not .0., and here they are worth A 3, B 1"),
        (TONE | {"inference": {"temperature": 0}}, "a label_model has no sampling parameters"),
        ({"scores": [JUDGE["scores"][0] | {"parser": {"type": "regex", "pattern": "."}}]}, "does not read by regex"),
    ],
)
def test_what_no_grader_says_is_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(DefinitionError, match=why):
        to_grader(Judge.parse(JUDGE | changed))


def test_of_other_metrics_only_a_string_check_has_a_grader() -> None:
    with pytest.raises(DefinitionError, match="no grader gives the figures of f1"):
        to_grader(parse_metric({"type": "f1", "reference": "a"}))
    with pytest.raises(DefinitionError, match="no grader has the operation 'endswith'"):
        to_grader(
            parse_metric({"type": "string-check", "operation": "endswith", "left_template": "", "right_template": ""})
        )


@pytest.mark.parametrize(
    ("grader", "why"),
    [
        ({"type": "text_similarity"}, "of type text_similarity, which is not taken: .*`rouge` and `bleu`"),
        ({"type": "python"}, "runs no code"),
        ({"type": "multi"}, "take each of its graders by itself"),
        ({"type": "endpoint"}, "calls no graders elsewhere"),
        ({"type": "guess"}, "has the type 'guess', not one of score_model, label_model, string_check"),
        (SCORING | {"rang": [0, 2]}, "rang: is not known here; did you mean 'range'"),
        (SCORING | {"range": [1, 0]}, "minimum 1.0 is not below maximum 0.0"),
        (SCORING | {"input": [{"role": "user", "content": {"type": "input_image", "image_url": "u"}}]}, "input_image"),
        (
            SCORING | {"input": [{"role": "user", "content": "{{ prompt }}"}]},
            "'{{ prompt }}' is no variable of a grader",
        ),
        (
            SCORING | {"input": [{"role": "user", "content": "{{ sample.output_json.a }}"}]},
            "templates of referee see sample.output_text",
        ),
        (LABELLING | {"passing_labels": ["nice"]}, "'nice' is not one of the labels"),
        ("nowhere.json", "the grader nowhere.json cannot be read"),
    ],
)
def test_what_is_not_taken_is_refused(grader: Any, why: str) -> None:
    with pytest.raises(DefinitionError, match=why):
        from_grader(grader)
