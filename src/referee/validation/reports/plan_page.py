"""The report of `plan`: what a wanted interval takes in labels, rows and repeats, and what that costs."""

from __future__ import annotations

from referee.pages.page import Page, share, table, text
from referee.validation.planning import Need, Plan
from referee.validation.reports.parts import findings, named, origin, spent


def plan_page(found: Plan, title: str | None = None, introduction: str = "") -> Page:
    """The page of one plan."""
    kicker = f"{named(found.judge, found.score)}, from a pilot of {found.n:,} rows"
    page = Page(title or f"What ±{found.half_width:g} takes", kicker, introduction)
    page.add(findings(found.reading, ()))
    page.section("What is needed", _needs(found))
    page.section("How it was worked out", _why(found))
    page.section("What the pilot took", spent(found.cost))
    page.add(origin(found.source, None, None, None))
    return page


def _needs(found: Plan) -> str:
    priced = any(need.dollars is not None for need in found.needs)
    timed = any(need.minutes is not None for need in found.needs)
    head = ("question", "have", "need", "", *(("price",) * priced), *(("people's time",) * timed))
    rows: list[list[str]] = []
    for need in found.needs:
        line = [text(need.question), f"{need.have:,}", _need(need), _progress(need)]
        if priced:
            line.append("" if need.dollars is None else f"${need.dollars:,.2f}")
        if timed:
            line.append("" if need.minutes is None else _time(need.minutes))
        rows.append(line)
    terms = f"At {found.confidence:.0%} confidence; a difference is shown with {found.power:.0%} chance."
    return table(head, rows) + f'<p class="note">{terms}</p>'


def _need(need: Need) -> str:
    return "no number is enough" if need.need is None else f"{need.need:,} {need.unit}"


def _progress(need: Need) -> str:
    if need.need is None:
        return ""
    return share(need.have / max(need.need, 1))


def _time(minutes: float) -> str:
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:,.1f} h"


def _why(found: Plan) -> str:
    rows = [[text(need.question), text(need.why)] for need in found.needs if need.why]
    return table(("", ""), rows, "words")
