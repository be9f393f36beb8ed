"""The command `referee`: a module for each group of commands, all of them thin over the rooms below.

Nothing heavy is imported before a command runs, so that help and mistakes answer at once. An error that referee raises
on purpose is printed as its message, without a traceback.
"""

from __future__ import annotations

from typing import Annotated

import typer

from referee.cli import compare, demo, estimate, evaluate, journal, models, plan, rank, secrets, serve, validate
from referee.cli.commands import Commands

app = typer.Typer(
    cls=Commands,
    help="Define a judge once, prove it against people, use it anywhere.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("evaluate")(evaluate.evaluate)
app.command("validate")(validate.validate)
app.command("compare")(compare.compare)
app.command("estimate")(estimate.estimate)
app.command("plan")(plan.plan)
app.command("rank")(rank.rank)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.add_typer(journal.app, name="journal")
app.add_typer(models.app, name="models")
app.add_typer(secrets.app, name="secrets")


def _print_version(wanted: bool) -> None:
    if wanted:
        from referee import __version__

        typer.echo(f"referee {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command line."""
    app(prog_name="referee")
