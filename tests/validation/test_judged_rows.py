"""Results are read by columns, some dozens of rows at a time: what that gives is what each row says by itself."""

from __future__ import annotations

import json
import math
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from referee.validation import validate
from referee.validation.asking import Question
from referee.validation.cells import cell
from referee.validation.joined import Joined, join

ROWS = 150
"""More than two batches."""
SCORES = (0, 2.5, "3", " 1 ", True, "NaN", None, "", "nan")
PEOPLE = (0, 1.5, "2", False, None, "", "NaN", [1, 2], [3], [], [None, 4, "3"])
LABELS = ("good", "fine", "4_0")
PROMPTS = ("who", "what", "", None, 17, "17", 17.0, True, ["who"], [], {})
UNSCORED = (
    None,
    {},
    {"quality": {"score": {"status": "failed", "kind": "timeout"}}},
    {"quality": {"score": {"status": "unclear"}}},
    {"quality": {"other": {"status": "failed", "kind": "refused"}}},
)


def odd_row(draw: random.Random, at: int, odd: float, labels: tuple[str, ...]) -> Any:
    """A row as a run may have written it, or another that got into its file."""

    def rarely(value: Any, *others: Any) -> Any:
        return draw.choice(others) if draw.random() < odd else value

    item: Any = {"prompt": rarely(f"question {at // 2}", *PROMPTS),
                 "rated": rarely(draw.randint(0, 4), *PEOPLE, *labels),
                 "deep": {"rated": rarely(draw.randint(0, 4), *PEOPLE, *labels)}, "item.odd": at % 3,
                 "response": rarely("an answer of words", "", None, 4)}  # fmt: skip
    for name in tuple(item):
        if draw.random() < odd / 4:
            del item[name]
    entries: Any = [{"name": "score", "value": rarely(draw.randint(0, 4), *SCORES, *labels)}]
    if labels and draw.random() < odd:
        entries.append({"name": "score.label", "value": draw.choice((*labels, None))})
    for name in ("score.mass", "score.first", "score.second", "score.consistent", "score.n", "scores", "other"):
        if draw.random() < odd / 2:
            entries.append({"name": name, "value": rarely(draw.random(), None, "NaN", 1)})
    draw.shuffle(entries)
    row = {
        "row_index": rarely(at, at // 2, at // 2, None, "7"),
        "item": rarely(item, None, {}),
        "sample": rarely({}, None, {"output_text": "what the target said"}),
        "metrics": {"quality": rarely(entries, entries[:0], {"scores": entries}, {"scores": None}, None)},
        "unscored": draw.choice(UNSCORED),
        "error": rarely(None, "it broke"),
    }
    if draw.random() < odd / 4:
        row["metrics"] = draw.choice((None, [], {}, {"another": entries}))
    if draw.random() < odd / 4:
        del row[draw.choice(sorted(row))]
    return rarely(row, row, row, row, {"rated": 2}, {}, [row], "text")


def field_of(item: dict[str, Any], path: tuple[str, ...]) -> tuple[bool, Any]:
    value: Any = item
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return False, None
        value = value[part]
    return True, value


def one_by_one(lines: list[str], human: list[tuple[str, ...]]) -> list[dict[str, Any]]:
    """What each line says, by itself."""
    said: list[dict[str, Any]] = []
    for at, line in enumerate(lines):
        one: dict[str, Any] = {"judge": None, "why": None, "label": None, "index": at, "item": {}, "about": {},
                               "answer": None}  # fmt: skip
        said.append(one)
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            one["why"] = "unreadable row"
        elif not isinstance(row.get("metrics"), dict):
            one |= {"why": "no result of a run", "item": row}
        else:
            entries = row["metrics"].get("quality")
            entries = (entries.get("scores") if isinstance(entries, dict) else entries) or []
            named = {entry["name"]: entry["value"] for entry in entries}
            score = named.get("score")
            one["item"] = row.get("item") or {}
            one["label"] = named.get("score.label")
            one["about"] = {name: value for name, value in named.items() if name.startswith("score.")}
            one["answer"] = (row.get("sample") or {}).get("output_text")
            if isinstance(row.get("row_index"), int):
                one["index"] = row["row_index"]
            if score is None or score == "NaN":
                unscored = ((row.get("unscored") or {}).get("quality") or {}).get("score")
                if unscored is not None:
                    failed = unscored["status"] == "failed"
                    one["why"] = f"failed ({unscored['kind']})" if failed else "unclear"
                elif row.get("error"):
                    one["why"] = "unreadable row"
                else:
                    one["why"] = "no usable score" if "quality" in row["metrics"] else "not judged"
            else:
                one["judge"] = cell(score)
                one["why"] = "no score of the judge" if one["judge"] is None else None
        given_by: list[Any] = []
        for path in human:
            value = field_of(one["item"], path)[1]
            given_by += value if isinstance(value, list) else [value]
        one["human"] = [cell(value) for value in given_by]
        there, prompt = field_of(one["item"], ("prompt",))
        nothing = not there or prompt in (None, "", [], {})
        one["mark"] = ("row", at) if nothing else prompt if isinstance(prompt, str) else json.dumps(prompt)
        words = [one["answer"], one["item"].get("response")]
        one["words"] = next(
            (len(text.split()) for text in words[: 1 if words[0] else 2] if isinstance(text, str)), None
        )
    return said


def written(folder: str, seed: int, odd: float, *, words: bool = True) -> tuple[Path, list[str]]:
    draw = random.Random(seed)
    first = {"row_index": 0, "item": {"prompt": "question 0", "rated": 1, "deep": {"rated": 1}},
             "metrics": {"quality": [{"name": "score", "value": 1}]}}  # fmt: skip
    lines = [json.dumps(first), *(json.dumps(odd_row(draw, at, odd, LABELS if words else ())) for at in range(1, ROWS))]
    lines = [line if at == 0 or draw.random() > odd / 20 else line[:-1] for at, line in enumerate(lines)]
    path = Path(folder) / "rows.jsonl"
    path.write_text("\n".join(lines))
    return path, lines


def joined_of(path: Path, human: str) -> Joined:
    opened, people, cluster = Question(results=path, human=human, score="quality.score").open()
    return join(opened, people, cluster=cluster, by="item.odd", keyed="row_index")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from((0.02, 0.1, 0.5)), st.sampled_from(("rated", "rated,deep.rated")))
def test_columns_hold_what_each_row_says(seed: int, odd: float, human: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, lines = written(folder, seed, odd)
        found = joined_of(path, human)
        said = one_by_one(lines, [tuple(name.split(".")) for name in human.split(",")])
        assert list(found.judge) == [one["judge"] for one in said]
        people = max(len(one["human"]) for one in said)
        assert list(found.human) == [tuple(one["human"]) + (None,) * (people - len(one["human"])) for one in said]
        assert found.missing == {at: one["why"] for at, one in enumerate(said) if one["why"] is not None}
        assert list(found.missing) == sorted(found.missing)
        assert list(found.label) == [one["label"] for one in said]
        assert list(found.index) == [one["index"] for one in said]
        for name in ("mass", "first", "second", "consistent"):
            about = [one["about"].get(f"score.{name}") for one in said]
            numbers = [value if isinstance(value, int | float) else math.nan for value in about]
            assert np.array_equal(found.detail(name), numbers, equal_nan=True)
        assert found.words.counts == {at: one["words"] for at, one in enumerate(said)}
        groups = [one["item"].get("item.odd") for one in said]
        assert found.by == [None if group is None else str(group) for group in groups]
        keys = [field_of(one["item"], ("row_index",)) for one in said]
        assert found.keys == [
            str(key if there else one["index"]).encode() if key is not None or not there else b""
            for (there, key), one in zip(keys, said, strict=True)
        ]
        numbered: dict[Any, int] = {}
        codes = [numbered.setdefault(one["mark"], len(numbered)) for one in said]
        assert (found.cluster_field, found.detected) == ("prompt", True)
        assert found.clusters is not None
        assert found.clusters.tolist() == codes


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sets(st.integers(0, ROWS + 20), min_size=1, max_size=12))
def test_rows_are_found_again_by_their_places(seed: int, places: set[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, lines = written(folder, seed, 0.3)
        opened, *_ = Question(results=path, human="rated", score="quality.score").open()
        again = opened.at(places)
        said = one_by_one(lines, [])
        assert list(again.positions) == sorted(place for place in places if place < ROWS)
        for at, position in enumerate(again.positions):
            one = said[position]
            assert (again.items[at], again.index[at], again.labels[at]) == (one["item"], one["index"], one["label"])
            assert cell(again.values[at]) == one["judge"]
            assert again.answer(at) == one["answer"]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from((0.05, 0.3)))
def test_figures_are_those_of_the_columns_in_memory(seed: int, odd: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, lines = written(folder, seed, odd, words=False)
        said = one_by_one(lines, [("rated",)])
        found = validate(path, human="rated", score="quality.score", scale="0-4", draws=100)
        rows = [{"judge": one["judge"], "human": one["human"], "mark": str(one["mark"])} for one in said]
        plain = validate(rows, human="human", judge="judge", cluster="mark", scale="0-4", draws=100)
        assert found.agreement == plain.agreement
        assert (found.labels, found.ceiling, found.people_alpha) == (plain.labels, plain.ceiling, plain.people_alpha)
        reasons = Counter(one["why"] or "no label" for one in said if one["why"] or not any(
            value is not None for value in one["human"]))  # fmt: skip
        assert found.left_out == dict(reasons)
