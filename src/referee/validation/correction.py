"""What `estimate` answers: the mean that people would have given, from the judge's scores and a few human labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from referee.validation.agreement import Advice, Clusters
from referee.validation.plain import plain

if TYPE_CHECKING:
    from referee.statistics import Corrected, Estimate, Shift


@dataclass(frozen=True, slots=True)
class Correction:
    """A judge's mean corrected by a few human labels: the answer of `estimate`."""

    judge: str
    score: str
    human: tuple[str, ...]
    source: str
    labels: str
    """Where the labels came from, for people."""
    judge_hash: str | None
    quantity: Literal["mean", "pass rate", "win rate"]
    """What is estimated: of scores the mean, of verdicts 0 and 1 the share of 1."""
    estimate: Estimate
    """The corrected figure: what people would have given all rows."""
    uncorrected: Estimate
    """The judge's own figure over all rows it scored; its interval knows nothing of the judge's bias."""
    humans_only: Estimate
    """The figure of the labelled rows alone."""
    method: Literal["PPI++", "Rogan–Gladen"]
    assumption: str
    """What must hold for the interval to cover, as a sentence."""
    refused: str | None
    """The other estimator and why it was not used, as a sentence; None where nothing speaks against it."""
    shift: Shift
    """Whether the labelled rows look like the others to the judge."""
    labelled: int
    unlabelled: int
    left_out: dict[str, int]
    clusters: Clusters
    labels_to_halve: int | None
    """Labels in all that would make the interval half as wide; None where no number of them would."""
    reading: tuple[str, ...]
    advice: tuple[Advice, ...]
    confidence: float
    detail: Corrected
    """The estimator's own figures: λ, sensitivity, specificity."""

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return plain(self)

    def _repr_html_(self) -> str | None:
        from referee.validation.reports.notebook import cell

        return cell(self)
