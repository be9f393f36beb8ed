"""How a score is read from a judge's answer: JSON, a regular expression, a label, or token probabilities.

To add a parser, write a class here that is a `ScoreParser` with a `type` of its own and a `reader` method, and add it
to `Parser` at the end; nothing else has to know of it. `reader` gets the score, whose `acceptor()` makes the outcome of
a value that was found, and returns what reads an answer, whose thinking is already cut away: an outcome for every
answer, and it raises nothing. The other methods of `ScoreParser` have defaults that suit most parsers.

Which occurrence counts, where a verdict occurs twice, decides what a judge that quotes the material can be made to say.
Labels are broken up in the material (`judge.guard`), so that a quotation holds none. JSON and regular expressions are
not: the last object or a regex with `wins: last` withstands a judge that quotes first and concludes then, and not one
that quotes after its verdict. What closes both is an answer that is JSON as a whole (the schema that is asked for by
default), as a quotation is then a string within it. `judge.injection.audit` measures this for a given judge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from referee.judge.reading import Accept, Answer, Read, Scale, ScoreParser
from referee.judge.token_probability import TokenProbabilityParser
from referee.judge.verdict import Outcome, Unclear

_ABSENT = object()


class JSONScoreParser(ScoreParser):
    """Reads JSON: bare, fenced, or in the midst of prose. Of several objects that hold the path the last one counts.

    Args:
        json_path: keys joined by dots (`result.helpfulness`, `scores.0.value`); the score's name by default.
    """

    type: Literal["json"] = "json"
    json_path: str | None = Field(default=None, min_length=1)

    def place(self, score: Scale) -> str:
        """The path."""
        return self.json_path or score.name

    def reader(self, score: Scale) -> Read:
        """Reads the value at the path."""
        path, accept = self.place(score), score.acceptor()

        def read(answer: Answer) -> Outcome:
            whole = answer.json
            if not isinstance(whole, dict):
                return self._search(answer, path, accept)
            found = whole[path] if path in whole else _at_path(whole, path)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            if found is _ABSENT:
                return Unclear(f"the JSON has no {path!r}", answer.text)
            return accept(found, answer.text)  # pyright: ignore[reportUnknownArgumentType]

        return read

    def _search(self, answer: Answer, path: str, accept: Accept) -> Outcome:
        """The outcome of the last value at the path in a text that is not JSON as a whole."""
        found, objects = _ABSENT, 0
        for candidate in _objects(answer.text):
            if candidate is None:
                # Without the rest of the text the last object is not known to be the last.
                return Unclear("the answer holds too many braces to search it for JSON", answer.text)
            objects += 1
            value = _at_path(candidate, path)
            found = found if value is _ABSENT else value
        if found is not _ABSENT:
            return accept(found, answer.text)
        return Unclear(f"the JSON has no {path!r}" if objects else "the answer holds no JSON object", answer.text)


class RegexScoreParser(ScoreParser):
    """Reads group 1 of a regular expression, or the whole match where it has no group.

    Args:
        pattern: Python syntax; inline flags such as `(?i)` are allowed.
        method: `search` anywhere, or `match` at the start of the answer.
        wins: which of several matches counts, with `search`.
    """

    type: Literal["regex"] = "regex"
    pattern: str = Field(min_length=1)
    method: Literal["match", "search"] = "search"
    wins: Literal["first", "last"] = "first"

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"the pattern {pattern!r} is not a regular expression: {error}") from error
        return pattern

    def reader(self, score: Scale) -> Read:
        """Reads what the pattern finds."""
        accept, pattern = score.acceptor(), re.compile(self.pattern)

        def read(answer: Answer) -> Outcome:
            match = pattern.match(answer.text) if self.method == "match" else pattern.search(answer.text)
            if match and self.method == "search" and self.wins == "last":
                for match in pattern.finditer(answer.text):  # noqa: B007 - the last one counts
                    pass
            if not match:
                return Unclear(f"the pattern {self.pattern!r} occurs nowhere", answer.text)
            found = match.group(1) if pattern.groups else match.group()
            if found is None:
                return Unclear(f"group 1 of the pattern {self.pattern!r} matched nothing", answer.text)
            return accept(found, answer.text)

        return read


class LabelParser(ScoreParser):
    """Reads the labels of a rubric: exact, case-sensitive pieces of the answer.

    Of labels that begin (or, with `last`, end) at the same place the longest is read, so that `UNSAFE` is not `SAFE`.

    Args:
        wins: which occurrence counts: the one that begins first, or the one that ends last.
        any_case: whether upper and lower case make no difference, nor how much white space stands where a label has
            some.
        last_line: where no label occurs, look for the labels in the answer's last line as words, in any case and
            without the marks around them (`yes` for `[[YES]]`); the first of the rubric's labels that is there counts.
    """

    type: Literal["label"] = "label"
    wins: Literal["first", "last"] = "first"
    any_case: bool = False
    last_line: bool = False

    def check(self, score: Scale) -> None:
        """Only a rubric has labels."""
        if not score.labels:
            raise ValueError(f"label reads the labels of a rubric, and {score.name} is a range: use json or regex")

    def example(self, written: str) -> str:
        """The label itself."""
        return written

    def reader(self, score: Scale) -> Read:
        """Reads the winning label."""
        labels, accept, first = score.labels, score.acceptor(), self.wins == "first"
        find = self._finder()

        def read(answer: Answer) -> Outcome:
            text = answer.text
            places: list[tuple[int, int, str]] = []
            for label in labels:
                place = find(text, label)
                if place is not None:
                    places.append((*place, label))
            if len(places) == 1:
                return accept(places[0][2], text)
            if places:
                best = min(places, key=_begins_first) if first else max(places, key=_ends_last)
                return accept(best[2], text)
            if self.last_line:
                line = text.rstrip().rpartition("\n")[2]
                for label in labels:
                    if re.search(rf"\b{re.escape(bare(label))}\b", line, re.IGNORECASE):
                        return accept(label, text)
            return Unclear(f"the judge wrote none of {', '.join(labels)}", text)

        return read

    def _finder(self) -> Callable[[str, str], tuple[int, int] | None]:
        """Finds where a label's occurrence that may win begins and ends in a text."""
        first = self.wins == "first"

        def exact(text: str, label: str) -> tuple[int, int] | None:
            begin = text.find(label) if first else text.rfind(label)
            return (begin, begin + len(label)) if begin >= 0 else None

        def any_case(text: str, label: str) -> tuple[int, int] | None:
            pattern = r"\s*".join(map(re.escape, label.split()))
            spans = (match.span() for match in re.finditer(pattern, text, re.IGNORECASE))
            return next(spans, None) if first else max(spans, default=None)

        return any_case if self.any_case else exact


def _begins_first(place: tuple[int, int, str]) -> tuple[int, int]:
    return place[0], -place[1]


def _ends_last(place: tuple[int, int, str]) -> tuple[int, int]:
    return place[1], -place[0]


def bare(label: str) -> str:
    """A label in lower case, without the marks around it."""
    return label.strip("[](){}<>*\"' \t").casefold()


def _at_path(value: object, path: str) -> object:
    if isinstance(value, dict) and path in value:
        return value[path]  # pyright: ignore[reportUnknownVariableType]
    for key in path.removeprefix("$.").replace("[", ".").replace("]", "").split("."):
        if isinstance(value, dict) and key in value:
            value = value[key]  # pyright: ignore[reportUnknownVariableType]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]  # pyright: ignore[reportUnknownVariableType]
        else:
            return _ABSENT
    return value  # pyright: ignore[reportUnknownVariableType]


def _objects(text: str) -> Iterator[dict[str, Any] | None]:
    """The outermost JSON objects that stand in `text`, from left to right; None last where the search was given up."""
    decoder = json.JSONDecoder()
    effort = 1_000_000 + 2 * len(text)  # characters: each brace of a hostile text may cost a scan of the rest
    at = text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            effort -= 1 + error.pos - at
            end = at + 1
        except (ValueError, RecursionError):  # a number of thousands of digits; a nesting of hundreds of levels
            effort -= 10_000
            end = at + 1
        else:
            yield value
        if effort < 0:
            yield None
            return
        at = text.find("{", end)


Parser = Annotated[
    JSONScoreParser | RegexScoreParser | LabelParser | TokenProbabilityParser,
    Field(discriminator="type"),
]
