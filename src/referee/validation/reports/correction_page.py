"""The report of `estimate`: what people would have said of all rows, beside what the judge and few labels say."""

from __future__ import annotations

from referee.pages.page import Page, capital, table, text, tile, tiles
from referee.statistics import Estimate
from referee.validation.correction import Correction
from referee.validation.reports.interval_charts import three_ways
from referee.validation.reports.parts import (
    Tile,
    accounted,
    cells,
    figure_tile,
    findings,
    named,
    origin,
)

_ABOUT = (
    "The judge's own interval is narrow and knows nothing of the judge's bias. People alone are unbiased and few. The "
    "corrected figure takes the judge's many rows and people's few labels together."
)


def correction_page(found: Correction, title: str | None = None, introduction: str = "") -> Page:
    """The page of one corrected figure."""
    kicker = f"{named(found.judge, found.score)}, corrected by {', '.join(found.human)}"
    page = Page(title or f"The {found.quantity} that people would give", kicker, introduction)
    page.add(findings(found.reading, found.advice))
    boxes = [
        figure_tile(Tile(f"corrected {found.quantity}", found.estimate)),
        figure_tile(Tile("judge alone", found.uncorrected)),
        figure_tile(Tile("people alone", found.humans_only)),
        tile("labelled rows", f"{found.labelled:,}", f"beside {found.unlabelled:,} without a label"),
    ]
    page.add(tiles(boxes))
    chart = page.figure(three_ways(found), "Three ways to the same figure", wide=True)
    page.section("The estimate", chart, _figures(found), note=_ABOUT)
    page.section("What it stands on", _assumptions(found))
    rows = found.labelled + found.unlabelled + sum(found.left_out.values())
    page.section("What was counted", accounted(rows, found.labelled, "with a label", _others(found)))
    source = f"{found.source} and {found.labels}" if found.labels else found.source
    page.add(origin(source, found.judge_hash, found.clusters, found.confidence))
    return page


def _others(found: Correction) -> dict[str, int]:
    return {"with the judge's score alone": found.unlabelled, **found.left_out}


def _figures(found: Correction) -> str:
    detail = found.detail
    shown: list[tuple[str, Estimate | None]] = [
        (f"corrected {found.quantity}", found.estimate),
        ("judge alone", found.uncorrected),
        ("people alone", found.humans_only),
        ("sensitivity of the judge", detail.sensitivity),
        ("specificity of the judge", detail.specificity),
    ]
    rows = [[text(name), *cells(estimate)] for name, estimate in shown if estimate is not None]
    if detail.weight is not None:
        rows.append(
            ["weight of the judge, λ", f"{detail.weight:.3f}", "", "0: people alone; 1: the judge counts fully"]
        )
    return table(("figure", "value", "interval", "how"), rows)


def _assumptions(found: Correction) -> str:
    told = [f"{found.method}: it {found.assumption.rstrip('.')}."]
    if str(found.shift) not in found.assumption:
        told.append(f"Do the labelled rows look like the others? {capital(found.shift)}.")
    if found.refused:
        told.append(found.refused)
    return "".join(f"<p>{text(sentence)}</p>" for sentence in told)
