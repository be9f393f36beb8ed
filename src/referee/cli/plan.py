"""`referee plan RESULTS`: what a wanted interval takes in labels, rows and repeats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from referee.cli.report_option import REPORT, show
from referee.cli.validate import (
    AS_JSON,
    CLUSTER,
    CONFIDENCE,
    HUMAN_SCALE,
    JUDGE,
    KEY,
    LABELS,
    RESULTS,
    SCALE,
    SCORE,
    SEED,
)

if TYPE_CHECKING:
    from referee.validation.planning import Plan

_HOW = "How it is worked out"


def plan(
    results: Annotated[str, RESULTS],
    human: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD", help="Field with people's score; without it no labels are planned.", show_default=False
        ),
    ] = None,
    half_width: Annotated[
        float,
        typer.Option("--half-width", "-w", metavar="W", help="How far an interval may reach to either side."),
    ] = 0.1,
    difference: Annotated[
        float | None,
        typer.Option(metavar="D", help="A difference of two mean scores to be shown, in points.", show_default=False),
    ] = None,
    minutes_per_label: Annotated[
        float | None,
        typer.Option(metavar="MINUTES", help="What a label takes a person.", show_default=False),
    ] = None,
    report: Annotated[Path | None, REPORT] = None,
    as_json: Annotated[bool, AS_JSON] = False,
    judge: Annotated[str | None, JUDGE] = None,
    score: Annotated[str | None, SCORE] = None,
    labels: Annotated[str | None, LABELS] = None,
    key: Annotated[str | None, KEY] = None,
    cluster: Annotated[str | None, CLUSTER] = None,
    scale: Annotated[str | None, SCALE] = None,
    human_scale: Annotated[str | None, HUMAN_SCALE] = None,
    confidence: Annotated[float, CONFIDENCE] = 0.95,
    power: Annotated[
        float,
        typer.Option(
            metavar="SHARE", min=0.5, max=0.999, help="The chance of showing a difference.", rich_help_panel=_HOW
        ),
    ] = 0.8,
    seed: Annotated[int, SEED] = 0,
) -> None:
    """Say how many labels, rows and repeats reach a wanted interval, and what they cost, from a pilot run.

    Exit codes: 0 there is a plan; 1 the pilot says nothing, or another error;
    2 wrong usage.
    """
    from referee.validation import plan as work_out

    found = work_out(
        results,
        human=human,
        half_width=half_width,
        difference=difference,
        minutes_per_label=minutes_per_label,
        judge=judge,
        score=score,
        labels=labels,
        key=key,
        cluster=cluster,
        scale=scale,
        human_scale=human_scale,
        confidence=confidence,
        power=power,
        seed=seed,
    )
    show(found, _render, report=report, as_json=as_json)


def _render(found: Plan) -> None:
    from rich.text import Text

    from referee.cli.pages import page, table
    from referee.readable import money
    from referee.validation.reading import round_up

    console = page()
    console.print(Text(f"What ±{found.half_width:g} takes · {found.source}", style="bold"), soft_wrap=True)
    console.print(Text(f"From a pilot of {found.n:,} rows.", style="dim"))
    console.print()
    priced = any(need.dollars is not None for need in found.needs)
    timed = any(need.minutes is not None for need in found.needs)
    rows = table("", "have", "need", "of", *(["calls"] if priced else []), *(["people"] if timed else []))
    for need in found.needs:
        cells = [need.question, f"{need.have:,}", "–" if need.need is None else round_up(need.need), need.unit]
        if priced:
            cells.append("" if need.dollars is None else money(need.dollars))
        if timed:
            cells.append("" if need.minutes is None else f"{need.minutes / 60:.1f} h")
        rows.add_row(*cells)
    console.print(rows)
    console.print()
    for need in found.needs:
        console.print(Text(f"{need.question[0].upper()}{need.question[1:]}: {need.why}.", style="dim"))
    console.print()
    terms = f"Intervals at {100 * found.confidence:g} %, differences shown with {found.power:.0%} chance."
    console.print(Text(f"{terms} A pilot's figures are rough, and so are these numbers."))
