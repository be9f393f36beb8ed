"""`validate`: every figure of a judge beside people, from any result, run folder or columns."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from referee.errors import DataError
from referee.statistics import (
    Agreement,
    Alignment,
    Estimate,
    LabelAgreement,
    WithinGroups,
    agreement,
    alignment_test,
    human_ceiling,
    krippendorff_alpha,
    label_agreement,
    label_ceiling,
    within_groups,
)
from referee.statistics.columns import Floats, Ints
from referee.validation.advising import advise
from referee.validation.agreement import Clusters, Columns, Scale, Validation
from referee.validation.asking import Question, read_scale
from referee.validation.cells import Cell, Cells
from referee.validation.clusters import ALONE
from referee.validation.disagreements import disagreements
from referee.validation.distributions import calibration, levels
from referee.validation.joined import Joined, Sides, join, number_sides
from referee.validation.people import HumanScale
from referee.validation.reading import labels_to_tell, read
from referee.validation.subgroups import subgroups
from referee.validation.trivial import trivial_judges

ALIGNMENT_ROWS = 5_000
"""Rows that the check for misaligned columns looks at: their first so many, in their order."""
MOST_WITHIN = 5_000
"""Groups above which no correlation within each is worked out."""
MOST_LABELS = 10
"""Levels up to which whole scores are also shown as labels, with a confusion matrix."""


def validate(
    results: Any,
    *,
    human: str | Sequence[Any] | NDArray[Any],
    judge: str | None = None,
    score: str | None = None,
    labels: Any = None,
    key: str | None = None,
    cluster: str | Sequence[Any] | None = None,
    by: str | None = None,
    scale: tuple[float, float] | str | None = None,
    human_scale: tuple[float, float] | str | None = None,
    name: str | None = None,
    people: str = "people",
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Validation:
    """Compare a judge's scores with people's.

    Args:
        results: a run folder of `referee evaluate`, its rows.jsonl, any file of rows, an `EvaluationResult`, a
            `RunReport`, rows as mappings, or a column of scores.
        human: the field with people's scores (`helpfulness`, `item.helpfulness`, `ratings.first`), several by commas
            where several people rated each row; where `results` is a column, the column of people's scores.
        judge: of plain rows, the column with the judge's scores.
        score: of a run with several, which score: `name` or `metric.name`.
        labels: a file (or rows) with people's scores, where the results do not hold them.
        key: the field by which labels find their rows; required with `labels`, as rows are never joined by order.
        cluster: the field whose equal values mark rows that belong together; "none" for none; by default a field such
            as `prompt` is looked for, and what was found is said. With columns, one entry a row.
        by: a field whose values are reported as subgroups, corrected for looking at several.
        scale: the score's scale, `(0, 4)` or "0-4", where the run's judge file does not say it.
        human_scale: people's scale, where it is another: their scores are carried over linearly.
        name: what to call the judge.
        people: what to call those who rated, in the plural: `the authors`.
        confidence: nominal coverage of the intervals.
        draws: resamples of the bootstrap, which is used from 300 clusters on.
        seed: equal seeds give equal intervals.

    Raises:
        DataError: fields, rows or scores that cannot be used; the message names them and the mend.
        MissingExtraError: the extra `statistics` is not installed.
    """
    question = Question(
        results=results, human=human, judge=judge, score=score, labels=labels, key=key, cluster=cluster, name=name
    )
    opened, labelled, clustered = question.open()
    joined = join(opened, labelled, cluster=clustered, by=by)
    return validation_of(
        joined,
        name=name,
        people=people,
        by=by,
        wanted_scale=read_scale(scale, "scale"),
        human_scale=read_scale(human_scale, "human_scale"),
        confidence=confidence,
        draws=draws,
        seed=seed,
    )


def validation_of(
    joined: Joined,
    *,
    name: str | None = None,
    people: str = "people",
    by: str | None = None,
    wanted_scale: tuple[float, float] | None = None,
    human_scale: tuple[float, float] | None = None,
    table: Table | None = None,
    kept: NDArray[np.bool_] | None = None,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
    brief: bool = False,
) -> Validation:
    """The answer for rows that are joined already.

    Args:
        joined: judge and people side by side.
        table: its columns as numbers, where they were read already.
        kept: of several judges, the rows that all of them scored; the others count as left out.
        brief: leave out what stands for one judge alone: people's ceiling, trivial judges, alignment, disagreements.
        name, people, by, wanted_scale, human_scale, confidence, draws, seed: as `validate`.
    """
    opened = joined.results
    table = table or table_of(joined, wanted_scale, human_scale)
    both = ~np.isnan(table.sides.judge) & ~np.isnan(table.sides.human)
    if kept is not None:
        both &= kept
    left_out = _left_out(joined, table.sides, kept)
    clusters = clusters_of(joined, both)
    keys = joined.marks(both)
    x, y = table.sides.judge[both], table.sides.human[both]
    scale = table.sides.scale
    options: dict[str, Any] = {"confidence": confidence, "draws": draws, "seed": seed}
    figures: Agreement | None = None
    if table.kind == "numbers":
        verdict = scale.levels == (0.0, 1.0)
        bounds = (scale.low, scale.high) if scale.known or verdict else None
        figures = agreement(x, y, clusters=keys, categories=categories_of(scale, x, y), bounds=bounds, **options)
    shown = _label_figures(table, joined, both, x, y, keys, options)
    verdicts = shown is not None and len(shown.labels) == 2
    sort = "labels" if table.kind == "labels" else "verdicts" if verdicts else "scores"
    ceiling, alpha = (None, None) if brief else _people(table, joined, both, options)
    positions = np.flatnonzero(both)
    validation = Validation(
        judge=name or opened.name,
        score=opened.score,
        human=joined.people.fields,
        source=opened.source,
        judge_hash=opened.hash,
        kind=table.kind,
        scale=scale,
        rows=len(joined),
        n=int(both.sum()),
        left_out=left_out,
        clusters=clusters,
        agreement=figures,
        labels=shown,
        ceiling=ceiling,
        people_alpha=alpha,
        within=None if brief or figures is None else _within(clusters, x, y, keys, confidence),
        trivial=() if brief or figures is None else trivial_judges(joined, both, x, y, keys, figures, confidence),
        alignment=None if brief else _alignment(x, y, table.kind == "labels", seed),
        by=by,
        subgroups=() if by is None else subgroups(joined, both, x, y, keys, sort, **options),
        levels=levels(scale, x, y, table.names),
        calibration=() if table.kind == "labels" else calibration(scale, x, y, keys, confidence),
        disagreements=() if brief else disagreements(opened, positions, x, y, joined, names=table.names),
        cost=opened.cost,
        mass=_mean_mass(joined),
        repeats=joined.repeats,
        reading=(),
        advice=(),
        labels_to_tell=labels_to_tell(figures),
        confidence=confidence,
        columns=Columns(
            judge=x,
            human=y,
            clusters=np.arange(len(x)) if keys is None else keys,
            rows=np.array(joined.index, dtype=np.int64)[both],
        ),
        people=people,
    )
    return read_out(validation, joined)


def read_out(validation: Validation, joined: Joined) -> Validation:
    """The same with its reading and advice."""
    from dataclasses import replace

    return replace(validation, reading=read(validation), advice=advise(validation, joined.people.remarks()))


@dataclass(frozen=True)
class Table:
    """The columns as numbers, and what kind of scores they are."""

    kind: Literal["numbers", "labels"]
    sides: Sides
    """For labels without values: the numbers of the labels in `names`."""
    names: tuple[str, ...]
    """The labels by their number; empty for numbers."""


def table_of(
    joined: Joined,
    wanted_scale: tuple[float, float] | None = None,
    human_scale: tuple[float, float] | None = None,
    known: tuple[str, ...] = (),
) -> Table:
    """The columns as numbers.

    Args:
        joined: judge and people side by side.
        wanted_scale: the score's scale as the caller has it, instead of the judge file's.
        human_scale: people's scale, where it is another.
        known: labels that get the first numbers, so that several runs number them alike.

    Raises:
        DataError: a word among numbers, or a score off its scale.
    """
    scale = joined.results.scale
    if wanted_scale is not None:
        whole = all(end.is_integer() for end in wanted_scale) and wanted_scale[1] - wanted_scale[0] >= 2
        scale = Scale(*wanted_scale, whole, {} if scale is None else scale.labels, True)
    if not (scale is not None and scale.labels) and not any(joined.label):
        sides = ([joined.judge], joined.human.people)
        if all(_only_labels(columns) for columns in sides):
            return _labels_only(joined, known)
    return Table("numbers", number_sides(joined, scale, None if human_scale is None else HumanScale(*human_scale)), ())


def _only_labels(columns: Sequence[Cells]) -> bool:
    """Whether the columns hold labels and no number."""
    return any(column.texts for column in columns) and all(np.isnan(column.numbers()).all() for column in columns)


def _mean_mass(joined: Joined) -> float | None:
    masses = joined.detail("mass")
    return float(np.nanmean(masses)) if "mass" in joined.details else None


def _labels_only(joined: Joined, known: tuple[str, ...]) -> Table:
    """Labels that stand for no value: each gets a number, and several people's are settled by their majority."""
    human = [_majority(row) for row in joined.human]
    names = tuple(dict.fromkeys(str(value) for value in (*known, *human, *joined.judge) if value is not None))
    if len(names) > 50:
        raise DataError(
            f"the judge's and people's labels take {len(names)} different values, such as {', '.join(names[:3])}: "
            "these are no labels. Are --judge and --human the right fields?"
        )
    number = {name: float(at) for at, name in enumerate(names)}

    def codes(column: Iterable[Cell]) -> Floats:
        return np.array([math.nan if value is None else number[str(value)] for value in column])

    width = len(joined.human.people)
    ratings = np.full((len(joined), width), np.nan)
    for at, row in enumerate(joined.human):
        for person, value in enumerate(row):
            if value is not None:
                ratings[at, person] = number.get(str(value), math.nan)
    scale = Scale(0.0, float(max(1, len(names) - 1)), True, {}, False)
    return Table("labels", Sides(codes(joined.judge), codes(human), ratings, scale), names)


def _majority(row: Sequence[Cell]) -> Cell:
    counts = Counter(value for value in row if value is not None).most_common(2)
    if not counts or (len(counts) > 1 and counts[0][1] == counts[1][1]):
        return None
    return counts[0][0]


def _left_out(joined: Joined, sides: Sides, kept: NDArray[np.bool_] | None) -> dict[str, int]:
    counts: Counter[str] = Counter()
    no_label = np.isnan(sides.human)
    others = no_label if kept is None else no_label | ~kept
    unscored = np.isnan(sides.judge)
    for at in np.flatnonzero(others | unscored).tolist():
        why = joined.missing.get(at)
        if why is not None:
            counts[why] += 1
        elif no_label[at]:
            tied = any(value is not None for value in joined.human[at])
            counts["people disagree" if tied else "no label"] += 1
        else:
            counts["not scored by another judge"] += 1
    return dict(counts.most_common())


def clusters_of(joined: Joined, both: NDArray[np.bool_]) -> Clusters:
    """Which of the rows that count belong together."""
    n = int(both.sum())
    if joined.clusters is None or joined.cluster_field is None:
        return Clusters(None, n, False, "every row stands alone")
    count = int(np.count_nonzero(np.bincount(joined.clusters[both])))
    which = "repeats of a row" if joined.cluster_field == "row_index" else f"rows with the same {joined.cluster_field}"
    found = f"; found by looking, --cluster {ALONE} treats every row alone" if joined.detected else ""
    return Clusters(
        joined.cluster_field, count, joined.detected, f"{which} count as one group ({count:,} groups){found}"
    )


def categories_of(scale: Scale, *columns: Floats) -> Sequence[float] | None:
    """The scores that a known scale allows, where the columns hold no other; else None."""
    levels = scale.levels if scale.known else ()
    if not levels or len(levels) > 50 or not all(np.isin(column, levels).all() for column in columns):
        return None
    return levels


def _label_figures(
    table: Table,
    joined: Joined,
    both: NDArray[np.bool_],
    x: Floats,
    y: Floats,
    keys: Ints | None,
    options: dict[str, Any],
) -> LabelAgreement | None:
    if table.kind == "labels":
        names: Sequence[Any] = table.names
        sides = [[table.names[int(code)] for code in column] for column in (x, y)]
        return label_agreement(sides[0], sides[1], labels=names, clusters=keys, **options)
    scale = table.sides.scale
    seen = sorted({*np.unique(x).tolist(), *np.unique(y).tolist()})
    levels = list(scale.levels) or seen
    if not seen or len(levels) > MOST_LABELS or not set(seen) <= set(levels):
        return None
    if not scale.labels and not all(value.is_integer() for value in levels):
        return None
    named = {value: label for label, value in scale.labels.items()}
    if len(named) == len(scale.labels) and named:
        sides = [[named[value] for value in column] for column in (x.tolist(), y.tolist())]
        return label_agreement(sides[0], sides[1], labels=[named[value] for value in levels], clusters=keys, **options)
    columns = [column.astype(np.int64).tolist() for column in (x, y)]
    return label_agreement(columns[0], columns[1], labels=[int(v) for v in levels], clusters=keys, **options)


def _people(
    table: Table, joined: Joined, both: NDArray[np.bool_], options: dict[str, Any]
) -> tuple[Agreement | None, Estimate | None]:
    """How people agree with one another on the rows that count, where several rated any."""
    if table.kind == "labels":
        # Where people disagree there is no label to hold the judge against; how often that is, is what is asked here.
        both = ~np.isnan(table.sides.judge)
    ratings = table.sides.ratings[both]
    if ratings.shape[1] < 2 or not ((~np.isnan(ratings)).sum(axis=1) >= 2).any():
        return None, None
    keys = joined.marks(both)
    few = len(np.unique(ratings[~np.isnan(ratings)])) <= 50
    level = "nominal" if table.kind == "labels" else "ordinal" if few else "interval"
    alpha = krippendorff_alpha(ratings, level, clusters=keys, **options)
    if table.kind == "labels":
        return label_ceiling(ratings, len(table.names), clusters=keys, **options), alpha
    return human_ceiling(ratings, clusters=keys, **options), alpha


def _within(clusters: Clusters, x: Floats, y: Floats, keys: Ints | None, confidence: float) -> WithinGroups | None:
    """Correlation among the rows of a group, where groups hold more than repeats of one row."""
    if keys is None or clusters.field == "row_index" or not 1 < clusters.count <= MOST_WITHIN:
        return None
    found = within_groups(x, y, keys, confidence=confidence)
    return found if found.groups > 1 else None


def _alignment(x: Floats, y: Floats, nominal: bool, seed: int) -> Alignment | None:
    x, y = x[:ALIGNMENT_ROWS], y[:ALIGNMENT_ROWS]
    if len(x) < 10 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return alignment_test(x, y, nominal=nominal, seed=seed)
