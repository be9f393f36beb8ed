"""The report of `compare`: several judges on the same rows, which is better, and what could not be told."""

from __future__ import annotations

from referee.pages.page import Page, capital, fold, table, text
from referee.statistics import Comparison as Difference
from referee.validation.agreement import Validation
from referee.validation.comparison import Choice, Comparison, Pair
from referee.validation.reports.interval_charts import Line, differences, figure_of, judges_beside, lines, pair_name
from referee.validation.reports.parts import accounted, figure, findings, origin, spent
from referee.validation.reports.validation_page import all_figures, cases, main_figures, pictures

_ABOUT_PAIRS = (
    "Differences are of the same rows, first less second. A line that does not cross the dashed one is a difference "
    "shown; two separate intervals that overlap say nothing about it."
)
_ABOUT_CHOICE = (
    "The best of several on the rows that chose it looks better than it is. What may be quoted is the figure on rows "
    "that had no part in the choice."
)
_FIGURES = {"numbers": ("pearson", "spearman", "mae", "bias", "exact"), "labels": ("exact", "kappa", "ac1")}


def comparison_page(found: Comparison, title: str | None = None, introduction: str = "") -> Page:
    """The page of several judges."""
    page = Page(title or _title(found), f"{len(found.judges)} judges on the same {found.n:,} rows", introduction)
    page.add(findings(found.reading, found.advice))
    page.section("Each by itself", _each(page, found), note=f"Decided by {found.figure_label}.")
    page.section("One against another", _pairs(page, found), note=_ABOUT_PAIRS)
    if found.choice is not None:
        page.section("The chosen one", _choice(page, found.choice, found.figure_label), note=_ABOUT_CHOICE)
    for judge in found.judges:
        page.section(judge.judge, _judge(page, judge))
    page.section("What was counted", accounted(found.rows, found.n, "scored by all and by people", found.left_out))
    sources = ", ".join(dict.fromkeys(judge.source for judge in found.judges if judge.source))
    page.add(origin(sources, None, found.clusters, found.confidence))
    return page


def _title(found: Comparison) -> str:
    return " or ".join(found.names) + "?" if len(found.names) == 2 else f"{len(found.names)} judges compared"


def _each(page: Page, found: Comparison) -> str:
    chart = judges_beside(found)
    drawn = "" if chart is None else page.figure(chart, capital(found.figure_label), wide=True)
    names = _FIGURES["labels" if all(judge.agreement is None for judge in found.judges) else "numbers"]
    shown = dict.fromkeys((found.figure, *names))
    titles = [_LABELS.get(name, name) for name in shown]
    rows = [
        [text(judge.judge), *(figure(figure_of(judge, name)) for name in shown), f"{judge.n:,}"]
        for judge in found.judges
    ]
    return drawn + table(("judge", *titles, "n"), rows)


_LABELS = {
    "pearson": "Pearson r", "spearman": "Spearman rho", "kendall": "Kendall tau-b", "mae": "MAE", "rmse": "RMSE",
    "bias": "bias", "exact": "exact", "within_one": "within one", "kappa": "kappa", "quadratic_kappa": "weighted kappa",
    "ac1": "AC1", "alpha_nominal": "alpha, nominal", "alpha_ordinal": "alpha, ordinal", "alpha_interval": "alpha",
}  # fmt: skip
"""Names of figures short enough for the head of a table."""


def _pairs(page: Page, found: Comparison) -> str:
    # With few judges the reading at the top has said it already.
    told = "".join(f"<p>{text(pair.sentence)}</p>" for pair in found.pairs if pair.sentence not in found.reading)
    chart = differences(found)
    drawn = "" if chart is None else page.figure(chart, f"Difference of {found.figure_label}", wide=True)
    inside = "".join(
        (f"<h3>{text(pair_name(pair))}</h3>" if len(found.pairs) > 1 else "") + _differences(pair)
        for pair in found.pairs
    )
    return told + drawn + fold("Every figure", inside)


def _differences(pair: Pair) -> str:
    rows = [
        [
            text(one.figure),
            "–" if one.first is None else f"{one.first:.3f}",
            "–" if one.second is None else f"{one.second:.3f}",
            figure(one.difference),
            _answer(one),
        ]
        for one in pair.figures
    ]
    return table(("figure", pair.first, pair.second, "difference", "the first is"), rows)


def _answer(one: Difference) -> str:
    if one.answer == "undefined":
        return f"undefined: {text(one.difference.reason)}"
    if one.answer != "no difference shown":
        return f'<span class="{one.answer}">{one.answer}</span>'
    more = f"; about {one.rows_to_show:,} rows would show one of this size" if one.rows_to_show else ""
    return f"not shown to differ{more}"


def _choice(page: Page, choice: Choice, label: str) -> str:
    entries = [
        Line("chosen on these", choice.chosen_on, "beside"),
        Line("held out", choice.held_out, "judge"),
    ]
    told = (
        f"<p><strong>{text(choice.name)}</strong> was the best of all on {choice.n_chosen_on:,} rows, "
        f"{text(choice.runner_up)} the second. On {choice.n_held_out:,} other rows: "
        f"{text(choice.against_runner_up)}.</p>"
    )
    if not any(line.estimate.is_defined for line in entries):
        return told
    return told + page.figure(lines(entries, label), f"{capital(label)} of {choice.name}", wide=True)


def _judge(page: Page, judge: Validation) -> str:
    told = "".join(f"<p>{text(sentence)}</p>" for sentence in judge.reading)
    inside = "".join((cases(judge.disagreements), all_figures(judge), spent(judge.cost)))
    return (
        told + main_figures(judge) + pictures(page, judge) + fold("All figures and the largest disagreements", inside)
    )
