"""What `compare` answers: two or more judges on the same rows, against the same people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from referee.validation.agreement import Advice, Clusters, Validation
from referee.validation.plain import plain

if TYPE_CHECKING:
    from referee.statistics import AgreementComparison, Estimate
    from referee.statistics import Comparison as Difference


@dataclass(frozen=True, slots=True)
class Pair:
    """Two judges, paired row by row."""

    first: str
    second: str
    figures: AgreementComparison
    """Every figure of both with its difference (first less second); `better` means that the first one is."""
    decided_by: Difference
    """The figure that decides, as `Comparison.figure` names it; the one of `figures` that carries the answer."""
    sentence: str
    """The answer for people: better, worse, or no difference shown at this n, with the n that would show it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The best of several judges, chosen on one part of the rows and reported on the other.

    A figure on the rows that the choice was made by is too good; that on the held-out rows is not.
    """

    name: str
    chosen_on: Estimate
    """The deciding figure on the rows it was chosen by: too good on average."""
    held_out: Estimate
    """The same figure on the rows that were held out: this one may be quoted."""
    n_chosen_on: int
    n_held_out: int
    runner_up: str
    against_runner_up: Difference
    """The chosen one against the second best, on the held-out rows."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two or more judges on the same rows: the answer of `compare`."""

    figure: str
    """The field name of the figure that decides: pearson for scores, exact for labels, or what the caller asked for."""
    figure_label: str
    """The same for people: `Pearson r`."""
    judges: tuple[Validation, ...]
    """Each judge on the common rows, in the order given; names are unique."""
    rows: int
    """Rows that any of the judges was run on."""
    n: int
    """Rows that all judges and people scored."""
    left_out: dict[str, int]
    """The other rows, by reason."""
    clusters: Clusters
    pairs: tuple[Pair, ...]
    """Every two judges, the earlier given one first."""
    looks: int
    """Comparisons made; with more than one, intervals are widened so that the chance of any false answer stays 5 %."""
    choice: Choice | None
    """With three judges or more; None where there are too few rows to hold any out."""
    reading: tuple[str, ...]
    advice: tuple[Advice, ...]
    confidence: float

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(judge.judge for judge in self.judges)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the columns as plain JSON values."""
        return plain(self, leave_out=("columns",))

    def _repr_html_(self) -> str | None:
        from referee.validation.reports.notebook import cell

        return cell(self)
