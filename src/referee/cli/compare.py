"""`referee compare A B --human FIELD`: which of several judges agrees better with people, if that can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from referee.cli.report_option import REPORT, show
from referee.cli.validate import AS_JSON, CLUSTER, CONFIDENCE, DRAWS, HUMAN, HUMAN_SCALE, LABELS, SCALE, SEED
from referee.exits import ERROR

_ROWS, _HOW = "Which rows and scores", "How it is worked out"


def compare(
    results: Annotated[
        list[str],
        typer.Argument(
            metavar="A B …",
            help="Run folders, their rows.jsonl, or files of rows; or one of them with --judge a,b.",
            show_default=False,
        ),
    ],
    human: Annotated[str, HUMAN],
    report: Annotated[Path | None, REPORT] = None,
    as_json: Annotated[bool, AS_JSON] = False,
    names: Annotated[
        str | None, typer.Option(metavar="A,B", help="What to call the judges.", show_default=False)
    ] = None,
    figure: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The figure that decides: pearson, spearman, mae, exact, quadratic_kappa, …",
            show_default=False,
            rich_help_panel=_HOW,
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Of plain rows, the judges' columns.", show_default=False, rich_help_panel=_ROWS
        ),
    ] = None,
    score: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Of runs with several, the score.", show_default=False, rich_help_panel=_ROWS
        ),
    ] = None,
    labels: Annotated[str | None, LABELS] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD",
            help="Field that names a row, in all runs and in the labels; by default rows are matched by their content.",
            show_default=False,
            rich_help_panel=_ROWS,
        ),
    ] = None,
    cluster: Annotated[str | None, CLUSTER] = None,
    scale: Annotated[str | None, SCALE] = None,
    human_scale: Annotated[str | None, HUMAN_SCALE] = None,
    held_out: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            min=0.05,
            max=0.95,
            help="Of three or more, the part of the rows that the chosen one is reported on.",
            rich_help_panel=_HOW,
        ),
    ] = 0.5,
    confidence: Annotated[float, CONFIDENCE] = 0.95,
    draws: Annotated[int, DRAWS] = 2000,
    seed: Annotated[int, SEED] = 0,
) -> None:
    """Compare judges, or prompts of one judge, on the same rows against the same people.

    Says better, worse, or that no difference is shown, with the rows that
    would show it. Of three or more, one is chosen on a part of the rows and
    reported on the rest.

    Exit codes: 0 there is an answer; 1 there is nothing to compare, or
    another error; 2 wrong usage.
    """
    from referee.cli.compare_view import render
    from referee.validation import compare as work_out

    found = work_out(
        *results,
        human=human,
        judge=judge,
        score=score,
        names=None if names is None else [name.strip() for name in names.split(",")],
        labels=labels,
        key=key,
        cluster=cluster,
        figure=figure,
        scale=scale,
        human_scale=human_scale,
        held_out_share=held_out,
        confidence=confidence,
        draws=draws,
        seed=seed,
    )
    show(found, render, report=report, as_json=as_json, code=0 if found.n >= 2 else ERROR)
