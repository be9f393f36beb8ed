"""What `plan` answers: how many labels, rows and repeats reach a wanted interval, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from referee.validation.agreement import Cost
from referee.validation.plain import plain


@dataclass(frozen=True, slots=True)
class Need:
    """One question, and what it takes to answer it."""

    question: str
    """`Pearson r known to ±0.10`, `a difference of 0.05 between two prompts shown`."""
    unit: Literal["labels", "rows", "repeats"]
    have: int
    """How many there are in the pilot."""
    need: int | None
    """How many there must be in all; None where no number of them is enough."""
    dollars: float | None
    """What judging the missing rows costs; None where the run has no price."""
    minutes: float | None
    """What labelling the missing rows takes people, at the rate the caller gave; None without one."""
    why: str
    """How it was worked out, or why no number is enough, as a sentence."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a wanted interval takes: the answer of `plan`."""

    judge: str
    score: str
    source: str
    half_width: float
    """The wanted reach of the interval to either side, on the scale of what is asked about."""
    n: int
    """Rows of the pilot that have both scores (the judge's alone where no labels were given)."""
    needs: tuple[Need, ...]
    cost: Cost | None
    """What the pilot cost."""
    reading: tuple[str, ...]
    confidence: float
    power: float
    """The chance of showing a difference of the size asked about."""

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return plain(self)

    def _repr_html_(self) -> str | None:
        from referee.validation.reports.notebook import cell

        return cell(self)
