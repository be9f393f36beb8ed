"""What `validate` answers: a judge's scores beside people's, with every figure, its interval, and what to make of it.

Plain values only, so that the same object is shown on a screen, drawn on a page and written as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from referee.validation.plain import plain

if TYPE_CHECKING:
    from referee.statistics import Agreement, Alignment, Comparison, Estimate, LabelAgreement, WithinGroups
    from referee.statistics.columns import Floats, Ints


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale that the judge's scores are on."""

    low: float
    high: float
    whole: bool
    """Whether the scores are whole numbers (or labels): then `levels` can be listed."""
    labels: dict[str, float]
    """The rubric's labels and the values they stand for; empty where the score is a number."""
    known: bool
    """True where the judge's file or the caller said so; False where it is only what was seen in the rows."""

    @property
    def levels(self) -> tuple[float, ...]:
        """The scores that can be given, ascending; empty on a continuous scale or one of more than 101 levels."""
        if self.labels:
            return tuple(sorted(set(self.labels.values())))
        if not self.whole or self.high - self.low > 100:
            return ()
        return tuple(self.low + step for step in range(int(self.high - self.low) + 1))


@dataclass(frozen=True, slots=True)
class Clusters:
    """Which rows belong together."""

    field: str | None
    """The field whose equal values mark them; None where every row stands alone."""
    count: int
    """Clusters among the rows that have both scores."""
    detected: bool
    """Whether the field was found by looking, and not named by the caller."""
    note: str
    """The same as a sentence for people."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The rows that have both scores: the points of a scatter plot. All of equal length; not part of `to_dict`."""

    judge: Floats
    """The judge's scores; where verdicts are labels without values, their place in `Validation.labels.labels`."""
    human: Floats
    """People's scores of the same rows (their mean where several people rated), on the judge's scale."""
    clusters: Ints
    """The number of what each row shares with others."""
    rows: Ints
    """The position of each row in the results."""


@dataclass(frozen=True, slots=True)
class Trivial:
    """A judge that does not read, on the same rows: one that is not better than this tells nothing."""

    name: str
    """`always 3`, `number of words`."""
    pearson: Estimate
    spearman: Estimate
    mae: Estimate
    """Of the constant: answering the median human score. Undefined for the number of words, which is on no scale."""
    exact: Estimate
    """Of the constant: answering the commonest human score, the base rate. Undefined for the number of words."""
    against: Comparison | None
    """The judge against it on the same rows (first the judge): MAE for the constant, Spearman's rho for the words."""


@dataclass(frozen=True, slots=True)
class Level:
    """A score that can be given, and how often the judge and people gave it (people's means to the nearest level)."""

    value: float
    label: str
    judge: int
    human: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """What people gave where the judge gave about this: on the diagonal the judge's numbers mean what they say."""

    judge: float
    """The judge's score (the mean of the bin's scores on a continuous scale)."""
    human: Estimate
    """The mean of people's scores on these rows."""
    n: int


@dataclass(frozen=True, slots=True)
class Subgroup:
    """The rows of one value of the field `by`, with intervals widened for looking at several (Bonferroni)."""

    name: str
    n: int
    pearson: Estimate
    spearman: Estimate
    mae: Estimate
    bias: Estimate
    exact: Estimate
    kappa: Estimate
    """Cohen's; undefined on continuous scores."""
    differs: str | None
    """Where it is shown to differ from the other rows (Holm's correction over all subgroups): how, as a sentence."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A row on which the judge and people are far apart."""

    row: int
    """Its position in the results."""
    judge: float | str
    human: float | str
    prompt: str
    """What was asked, cut short; empty where the row has no field of such a name."""
    answer: str
    """What was answered, cut short; of a pairwise verdict both answers."""
    words: str
    """What the judge wrote, cut short; empty where the results do not hold it (then the journal does)."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What judging these rows took, as the run recorded it."""

    rows: int
    calls: int
    input_tokens: int
    output_tokens: int
    dollars: float | None
    """None where the model has no price."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Something to do."""

    level: Literal["good", "note", "warn"]
    text: str
    """A sentence or two for people."""


@dataclass(frozen=True, slots=True)
class Validation:
    """One judge beside people: the answer of `validate`."""

    judge: str
    """What the judge is called: the metric of the run, or the column."""
    score: str
    """The name of its score; the column's for plain rows."""
    human: tuple[str, ...]
    """The fields with people's scores; several where several people rated."""
    source: str
    """Where the results are: a path for people."""
    judge_hash: str | None
    """The judge's content hash, where the results know it: the figures hold for this judge and no other."""
    kind: Literal["numbers", "labels"]
    """`labels` where verdicts are labels without an order: then `agreement` is None and `labels` is not."""
    scale: Scale
    rows: int
    """Rows that were looked at."""
    n: int
    """Rows with both scores."""
    left_out: dict[str, int]
    """Rows left out, by reason: unclear, failed (with its kind), no label, …; they sum up with n to `rows`."""
    clusters: Clusters
    agreement: Agreement | None
    """Every agreement figure with its interval; None only for labels without values."""
    labels: LabelAgreement | None
    """Confusion matrix, sensitivity, specificity, F1 and the like: of labels, of pass/fail verdicts (0 and 1), and of
    whole scores on at most ten levels."""
    ceiling: Agreement | None
    """How one person agrees with the others, by the same figures, where several people rated; else None. Of labels
    also on rows where people disagree, which have no label of theirs to hold the judge against."""
    people_alpha: Estimate | None
    """Krippendorff's alpha among people (ordinal, or nominal for labels), where several rated; else None."""
    within: WithinGroups | None
    """The mean correlation among rows that share what marks clusters (answers to one prompt); None where rows stand
    alone. Over all rows a judge may seem good that only sees which prompts are hard."""
    trivial: tuple[Trivial, ...]
    """Judges that do not read, on the same rows."""
    alignment: Alignment | None
    """Whether the rows of both columns are the same rows; None where there are too few to tell."""
    by: str | None
    """The field of the subgroups."""
    subgroups: tuple[Subgroup, ...]
    levels: tuple[Level, ...]
    """How often each score was given, on the score's own scale; on a continuous scale ten equal bins."""
    calibration: tuple[Calibration, ...]
    disagreements: tuple[Disagreement, ...]
    """The rows furthest apart, the largest first; at most twelve."""
    cost: Cost | None
    mass: float | None
    """Mean probability mass captured, where scores were read from token probabilities."""
    repeats: int
    """How often each row was judged (the most); repeats of a row are one cluster."""
    reading: tuple[str, ...]
    """What the figures say, in plain sentences, the most important first."""
    advice: tuple[Advice, ...]
    """What to do about it."""
    labels_to_tell: int | None
    """About how many more labelled rows would show that the judge orders answers better than chance, if it does so as
    much as it seems to (80 % power); None where it is shown already, or no number would."""
    confidence: float
    """Nominal coverage of the intervals."""
    columns: Columns
    people: str = "people"
    """What those who rated are called in sentences."""

    def to_dict(self) -> dict[str, Any]:
        """Everything but the columns as plain JSON values; an estimate is {value, low, high, reason, method, …}."""
        return plain(self, leave_out=("columns",))

    def _repr_html_(self) -> str | None:
        from referee.validation.reports.notebook import cell

        return cell(self)
