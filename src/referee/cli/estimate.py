"""`referee estimate RESULTS --labels FILE`: a judge's mean corrected by a few human labels."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from referee.cli.report_option import REPORT, show
from referee.cli.validate import (
    AS_JSON,
    CLUSTER,
    CONFIDENCE,
    HUMAN,
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
    from referee.validation.correction import Correction

_HOW = "How it is worked out"


class Sampled(StrEnum):
    """How the labelled rows came about."""

    random = "random"
    shifted = "shifted"


class Method(StrEnum):
    """The estimators."""

    ppi = "ppi"
    rogan_gladen = "rogan-gladen"


def estimate(
    results: Annotated[str, RESULTS],
    human: Annotated[str, HUMAN],
    labels: Annotated[str | None, LABELS] = None,
    key: Annotated[str | None, KEY] = None,
    report: Annotated[Path | None, REPORT] = None,
    as_json: Annotated[bool, AS_JSON] = False,
    judge: Annotated[str | None, JUDGE] = None,
    score: Annotated[str | None, SCORE] = None,
    cluster: Annotated[str | None, CLUSTER] = None,
    scale: Annotated[str | None, SCALE] = None,
    human_scale: Annotated[str | None, HUMAN_SCALE] = None,
    passes: Annotated[
        str | None,
        typer.Option(
            metavar="SCORE",
            help="The score from which on a row passes, or the label.",
            show_default=False,
            rich_help_panel=_HOW,
        ),
    ] = None,
    sampled: Annotated[
        Sampled | None,
        typer.Option(
            help="How the labelled rows came about; by default the judge's scores on both parts decide.",
            show_default=False,
            rich_help_panel=_HOW,
        ),
    ] = None,
    method: Annotated[
        Method | None,
        typer.Option(help="This estimator and no other.", show_default=False, rich_help_panel=_HOW),
    ] = None,
    confidence: Annotated[float, CONFIDENCE] = 0.95,
    seed: Annotated[int, SEED] = 0,
) -> None:
    """Say what people would have given all rows, from the judge's scores and a few human labels.

    PPI++ where the labelled rows are a random sample of all rows,
    Rogan–Gladen for verdicts where they are not; the wrong one is refused.

    Exit codes: 0 there is an estimate; 1 none is right for these rows, or
    another error; 2 wrong usage.
    """
    from referee.validation import estimate as work_out

    found = work_out(
        results,
        human=human,
        labels=labels,
        key=key,
        judge=judge,
        score=score,
        cluster=cluster,
        scale=scale,
        human_scale=human_scale,
        passes=passes,
        sampled=None if sampled is None else sampled.value,
        method=None if method is None else method.value,
        confidence=confidence,
        seed=seed,
    )
    show(found, _render, report=report, as_json=as_json)


def _render(found: Correction) -> None:
    from rich.text import Text

    from referee.cli.pages import advice, interval, number, page, sentences, table

    console = page()
    console.print(Text(f"{found.quantity} of {found.score} · {found.source}", style="bold"), soft_wrap=True)
    left = "".join(f", {count:,} left out ({why})" for why, count in found.left_out.items())
    note = found.clusters.note
    about = f"{found.labelled:,} labelled rows and {found.unlabelled:,} others{left}. {note[0].upper()}{note[1:]}."
    console.print(Text(about, style="dim"))
    console.print()
    sentences(console, found.reading)
    spec = ".1%" if found.quantity != "mean" else ".3f"
    rows = table("", found.quantity, f"{100 * found.confidence:g} % interval")
    for name, one in (
        (f"corrected ({found.method})", found.estimate),
        ("the judge alone", found.uncorrected),
        ("the labels alone", found.humans_only),
    ):
        rows.add_row(name, number(one.value, spec), interval(one, spec))
    detail = found.detail
    if detail.sensitivity is not None and detail.specificity is not None:
        rows.add_row("sensitivity", number(detail.sensitivity.value, spec), interval(detail.sensitivity, spec))
        rows.add_row("specificity", number(detail.specificity.value, spec), interval(detail.specificity, spec))
    console.print()
    console.print(rows)
    if detail.weight is not None:
        console.print(Text(f"The judge is relied on by {detail.weight:.0%} (λ of PPI++).", style="dim"))
    if found.refused is not None:
        console.print(Text(f"{found.refused}.", style="dim"))
    if found.advice:
        console.print()
        advice(console, found.advice)
