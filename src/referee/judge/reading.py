"""What every parser works with: the answer as it sees it, what it may ask of a score, and what it may say of itself.

The parsers themselves are in `parsers` and `token_probability`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import orjson
from pydantic import BaseModel, ConfigDict

from referee.exchange import Response
from referee.judge.verdict import Outcome

_UNREAD = object()


@dataclass(slots=True, eq=False)
class Answer:
    """A judge's answer as parsers see it: its text without thinking, and the response for what is not text."""

    text: str
    response: Response
    _json: object = _UNREAD

    @property
    def json(self) -> object:
        """The whole text as JSON, or None: where several scores are read from one answer it is decoded once."""
        if self._json is _UNREAD:
            try:
                self._json = orjson.loads(self.text)
            except orjson.JSONDecodeError:
                self._json = None
        return self._json


class Scale(Protocol):
    """What a parser may ask of a score."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of a rubric; empty for a range."""
        ...

    def values(self) -> dict[str, float]:
        """What may be written, and the value it stands for; empty where that cannot be listed."""
        ...

    def acceptor(self) -> Accept:
        """What makes an outcome of a value that was found in a text: scored, or unclear with the reason."""
        ...


Accept = Callable[[object, str], Outcome]
Read = Callable[[Answer], Outcome]


class ScoreParser(BaseModel):
    """What a parser may say of itself beside how it reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reads_cut_answers: ClassVar[bool] = False
    """Whether an answer that ended at the token limit can still be read."""

    gives_labels: ClassVar[bool] = True
    """Whether the outcome of a rubric score names one of its labels."""

    def check(self, score: Scale) -> None:
        """Raise ValueError where this parser cannot read that score."""

    def place(self, score: Scale) -> str | None:
        """The path of the score in an answer that is one JSON object; None where the parser reads anything else."""
        return None

    def parameters(self) -> dict[str, Any]:
        """Request parameters without which there is nothing to read."""
        return {}

    def example(self, written: str) -> str | None:
        """An answer outside of JSON in which this parser reads `written`, a label or a number; None for unknown."""
        return None

    def reader(self, score: Scale) -> Read:
        """What makes an outcome of what an answer says of the score; the same for all answers is worked out once."""
        raise NotImplementedError
