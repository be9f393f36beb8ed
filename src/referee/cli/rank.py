"""`referee rank RESULTS`: who wins by a pairwise judge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from referee.cli.report_option import REPORT, show
from referee.cli.validate import AS_JSON, CLUSTER, CONFIDENCE, RESULTS, SCORE, SEED
from referee.exits import ERROR

if TYPE_CHECKING:
    from referee.validation.ranking import Ranked

_ROWS = "Which rows and scores"


def rank(
    results: Annotated[str, RESULTS],
    players: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD,FIELD",
            help="Fields that name who wrote the first and the second answer.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[Path | None, REPORT] = None,
    as_json: Annotated[bool, AS_JSON] = False,
    judge: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Of plain rows, the verdict's column; two by commas for both orders.",
            show_default=False,
            rich_help_panel=_ROWS,
        ),
    ] = None,
    score: Annotated[str | None, SCORE] = None,
    first_wins: Annotated[
        str | None,
        typer.Option(
            metavar="VERDICT",
            help="The verdict by which the first answer wins.",
            show_default=False,
            rich_help_panel=_ROWS,
        ),
    ] = None,
    tie: Annotated[
        str | None,
        typer.Option(metavar="VERDICT", help="The verdict that is a tie.", show_default=False, rich_help_panel=_ROWS),
    ] = None,
    answers: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD,FIELD",
            help="Fields with the answers, for the win rate at equal length.",
            show_default=False,
            rich_help_panel=_ROWS,
        ),
    ] = None,
    cluster: Annotated[str | None, CLUSTER] = None,
    confidence: Annotated[float, CONFIDENCE] = 0.95,
    seed: Annotated[int, SEED] = 0,
) -> None:
    """Say who wins by a pairwise judge: win rates over both orders, how often the order decided, a ranking.

    Exit codes: 0 there are verdicts; 1 there are none, or another error; 2
    wrong usage.
    """
    from referee.validation import rank as work_out

    found = work_out(
        results,
        players=players,
        answers=answers,
        judge=judge,
        score=score,
        first_wins=first_wins,
        tie=tie,
        cluster=cluster,
        confidence=confidence,
        seed=seed,
    )
    show(found, _render, report=report, as_json=as_json, code=0 if found.n else ERROR)


def _render(found: Ranked) -> None:
    from rich.text import Text

    from referee.cli.pages import advice, interval, number, page, sentences, table
    from referee.exchange import excerpt

    console = page()
    console.print(Text(f"{found.score}: {found.first} against {found.second} · {found.source}", style="bold"),
                  soft_wrap=True)  # fmt: skip
    left = "".join(f", {count:,} left out ({why})" for why, count in found.left_out.items())
    note = found.clusters.note
    console.print(Text(f"{found.n:,} of {found.rows:,} pairs have a verdict{left}. {note[0].upper()}{note[1:]}.",
                       style="dim"))  # fmt: skip
    console.print()
    sentences(console, found.reading)
    if found.ranking is not None:
        rows = table("", "wins", f"{100 * found.confidence:g} % interval", "strength")
        for name, chance in found.ranking.win_probability.items():
            strength = found.ranking.strengths[name]
            rows.add_row(excerpt(str(name), 34), number(chance.value, ".1%"), interval(chance, ".1%"),
                         number(strength.value))  # fmt: skip
        console.print()
        console.print(rows)
        undefined = next((one.reason for one in found.ranking.strengths.values() if one.value is None), None)
        said = undefined if undefined is not None else "chance to beat another; strengths in log-odds (Bradley–Terry)"
        console.print(Text(f"{said[0].upper()}{said[1:]}.", style="dim"))
    if found.advice:
        console.print()
        advice(console, found.advice)
