"""The graders' JSON, as OpenAI's API reference ("Graders") has it; unknown keys are mistakes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

RESULT = "result"
"""Where in a grader model's JSON answer its score or label stands."""


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Text(_Wire):
    """A part of a message that is text."""

    type: Literal["input_text", "output_text"]
    text: str


class Message(_Wire):
    """A message to the grader's model."""

    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: str | Text | list[str | Text]


class SamplingParams(_Wire):
    """How the grader's model is sampled; the limit's name is spelt as OpenAI spells it."""

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    max_completions_tokens: int | None = None
    reasoning_effort: str | None = None


class ScoreModel(_Wire):
    """A model gives a number."""

    type: Literal["score_model"]
    name: str
    model: str
    input: Annotated[list[Message], Field(min_length=1)]
    range: tuple[float, float] | None = None
    sampling_params: SamplingParams | None = None


class LabelModel(_Wire):
    """A model chooses a label, which passes or does not."""

    type: Literal["label_model"]
    name: str
    model: str
    input: Annotated[list[Message], Field(min_length=1)]
    labels: list[str]
    passing_labels: list[str]


class StringCheck(_Wire):
    """Two texts are compared."""

    type: Literal["string_check"]
    name: str
    input: str
    reference: str
    operation: Literal["eq", "ne", "like", "ilike"]


def answer_schema(result: dict[str, Any]) -> dict[str, Any]:
    """The form in which a grader's model answers: its result, and the steps of reasoning that led there."""
    step = {
        "type": "object",
        "properties": {"description": {"type": "string"}, "conclusion": {"type": "string"}},
        "required": ["description", "conclusion"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"steps": {"type": "array", "items": step}, RESULT: result},
        "required": ["steps", RESULT],
        "additionalProperties": False,
    }
