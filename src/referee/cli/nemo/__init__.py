"""The command `nemo`: a platform's workspaces, secrets, filesets and jobs, and the platform itself.

Nothing heavy is imported before a command runs. Whatever can be listed can be printed as a table or as JSON; a secret's
value is read from a terminal, a variable, a file or standard input, and never from the command line, which others on
the machine can read.
"""

from __future__ import annotations

from typing import Annotated

import typer

from referee.cli.commands import Commands
from referee.cli.nemo import filesets, jobs, secrets, services, setup, workspaces

app = typer.Typer(
    cls=Commands,
    help="The evaluation platform: set it up, start it, and send it work.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("setup")(setup.setup)
app.add_typer(services.app, name="services")
app.add_typer(workspaces.app, name="workspaces")
app.add_typer(secrets.app, name="secrets")
app.add_typer(filesets.app, name="filesets")
app.add_typer(jobs.app, name="jobs")


def _print_version(wanted: bool) -> None:
    if wanted:
        from referee import __version__

        typer.echo(f"nemo (referee {__version__})")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command line."""
    app(prog_name="nemo")
