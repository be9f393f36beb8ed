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
app.command("validate", short_help="Hold a judge against people: every figure of agreement.")(validate.validate)
app.command("compare", short_help="Compare judges, or prompts of one, on the same rows.")(compare.compare)
app.command("estimate", short_help="Say what people would have given, by a few labels.")(estimate.estimate)
app.command("plan", short_help="Say how many labels, rows and repeats are needed.")(plan.plan)
app.command("rank", short_help="Say who wins by a pairwise judge, and how surely.")(rank.rank)
app.command("demo", short_help="Judge fifty answers of known quality in four ways.")(demo.demo)
app.command("serve", short_help="Run the evaluation platform.")(serve.serve)
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
