"""The report of `validate`: one judge beside people, from what it is worth down to the rows it got most wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from referee.pages.page import Page, capital, columns, fold, table, text, tile, tiles
from referee.statistics import LabelAgreement
from referee.validation.agreement import Disagreement, Validation
from referee.validation.reports.charts import MOST_LEVELS, MOST_POINTS, calibration, confusion, distributions, scatter
from referee.validation.reports.interval_charts import Line, lines
from referee.validation.reports.parts import (
    Tile,
    accounted,
    brief,
    figure,
    figure_table,
    figure_tile,
    findings,
    origin,
    spent,
)


def validation_page(found: Validation, title: str | None = None, introduction: str = "") -> Page:
    """The page of one judge beside people."""
    page = Page(title or f"{found.judge} beside people", kicker(found), introduction)
    page.add(findings(found.reading, found.advice), main_figures(found))
    page.section("The scores", pictures(page, found), note=_about_scores(found))
    page.section("Beside other judges of the same rows", _beside(page, found), note=_ABOUT_BESIDE)
    page.section("By " + (found.by or "group"), _subgroups(page, found), note=_ABOUT_GROUPS)
    page.section("Where they are furthest apart", cases(found.disagreements), note=_ABOUT_CASES)
    page.section("All figures", all_figures(found))
    page.section("What was counted", accounted(found.rows, found.n, "with both scores", found.left_out), _mass(found))
    page.section("What it took", spent(found.cost))
    page.add(origin(found.source, found.judge_hash, found.clusters, found.confidence))
    return page


_ABOUT_BESIDE = (
    "A judge that does no better than these has not read the answers. People among themselves, where several rated, "
    "are the most that can be asked for."
)
_ABOUT_GROUPS = (
    "Intervals are widened for looking at several groups, so that the chance of any of them missing stays as stated."
)
_ABOUT_CASES = "The rows where the judge and people differ most, the largest difference first."


def kicker(found: Validation) -> str:
    """Whose scores are beside whose."""
    return f"{found.score} against {', '.join(found.human)}"


def main_figures(found: Validation) -> str:
    """The figures to look at first."""
    groups = "" if found.clusters.count == found.n else f"in {found.clusters.count:,} groups"
    rows = tile("rows with both scores", f"{found.n:,}", groups or f"of {found.rows:,}")
    shown: list[Tile] = []
    if found.agreement is None:
        shown += _label_tiles(found.labels)
    elif found.labels is not None and len(found.labels.labels) == 2:
        shown += [Tile("exact agreement", found.agreement.exact, 0, 1), *_pass_tiles(found.labels)]
    else:
        agreement, scale, span = found.agreement, found.scale, found.scale.high - found.scale.low
        shown += [
            Tile("Pearson r", agreement.pearson, -1, 1),
            Tile("Spearman rho", agreement.spearman, -1, 1),
            Tile("mean absolute error", agreement.mae, 0, span, f"on a scale of {scale.low:g} to {scale.high:g}"),
            Tile("bias, judge less people", agreement.bias, -span, span),
        ]
    return tiles([*map(figure_tile, shown), rows])


def _label_tiles(labels: LabelAgreement | None) -> Iterator[Tile]:
    if labels is not None:
        yield Tile("exact agreement", labels.accuracy, 0, 1)
        yield Tile("Cohen's kappa", labels.kappa, -1, 1)
        yield Tile("macro F1", labels.macro_f1, 0, 1)


def _pass_tiles(labels: LabelAgreement) -> Iterator[Tile]:
    positive = labels.by_label[labels.labels[-1]]
    yield Tile("Cohen's kappa", labels.kappa, -1, 1)
    yield Tile("sensitivity", positive.sensitivity, 0, 1, f"of rows that people gave {labels.labels[-1]}")
    yield Tile("specificity", positive.specificity, 0, 1, "of the others")


def pictures(page: Page, found: Validation) -> str:
    """The charts of the scores themselves."""
    if not found.n:
        return ""
    drawn = [page.figure(distributions(found), "How often each score was given")] if found.levels else []
    numbers = found.kind == "numbers"
    if not numbers or 2 <= len(found.scale.levels) <= MOST_LEVELS:
        drawn.append(
            page.figure(
                confusion(found), "Rows by people's and the judge's score", "to the nearest level" * _between(found)
            )
        )
    if numbers and len(found.scale.levels) != 2:
        note = f"{MOST_POINTS:,} of {found.n:,} rows; " if found.n > MOST_POINTS else ""
        drawn.append(page.figure(scatter(found), "Each row", f"{note}on the dashed line both say the same."))
    if numbers and found.calibration and len(found.scale.levels) != 2:
        note = "with its interval, where the judge gave about this; larger points stand for more rows."
        drawn.append(page.figure(calibration(found), "What people gave", note))
    return columns(*drawn)


def _between(found: Validation) -> bool:
    columns = (found.columns.judge, found.columns.human)
    return found.kind == "numbers" and not all(np.isin(column, found.scale.levels).all() for column in columns)


def _about_scores(found: Validation) -> str:
    if found.kind == "labels":
        return ""
    known = "" if found.scale.known else ", as far as these rows show it"
    return f"The scale goes from {found.scale.low:g} to {found.scale.high:g}{known}."


def _beside(page: Page, found: Validation) -> str:
    if found.agreement is None or (not found.trivial and found.ceiling is None):
        return ""
    orders = [Line(found.judge, found.agreement.spearman), *(Line(e.name, e.spearman, "beside") for e in found.trivial)]
    errors = [Line(found.judge, found.agreement.mae), *(Line(e.name, e.mae, "beside") for e in found.trivial)]
    if found.ceiling is not None:
        orders.append(Line("one person", found.ceiling.spearman, "beside"))
        errors.append(Line("one person", found.ceiling.mae, "beside"))
    drawn: list[str] = []
    for title, shown, better in (("Spearman rho", orders, "Higher is better."), ("MAE", errors, "Lower is better.")):
        if sum(line.estimate.is_defined for line in shown) > 1:
            drawn.append(page.figure(lines(shown, title, reference=0.0), title, better))
    told = "".join(
        f"<p>Against {text(other.name)}: {text(other.against)}</p>" for other in found.trivial if other.against
    )
    alpha = (
        ""
        if found.people_alpha is None
        else f"<p>People among themselves: Krippendorff's alpha {text(brief(found.people_alpha))}.</p>"
    )
    within = ""
    if found.within is not None:
        told_within = f"Spearman {brief(found.within.spearman)} on average over {found.within.groups:,} groups"
        within = f"<p>Among rows of the same {text(found.clusters.field)}: {text(told_within)}.</p>"
    return columns(*drawn) + told + within + alpha


_OF_SCORES = {"pearson": "Pearson r", "mae": "MAE", "bias": "bias", "exact": "exact"}


def _subgroups(page: Page, found: Validation) -> str:
    if not found.subgroups:
        return ""
    verdicts = found.labels is not None and (found.kind == "labels" or len(found.labels.labels) == 2)
    name, field = ("exact agreement", "exact") if verdicts else ("Pearson r", "pearson")
    if not any(getattr(group, field).is_defined for group in found.subgroups):
        name, field = "MAE", "mae"
    shown = [Line(f"{group.name} ({group.n})", getattr(group, field)) for group in found.subgroups]
    whole = None
    if found.agreement is not None:
        whole = getattr(found.agreement, field).value
    elif found.labels is not None:
        whole = found.labels.accuracy.value
    chart = page.figure(
        lines(shown, name, reference=whole), capital(name), "The dashed line is that of all rows.", wide=True
    )
    figures = {"exact": "exact", "kappa": "kappa"} if verdicts else _OF_SCORES
    rows = [
        [
            text(group.name),
            f"{group.n:,}",
            *(figure(getattr(group, one)) for one in figures),
            text(group.differs or ""),
        ]
        for group in found.subgroups
    ]
    return chart + table((found.by or "group", "n", *figures.values(), "differs from the rest"), rows)


def cases(disagreements: tuple[Disagreement, ...]) -> str:
    """The rows with the largest differences, each with what was asked, answered and said about it."""
    shown = [_case(entry) for entry in disagreements]
    return "".join(shown[:4]) + fold(f"{len(shown) - 4} more", "".join(shown[4:])) if len(shown) > 4 else "".join(shown)


def _case(entry: Disagreement) -> str:
    judge, human = (f"{score:.3g}" if isinstance(score, float) else str(score) for score in (entry.judge, entry.human))
    parts = "".join(
        f"<div><dt>{name}</dt><dd{shape}>{text(said)}</dd></div>"
        for name, said, shape in (
            ("asked", entry.prompt, ""),
            ("answered", entry.answer, ""),
            ("the judge wrote", entry.words, ' class="words"'),
        )
        if said
    )
    return (
        f'<article class="case"><div class="scores"><span>judge <b>{text(judge)}</b></span>'
        f"<span>people <b>{text(human)}</b></span><span>row {entry.row}</span></div><dl>{parts}</dl></article>"
    )


def all_figures(found: Validation) -> str:
    """Every figure with its interval and how that was made."""
    parts: list[str] = []
    if found.agreement is not None:
        figures = figure_table((label, estimate) for _, label, estimate in found.agreement.figures())
        constant = f'<p class="note">{text(found.agreement.baseline)}.</p>' if found.agreement.baseline else ""
        parts.append(figures + constant)
    elif found.labels is not None:
        labels = found.labels
        shown = (("exact agreement", labels.accuracy), ("Cohen's kappa", labels.kappa), ("Gwet's AC1", labels.ac1),
                 ("Krippendorff's alpha, nominal", labels.alpha), ("macro F1", labels.macro_f1))  # fmt: skip
        parts.append(figure_table(shown))
    if found.labels is not None:
        parts.append(fold("by label" if found.kind == "labels" else "by score", _by_label(found.labels)))
    if found.ceiling is not None:
        people = figure_table((label, estimate) for _, label, estimate in found.ceiling.figures())
        parts.append(fold("one person against the others", people))
    return "".join(parts)


def _by_label(labels: LabelAgreement) -> str:
    head = ("", "base rate", "sensitivity", "specificity", "precision", "F1")
    rows = [
        [
            text(name),
            *(figure(e) for e in (one.base_rate, one.sensitivity, one.specificity, one.precision, one.f1)),
        ]
        for name, one in labels.by_label.items()
    ]
    return table(head, rows)


def _mass(found: Validation) -> str:
    if found.mass is None:
        return ""
    return (
        f"<p>Scores were read from token probabilities; on average the valid scores held {found.mass:.0%} of the "
        "probability.</p>"
    )
