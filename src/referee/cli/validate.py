"""`referee validate RESULTS --human FIELD`: what a judge's scores are worth beside people's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from referee.cli.report_option import REPORT, show
from referee.exits import ERROR

_ROWS, _HOW = "Which rows and scores", "How it is worked out"

RESULTS = typer.Argument(
    metavar="RESULTS",
    help="A folder of `referee evaluate`, its rows.jsonl, or any file of rows (then with --judge).",
    show_default=False,
)
HUMAN = typer.Option(
    metavar="FIELD", help="Field with people's score; several by commas where several rated.", show_default=False
)
JUDGE = typer.Option(
    metavar="COLUMN",
    help="Of plain rows, the column with the judge's scores.",
    show_default=False,
    rich_help_panel=_ROWS,
)
SCORE = typer.Option(
    metavar="NAME", help="Of a run with several, which score.", show_default=False, rich_help_panel=_ROWS
)
LABELS = typer.Option(
    metavar="FILE", help="File with people's scores; needs --key.", show_default=False, rich_help_panel=_ROWS
)
KEY = typer.Option(
    metavar="FIELD", help="Field by which labels find their rows.", show_default=False, rich_help_panel=_ROWS
)
CLUSTER = typer.Option(
    metavar="FIELD",
    help="Field that marks rows that belong together, or none; looked for otherwise.",
    show_default=False,
    rich_help_panel=_ROWS,
)
SCALE = typer.Option(
    metavar="LOW-HIGH",
    help="The score's scale, where the run does not say it.",
    show_default=False,
    rich_help_panel=_ROWS,
)
HUMAN_SCALE = typer.Option(
    metavar="LOW-HIGH", help="People's scale, where it is another.", show_default=False, rich_help_panel=_ROWS
)
CONFIDENCE = typer.Option(
    metavar="SHARE", min=0.5, max=0.999, help="Nominal coverage of the intervals.", rich_help_panel=_HOW
)
DRAWS = typer.Option(metavar="N", min=100, help="Resamples, where a bootstrap is used.", rich_help_panel=_HOW)
SEED = typer.Option(metavar="N", help="Equal seeds give equal intervals.", rich_help_panel=_HOW)
AS_JSON = typer.Option("--json", help="Print everything as JSON, for scripts.")


def validate(
    results: Annotated[str, RESULTS],
    human: Annotated[str, HUMAN],
    by: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Report the values of a field apart.", show_default=False)
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
    draws: Annotated[int, DRAWS] = 2000,
    seed: Annotated[int, SEED] = 0,
) -> None:
    """Hold a judge against people: every figure of agreement, its interval, and what to make of it.

    Exit codes: 0 figures were found; 1 there is nothing to compare, or another
    error; 2 wrong usage.
    """
    from referee.cli.validate_view import render
    from referee.validation import validate as work_out

    found = work_out(
        results,
        human=human,
        judge=judge,
        score=score,
        labels=labels,
        key=key,
        cluster=cluster,
        by=by,
        scale=scale,
        human_scale=human_scale,
        confidence=confidence,
        draws=draws,
        seed=seed,
    )
    show(found, render, report=report, as_json=as_json, code=0 if found.n >= 2 else ERROR)
