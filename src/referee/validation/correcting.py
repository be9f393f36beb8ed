"""`estimate`: what people would have given all rows, from a judge's scores of all and a few human labels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from referee.errors import DataError, EstimatorError
from referee.statistics import Corrected, Estimate, corrected_mean, mean_score, ppi, rate, rogan_gladen
from referee.statistics.columns import Floats, Ints
from referee.statistics.corrected import SHIFT_ALPHA
from referee.statistics.planning import labels_for_width
from referee.validation.agreement import Advice
from referee.validation.asking import Question, read_scale
from referee.validation.correction import Correction
from referee.validation.joined import Joined, join
from referee.validation.reading import FEW_ROWS, round_up
from referee.validation.validating import Table, clusters_of, table_of

Method = Literal["ppi", "rogan-gladen"]
Quantity = Literal["mean", "pass rate", "win rate"]


def estimate(
    results: Any,
    *,
    human: str | Sequence[Any] | NDArray[Any],
    labels: Any = None,
    key: str | None = None,
    judge: str | None = None,
    score: str | None = None,
    cluster: str | Sequence[Any] | None = None,
    passes: str | float | None = None,
    sampled: Literal["random", "shifted"] | None = None,
    method: Method | None = None,
    scale: tuple[float, float] | str | None = None,
    human_scale: tuple[float, float] | str | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Correction:
    """Correct a judge's mean (or pass rate, or win rate) by the rows that people labelled.

    Args:
        results, human, labels, key, judge, score, cluster, scale, human_scale, confidence, seed: as `validate`; rows
            without a label are what the judge's scores stand in for. With columns, missing labels are None or NaN.
        passes: what counts as passing: a score from which on it does (`3`), or a label. Both sides become verdicts.
        sampled: how the labelled rows came about: "random" (drawn at random from all rows) or "shifted" (from
            elsewhere, or chosen); by default the judge's scores on both parts decide.
        method: "ppi" or "rogan-gladen", where that estimator and no other is wanted; refused where the data contradict
            what it assumes.

    Raises:
        EstimatorError: no estimator, or not the wanted one, is right for these rows; the message says why.
        DataError: fields, rows or scores that cannot be used.
        MissingExtraError: the extra `statistics` is not installed.
    """
    if sampled not in (None, "random", "shifted"):
        raise DataError(f"sampled is {sampled!r}; it is random, shifted, or left out")
    if method not in (None, "ppi", "rogan-gladen"):
        raise DataError(f"method is {method!r}; it is ppi, rogan-gladen, or left out")
    question = Question(results=results, human=human, judge=judge, score=score, labels=labels, key=key, cluster=cluster)
    opened, people, clustered = question.open()
    joined = join(opened, people, cluster=clustered)
    table = table_of(joined, read_scale(scale, "scale"), read_scale(human_scale, "human_scale"))
    rows = _rows(joined, table, passes)
    corrected = _corrected(rows, sampled, method, confidence, seed)
    alone = _alone(rows, confidence)
    correction = Correction(
        judge=opened.name,
        score=opened.score,
        human=people.fields,
        source=opened.source,
        labels=people.source,
        judge_hash=opened.hash,
        quantity=rows.quantity,
        estimate=corrected.estimate,
        uncorrected=alone,
        humans_only=corrected.humans_only,
        method=corrected.method,
        assumption=corrected.assumption,
        refused=_other(corrected, rows),
        shift=corrected.shift,
        labelled=corrected.labelled,
        unlabelled=corrected.unlabelled,
        left_out=rows.left_out,
        clusters=clusters_of(joined, ~np.isnan(rows.judge)),
        labels_to_halve=_to_halve(corrected, rows),
        reading=(),
        advice=(),
        confidence=confidence,
        detail=corrected,
    )
    return _read_out(correction, people.remarks())


@dataclass(frozen=True)
class _Rows:
    judge: Floats
    human: Floats
    clusters: Ints | None
    quantity: Quantity
    left_out: dict[str, int]

    @property
    def labelled(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.judge) & ~np.isnan(self.human)

    @property
    def unlabelled(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.judge) & np.isnan(self.human)

    def marks(self, where: NDArray[np.bool_]) -> Ints | None:
        return None if self.clusters is None else self.clusters[where]

    @property
    def binary(self) -> bool:
        return all(bool(np.isin(part[~np.isnan(part)], (0, 1)).all()) for part in (self.judge, self.human))


def _rows(joined: Joined, table: Table, passes: str | float | None) -> _Rows:
    judge, human = table.sides.judge, table.sides.human
    if passes is not None or table.kind == "labels":
        judge, human = _verdicts(judge, table, passes), _verdicts(human, table, passes)
    file = joined.results.file
    swapped = file.swapped(joined.results.metric) if file is not None else None
    left_out = Counter(joined.missing.values())
    rows = _Rows(judge, human, joined.clusters, "mean", dict(left_out.most_common()))
    quantity: Quantity = "win rate" if swapped is not None else "pass rate" if rows.binary else "mean"
    rows = replace(rows, quantity=quantity)
    labelled, unlabelled = int(rows.labelled.sum()), int(rows.unlabelled.sum())
    if labelled and not unlabelled:
        raise DataError(
            f"people labelled all {labelled} rows that the judge scored, so there is nothing to estimate: their own "
            f"mean is {float(human[rows.labelled].mean()):.3f}. A correction takes rows that only the judge scored"
        )
    if labelled < 2:
        raise DataError(
            f"{labelled} of {len(joined)} rows have both the judge's score and a label; a correction takes at least "
            f"two, and some {FEW_ROWS} to be worth much"
        )
    return rows


def _verdicts(column: Floats, table: Table, passes: str | float | None) -> Floats:
    """1 where the row passes, 0 where it does not, NaN where it has no score."""
    missing = np.isnan(column)
    if table.kind == "labels":
        if passes is None or str(passes) not in table.names:
            said = "say which label passes" if passes is None else f"{passes!r} is none of the labels"
            raise DataError(f"the verdicts are the labels {', '.join(table.names)}: {said} (--passes LABEL)")
        out = (column == table.names.index(str(passes))).astype(np.float64)
    else:
        labels = table.sides.scale.labels
        if isinstance(passes, str) and passes in labels:
            out = (column == labels[passes]).astype(np.float64)
        else:
            out = (column >= _threshold(passes, labels)).astype(np.float64)
    out[missing] = math.nan
    return out


def _threshold(passes: str | float | None, labels: dict[str, float]) -> float:
    try:
        return float(passes if passes is not None else math.nan)
    except ValueError as error:
        known = f", or one of the labels {', '.join(labels)}" if labels else ""
        raise DataError(f"passes is {passes!r}; give the score from which on a row passes, such as 3{known}") from error


def _corrected(
    rows: _Rows, sampled: Literal["random", "shifted"] | None, method: Method | None, confidence: float, seed: int
) -> Corrected:
    with_label, without = rows.labelled, rows.unlabelled
    columns = (rows.human[with_label], rows.judge[with_label], rows.judge[without])
    options: dict[str, Any] = {
        "clusters": rows.marks(with_label),
        "unlabelled_clusters": rows.marks(without),
        "confidence": confidence,
        "seed": seed,
    }
    if method == "ppi":
        if sampled == "shifted":
            raise EstimatorError(
                "PPI++ needs labelled rows that are a random sample of all rows, and these are said to be none "
                "(--sampled shifted)"
            )
        return ppi(*columns, **options)
    if method == "rogan-gladen":
        return rogan_gladen(*columns, **options)
    return corrected_mean(*columns, sampled=sampled, **options)


def _alone(rows: _Rows, confidence: float) -> Estimate:
    """The judge's own figure over every row that it scored."""
    scored = ~np.isnan(rows.judge)
    work_out = rate if rows.binary else mean_score
    return work_out(rows.judge[scored], clusters=rows.marks(scored), confidence=confidence)


def _other(corrected: Corrected, rows: _Rows) -> str | None:
    """The estimator that was not used, and why."""
    if corrected.method == "PPI++":
        return None if rows.binary else "Rogan–Gladen is for verdicts 0 or 1, and these are scores"
    if corrected.shift.shown(SHIFT_ALPHA):
        return f"PPI++ is for labelled rows that are a random sample of all rows; these are none: {corrected.shift}"
    return None


def _to_halve(corrected: Corrected, rows: _Rows) -> int | None:
    """Labels in all that would halve the interval, the judge's share of the error being what it is."""
    low, high = corrected.estimate.low, corrected.estimate.high
    if low is None or high is None or not high > low:
        return None
    n = corrected.labelled
    others = rows.judge[rows.unlabelled]
    if corrected.label_variance is not None:
        weight = corrected.weight or 0.0
        need = labels_for_width(
            corrected.label_variance,
            weight**2 * float(others.var(ddof=1)),
            len(others),
            (high - low) / 4,
            confidence=corrected.estimate.confidence,
        )
        return need if need is None or need > n else n
    assert corrected.sensitivity is not None
    assert corrected.specificity is not None
    gain = (corrected.sensitivity.value or 0.0) + (corrected.specificity.value or 0.0) - 1
    if gain <= 0:
        return None
    judge_part = float(others.mean()) * (1 - float(others.mean())) / len(others) / gain**2
    label_part = max(0.0, corrected.standard_error**2 - judge_part)
    left = corrected.standard_error**2 / 4 - judge_part
    return math.ceil(n * label_part / left) if left > 0 else None


def _read_out(found: Correction, remarks: list[str]) -> Correction:
    return replace(found, reading=_read(found), advice=_advise(found, remarks))


def _read(found: Correction) -> tuple[str, ...]:
    spec = ".1%" if found.quantity != "mean" else ".2f"
    figure = f"{found.estimate:{spec}}"
    out = [
        {
            "mean": f"People would have given {figure} on average.",
            "pass rate": f"People would have passed {figure} of the rows.",
            "win rate": f"By people the first would have won {figure} of the pairs.",
        }[found.quantity]
    ]
    alone = found.uncorrected
    if alone.value is not None and found.estimate.value is not None:
        if found.estimate.excludes(alone.value):
            high = alone.value > found.estimate.value
            out.append(f"The judge alone says {alone:{spec}}, which is too {'high' if high else 'low'}: its interval "
                       "knows nothing of its bias.")  # fmt: skip
        else:
            out.append(f"The judge alone says {alone:{spec}}; that it is biased is not shown by these labels.")
    widths = [_width(one) for one in (found.estimate, found.humans_only)]
    text = f"The {found.labelled:,} labels alone give {found.humans_only:{spec}}"
    if found.method == "Rogan–Gladen":
        text += ", of rows that are not like the others" if found.refused else ""
    elif widths[0] and widths[1] and widths[0] < 0.97 * widths[1]:
        narrower = f"{1 - widths[0] / widths[1]:.0%} narrower"
        text += f"; with the judge's {found.unlabelled:,} other scores the interval is {narrower}"
    elif widths[0] and widths[1]:
        text += "; this judge's scores add nothing to them"
    out.append(text + ".")
    out.append(f"{found.method}, which {found.assumption}.")
    if found.labels_to_halve is not None and found.labels_to_halve > found.labelled:
        out.append(f"About {round_up(found.labels_to_halve)} labels in all would make the interval half as wide.")
    return tuple(out)


def _width(one: Estimate) -> float | None:
    return None if one.low is None or one.high is None else one.high - one.low


def _advise(found: Correction, remarks: list[str]) -> tuple[Advice, ...]:
    out = [Advice("note", text) for text in remarks]
    out += [Advice("warn", f"{text[0].upper()}{text[1:]}.") for text in found.estimate.warnings]
    if found.labelled < FEW_ROWS:
        out.append(Advice("note", f"{found.labelled} labels are few: the interval is wide because of that."))
    if found.method == "Rogan–Gladen":
        out.append(Advice(
            "note", "For a narrower interval label rows drawn at random from these very results; PPI++ then applies."
        ))  # fmt: skip
    elif not found.shift.shown(SHIFT_ALPHA):
        out.append(Advice(
            "note", "The figure stands on the labelled rows being drawn at random: draw them so, and keep how."
        ))  # fmt: skip
    missing = sum(found.left_out.values())
    if missing > 0.05 * (missing + found.labelled + found.unlabelled):
        out.append(
            Advice("warn", f"{missing:,} rows have no score of the judge, and the figure does not speak of them.")
        )
    return tuple(out)
