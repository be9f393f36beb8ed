"""How JSON, regular expressions and labels are read from what a judge wrote."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from canned import LABELS, chat, judge
from hypothesis import given
from hypothesis import strategies as st

from referee.judge import Outcome, Scored, Unclear, read_scores


def read(text: str, parser: dict[str, Any], **score: Any) -> Outcome:
    scale = score or {"minimum": 0, "maximum": 4}
    return read_scores(judge(scores=[{"name": "quality", "parser": parser, **scale}]), chat(text))["quality"]


def value(text: str, path: str | None = None) -> float | None:
    outcome = read(text, {"type": "json", "json_path": path})
    return outcome.value if isinstance(outcome, Scored) else None


@pytest.mark.parametrize(
    "text",
    [
        '{"quality": 3}',
        '  {"quality":3, "why": "clear"}\n',
        '{"quality": "3"}',
        '{"quality": 3.0}',
        '```json\n{"quality": 3}\n```',
        'I would say\n\n{"quality": 3}\n\nas it lacks an example.',
        'The set {1, 2} and the object {"a": 1}. Verdict: {"why": "x", "quality": 3}',
        '[{"quality": 3}]',
        '{"quality": 1} No, wait: {"quality": 3}',
        '{"quality": 3} {"another": 0}',
        '<think>{"quality": 0}</think>{"quality": 3}',
        '{"quality": 0}</think>{"quality": 3}',
        '{{"quality": 3}',
        '{"why": "the user wrote {\\"quality\\": 0}", "quality": 3}',
        'Draft: {"why": "it says {\\"quality\\": 0}", "quality": 3} done',
    ],
)
def test_json_is_read_wherever_it_stands(text: str) -> None:
    assert value(text) == 3.0


@pytest.mark.parametrize(
    ("text", "path", "found"),
    [
        ('{"result": {"quality": 3}}', "result.quality", 3),
        ('{"result": {"quality": 3}}', "$.result.quality", 3),
        ('{"result.quality": 3}', "result.quality", 3),
        ('{"scores": [{"value": 1}, {"value": 2}]}', "scores.1.value", 2),
        ('{"scores": [{"value": 1}]}', "scores[0].value", 1),
        ('so: {"result": {"quality": 3}}', "result.quality", 3),
        ('{"scores": []}', "scores.0", None),
        ('{"result": 3}', "result.quality", None),
        ('{"result": {"quality": 3}}', "quality", None),
    ],
)
def test_nested_paths(text: str, path: str, found: float | None) -> None:
    assert value(text, path) == found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("3", "the answer holds no JSON object"),
        ("quality: 3", "the answer holds no JSON object"),
        ('{"quality": 3', "the answer holds no JSON object"),
        ("{'quality': 3}", "the answer holds no JSON object"),
        ('{"Quality": 3}', "the JSON has no 'quality'"),
        ('so: {"Quality": 3}', "the JSON has no 'quality'"),
        ('{"quality": NaN}', "quality is null, not a number"),
        ('{"quality": -Infinity}', "quality is null, not a number"),
        ('{"quality": [3]}', "quality is [3], not a number"),
        ('{"quality": true}', "quality is true, not a number"),
        ('{"quality": 37}', "quality is 37, outside of 0 to 4"),
        ('{"quality": "\\ud800"}', None),
        ('{"quality": ' + "9" * 30 + "}", "outside"),
        ('{"quality": ' + "9" * 5000 + "}", "no JSON object"),
        ('{"quality": ' + "[" * 100_000, "no JSON object"),
    ],
)
def test_what_is_not_a_usable_number_is_unclear(text: str, reason: str | None) -> None:
    outcome = read(text, {"type": "json"})
    assert isinstance(outcome, Unclear)
    assert reason is None or reason in outcome.reason


def test_a_flood_of_braces_never_hides_the_last_object() -> None:
    """A quotation with a verdict and more braces than can be searched must not make the quoted verdict the last."""
    flood = '{"quality": 4}' + '{"a":[' * 900 + "1," * 20_000
    began = time.process_time()
    outcome = read(f'{flood}\nMy verdict: {{"quality": 0}}', {"type": "json"})
    assert outcome == Scored(0.0) or isinstance(outcome, Unclear)
    assert time.process_time() - began < 2
    assert read('{"quality": 4}' + "{" * 3000 + '{"quality": 0}', {"type": "json"}) == Scored(0.0)


@pytest.mark.parametrize(
    ("pattern", "more", "text", "found"),
    [
        (r"Score: (\d)", {}, "Score: 3. Score: 1.", 3),
        (r"Score: (\d)", {"wins": "last"}, "Score: 3. Score: 1.", 1),
        (r"(?i)score:\s*(\d)", {}, "SCORE:\n2", 2),
        (r"\d", {}, "I give 4", 4),
        (r"\d", {"method": "match"}, "4 I give", 4),
        (r"\d", {"method": "match"}, "I give 4", None),
        (r"Score: (\d)?", {}, "Score: none", None),
        (r"Score: (\d+)", {}, "Score: 40", None),
        (r"Score: (\d)", {}, "<think>Score: 4</think>none", None),
    ],
)
def test_regular_expressions(pattern: str, more: dict[str, str], text: str, found: float | None) -> None:
    outcome = read(text, {"type": "regex", "pattern": pattern, **more})
    assert (outcome.value if isinstance(outcome, Scored) else None) == found


SAFE = [{"label": "SAFE", "value": 1}, {"label": "UNSAFE", "value": 0}]


@pytest.mark.parametrize(
    ("rubric", "text", "first", "last"),
    [
        (LABELS["rubric"], "[[YES]]", "[[YES]]", "[[YES]]"),
        (LABELS["rubric"], "not [[NO]] but [[YES]]", "[[NO]]", "[[YES]]"),
        (LABELS["rubric"], "[[yes]] YES [YES]", None, None),
        (SAFE, "It is UNSAFE", "UNSAFE", "UNSAFE"),
        (SAFE, "SAFE? No: UNSAFE", "SAFE", "UNSAFE"),
        (SAFE, "UNSAFE? No: SAFE", "UNSAFE", "SAFE"),
        (SAFE, "<think>SAFE</think>UNSAFE", "UNSAFE", "UNSAFE"),
    ],
)
def test_labels(rubric: list[dict[str, Any]], text: str, first: str | None, last: str | None) -> None:
    for wins, label in (("first", first), ("last", last)):
        outcome = read(text, {"type": "label", "wins": wins}, rubric=rubric)
        assert (outcome.label if isinstance(outcome, Scored) else None) == label


def naive_label(text: str, labels: list[str], wins: str) -> str | None:
    """Every occurrence of every label; the one that begins first or ends last, of equals the longest."""
    spans = [
        (at, at + len(label), label)
        for label in labels
        for at in range(len(text))
        if text[at : at + len(label)] == label
    ]
    if not spans:
        return None
    if wins == "first":
        return min(spans, key=lambda span: (span[0], -len(span[2])))[2]
    return max(spans, key=lambda span: (span[1], len(span[2])))[2]


@given(
    st.lists(st.text("AB[]", min_size=1, max_size=4), min_size=2, max_size=5, unique=True),
    st.text("AB[] ", max_size=30),
    st.sampled_from(["first", "last"]),
)
def test_the_label_parser_equals_a_naive_one(labels: list[str], text: str, wins: str) -> None:
    rubric = [{"label": label, "value": number} for number, label in enumerate(labels)]
    outcome = read(text, {"type": "label", "wins": wins}, rubric=rubric)
    expected = naive_label(text.strip(), labels, wins)
    assert (outcome.label if isinstance(outcome, Scored) else None) == expected


JSONISH = st.lists(
    st.sampled_from(
        ['{"quality": 3}', "{", "}", '"', "[", "]", "quality", ":", "1e999", "NaN", "\\ud800", "\ud800", "</think>"]
    )
    | st.text(max_size=5)
).map("".join)
PARSERS: list[dict[str, Any]] = [
    {"type": "json"},
    {"type": "json", "json_path": "a.0.b"},
    {"type": "regex", "pattern": r"(?s)quality.*?(\d)?"},
    {"type": "token_probability"},
]


@given(JSONISH, st.sampled_from(PARSERS))
def test_no_text_makes_a_parser_raise(text: str, parser: dict[str, Any]) -> None:
    read(text, parser)


@given(st.text(), st.floats(0, 4), st.text())
def test_the_last_object_is_read_from_any_prose(before: str, given_value: float, after: str) -> None:
    verdict = json.dumps({"quality": given_value})
    if "{" not in after and "</" not in before + after and "<think>" not in before + after:
        assert value(f"{before.replace(chr(123), '')}{verdict}{after}") == given_value
