"""`referee journal`: what a run has recorded, and how recorded judgments from elsewhere get in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from referee.exits import SOME_FAILED

if TYPE_CHECKING:
    from referee.inference.journal import Journal

app = typer.Typer(help="Look into a run's journal, or bring recorded judgments into one.", no_args_is_help=True)


@app.command("show")
def show(
    place: Annotated[
        Path, typer.Argument(metavar="OUT", help="An output folder, or a journal file.", show_default=False)
    ],
    row: Annotated[
        str | None, typer.Option(metavar="ROW", help="The calls of one row, readably.", show_default=False)
    ] = None,
    failures: Annotated[bool, typer.Option("--failures", help="The failed calls, by what went wrong.")] = False,
) -> None:
    """Show what a journal holds: answers and failures, rows, tokens, time."""
    from referee.cli.journal_view import print_contents, print_failures, print_row
    from referee.evaluation.folder import JOURNAL
    from referee.inference.journal import Journal

    file = place / JOURNAL if place.is_dir() else place
    journal: Journal
    with Journal(file, readonly=True) as journal:
        if row is not None:
            print_row(journal, row, place if place.is_dir() else None)
        elif failures:
            print_failures(journal)
        else:
            print_contents(journal)


@app.command("import")
def import_(
    judge: Annotated[Path, typer.Argument(metavar="JUDGE.yaml", help="The judge.", show_default=False)],
    rows: Annotated[str, typer.Argument(metavar="ROWS", help="Rows that hold what a judge wrote.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the journal.", show_default=False)
    ],
    completion_field: Annotated[
        str,
        typer.Option(metavar="FIELD", help="Field with the judge's text; a list of texts where it was called often."),
    ] = "completion",
    limit: Annotated[int | None, typer.Option(metavar="N", min=0, help="At most so many rows.")] = None,
    row_key: Annotated[str | None, typer.Option(metavar="FIELD", help="Field that names a row.")] = None,
    format: Annotated[str | None, typer.Option(metavar="NAME", help="Format of ROWS.")] = None,
) -> None:
    """Record judgments that were made elsewhere as answers to this judge.

    Each row's requests are made, and what FIELD holds is recorded as their
    answers, marked as imported. `referee evaluate JUDGE.yaml ROWS -o OUT
    --reread` then gives the verdicts and calls nobody.
    """
    from referee.evaluation.recorded import import_recorded
    from referee.judge import Judge

    found = import_recorded(
        Judge.load(judge),
        rows,
        output,
        completion_field=completion_field,
        row_key=row_key,
        limit=limit,
        format=format,
    )
    known = f" ({found.known:,} were there already)" if found.known else ""
    typer.echo(f"{found.answers:,} answers of {found.rows:,} rows recorded in {output}/journal.jsonl{known}.")
    if found.unused:
        typer.echo(f"{found.unused:,} recorded texts answer no request of this judge: they are left out.")
    for reason, count in found.skipped.most_common(5):
        typer.echo(f"{count:,} {'row is' if count == 1 else 'rows are'} not recorded: {reason}")
    if found.skipped:
        at = ", ".join(map(str, found.skipped_rows[:10]))
        typer.echo(f"Rows not recorded: {at}{', …' if found.skipped.total() > 10 else ''}")
    typer.echo(f"Read them: referee evaluate {judge} {rows} -o {output} --reread")
    raise typer.Exit(SOME_FAILED if found.skipped else 0)
