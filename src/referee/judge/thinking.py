"""Cuts a reasoning model's thinking out of its answer, so that no parser ever sees it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

_BRACKETS = (("</", "<"), ("[/", "["))


class ReasoningParams(BaseModel):
    """How a judge marks its thinking.

    Args:
        end_token: what closes the thinking; the start token is derived from it (`</think>` from `<think>`).
        include_if_not_finished: accepted for scripts written for NeMo Evaluator. Thinking never reaches a parser, so
            an answer whose thinking did not end is unclear whatever this says.
        effort: sent as `reasoning_effort`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    end_token: str = "</think>"
    include_if_not_finished: bool | None = None
    effort: str | None = None

    @field_validator("end_token", mode="before")
    @classmethod
    def _none_is_default(cls, value: object) -> object:
        return "</think>" if value is None else value

    @property
    def start_token(self) -> str | None:
        """What opens the thinking, or None where the end token does not tell."""
        return _start_token(self.end_token)

    def parameters(self) -> dict[str, Any]:
        """The request parameters that these settings stand for."""
        return {} if self.effort is None else {"reasoning_effort": self.effort}

    def strip(self, text: str) -> str | None:
        """`text` without its thinking, or None where thinking began and never ended.

        Closed pairs are cut wherever they stand; a lone end token cuts all before it.
        """
        return strip_thinking(text, self.start_token, self.end_token)


def strip_thinking(text: str, start: str | None, end: str) -> str | None:
    """`text` without what stands between these tokens, or None where it began and never ended."""
    if start is not None and start in text:
        text = _cut_pairs(text, start, end)
    if end and end in text:
        text = text.rpartition(end)[2]
    if start is not None and start in text:
        return None
    return text.strip()


@lru_cache(maxsize=64)
def _start_token(end_token: str) -> str | None:
    for closing, opening in _BRACKETS:
        if end_token.startswith(closing):
            return opening + end_token[len(closing) :]
    return None


def _cut_pairs(text: str, start: str, end: str) -> str:
    kept: list[str] = []
    at = 0
    while (opened := text.find(start, at)) >= 0 and (closed := text.find(end, opened)) >= 0:
        kept.append(text[at:opened])
        at = closed + len(end)
    return "".join([*kept, text[at:]])
