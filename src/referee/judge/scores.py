"""The scores a judge gives: a number on a range, or a label of a rubric that stands for a number.

A score says what a read value may be. Whatever is off its scale, of another type or an unknown label is unclear, with
the reason; it is never clipped, rounded or guessed.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from referee.exchange import excerpt
from referee.judge.parsers import JSONScoreParser, Parser
from referee.judge.reading import Accept
from referee.judge.verdict import Outcome, Scored, Unclear

_WRITTEN = (str, int, float)
ScoreName = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]


class RangeScore(BaseModel):
    """A number from `minimum` to `maximum`, both allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ScoreName
    description: str | None = None
    minimum: float | int
    maximum: float | int
    parser: Parser = Field(default_factory=JSONScoreParser)

    @model_validator(mode="after")
    def _ordered(self) -> RangeScore:
        if not -math.inf < self.minimum < self.maximum < math.inf:
            raise ValueError(f"minimum {self.minimum} is not below maximum {self.maximum}: exchange or correct them")
        self.parser.check(self)
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """None: a range has no labels."""
        return ()

    @property
    def integral(self) -> bool:
        """Whether both ends are whole numbers."""
        return float(self.minimum).is_integer() and float(self.maximum).is_integer()

    def json_schema(self) -> dict[str, Any]:
        """The JSON schema that asks for this score."""
        if self.integral:
            return {"type": "integer", "minimum": int(self.minimum), "maximum": int(self.maximum)}
        return {"type": "number", "minimum": self.minimum, "maximum": self.maximum}

    def values(self) -> dict[str, float]:
        """What may be written for this score, where that can be listed, and the value it stands for."""
        if not self.integral or self.maximum - self.minimum > 1000:
            return {}
        return {str(value): float(value) for value in range(int(self.minimum), int(self.maximum) + 1)}

    def acceptor(self) -> Accept:
        """Makes the outcome of a value that a parser found, the ends at hand: a model's attributes cost more than the
        comparison."""
        name, minimum, maximum = self.name, self.minimum, self.maximum

        def accept(found: object, text: str) -> Outcome:
            value = _number(found)
            if value is None:
                return Unclear(f"{name} is {excerpt(found, 60)}, not a number", text)
            if not minimum <= value <= maximum:
                return Unclear(f"{name} is {value:g}, outside of {minimum} to {maximum}", text)
            return Scored(value)

        return accept


def _label_text(label: object) -> object:
    if isinstance(label, bool):
        # Which of `yes`, `Yes`, `on` and `true` was written is lost, and labels are read to the letter.
        raise ValueError(f"YAML reads this label as the boolean {label}: put it in quotes")
    return str(label) if isinstance(label, int | float) else label


Label = Annotated[str, Field(min_length=1), BeforeValidator(_label_text)]
"""The text of a label; a bare number in YAML is its text."""


class RubricLevel(BaseModel):
    """One label of a rubric and the value it stands for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Label
    description: str | None = None
    value: Annotated[float | int, Field(allow_inf_nan=False)]


class RubricScore(BaseModel):
    """A label of a rubric; `<name>.label` is reported beside the value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ScoreName
    description: str | None = None
    rubric: tuple[RubricLevel, ...] = Field(min_length=2)
    parser: Parser = Field(default_factory=JSONScoreParser)

    @model_validator(mode="after")
    def _distinct(self) -> RubricScore:
        labels = [level.label for level in self.rubric]
        if twice := {label for label in labels if labels.count(label) > 1}:
            raise ValueError(f"the label {sorted(twice)[0]!r} occurs twice in the rubric of {self.name}: rename one")
        self.parser.check(self)
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the rubric's order."""
        return tuple([level.label for level in self.rubric])

    @property
    def minimum(self) -> float:
        """The lowest value of the rubric."""
        return float(min(level.value for level in self.rubric))

    @property
    def maximum(self) -> float:
        """The highest value of the rubric."""
        return float(max(level.value for level in self.rubric))

    def json_schema(self) -> dict[str, Any]:
        """The JSON schema that asks for this score."""
        return {"type": "string", "enum": [level.label for level in self.rubric]}

    def values(self) -> dict[str, float]:
        """The labels and the values they stand for."""
        return {level.label: float(level.value) for level in self.rubric}

    def acceptor(self) -> Accept:
        """Makes the outcome of a label, or of a number that is the value of exactly one label."""
        name, rubric = self.name, self.rubric
        outcomes = {level.label: Scored(float(level.value), level.label) for level in rubric}

        def accept(found: object, text: str) -> Outcome:
            if isinstance(found, str) and found in outcomes:
                return outcomes[found]
            written, number = str(found) if isinstance(found, str | int | float) else "", _number(found)
            levels = (
                [level for level in rubric if level.label == written]
                or [level for level in rubric if _folded(level.label) == _folded(written)]
                or [level for level in rubric if number is not None and level.value == number]
            )
            if len(levels) == 1:
                return outcomes[levels[0].label]
            known = ", ".join(repr(level.label) for level in rubric)
            return Unclear(f"{name} is {excerpt(found, 60)}, not one of {known}", text)

        return accept


def _folded(text: str) -> str:
    return text.strip().casefold()


def _number(found: object) -> float | None:
    if isinstance(found, bool) or not isinstance(found, _WRITTEN):
        return None
    if isinstance(found, str) and "_" in found:  # Python would read 1_0 as ten
        return None
    try:
        value = float(found)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _score_kind(value: object) -> str:
    given = value.keys() if isinstance(value, dict) else vars(value).keys() if isinstance(value, BaseModel) else ()
    return "rubric" if "rubric" in given else "range"


Score = Annotated[
    Annotated[RangeScore, Tag("range")] | Annotated[RubricScore, Tag("rubric")],
    Discriminator(_score_kind),
]
