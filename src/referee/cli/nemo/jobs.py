"""`nemo jobs submit | list | show | watch | pause | resume | cancel | logs | results | rows | delete`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from referee.cli.nemo.connecting import BaseUrl, Workspace, connected
from referee.cli.nemo.printing import Form, Output, print_json, print_many, print_one

if TYPE_CHECKING:
    from referee.client import EvaluatorJob, PlatformClient
    from referee.evaluation.figures import AggregatedMetricResult

app = typer.Typer(help="Jobs: evaluations that the platform carries out.", no_args_is_help=True)
_COLUMNS = ("name", "status", "status_details.progress", "status_details.samples_processed", "created_at")


class RowStatus(StrEnum):
    """What a row's scores came to."""

    failed = "failed"
    unclear = "unclear"
    scored = "scored"


_Name = Annotated[str, typer.Argument(metavar="NAME", help="The job.", show_default=False)]


@app.command()
def submit(
    file: Annotated[
        Path, typer.Argument(metavar="JOB.yaml", help="Judge, dataset and params.", exists=True, show_default=False)
    ],
    watch: Annotated[bool, typer.Option("--watch", help="Watch it until it is done, then print its figures.")] = False,
    output: Output = Form.table,
    workspace: Workspace = None,
    base_url: BaseUrl = None,
) -> None:
    """Submit a job that a file describes, and print its name."""
    from referee.cli.nemo.job_file import read

    wanted = read(file)
    with connected(base_url, workspace or wanted.workspace) as client:
        job = client.evaluator.submit_spec(wanted.spec)
        if watch:
            _watch(job)
            _print_figures(job.get_aggregate_scores(), output)
        elif output is Form.json:
            print_json(job.job.to_dict())
        else:
            typer.echo(job.name)


@app.command("list")
def list_(
    status: Annotated[str | None, typer.Option(help="Only those in this state.", show_default=False)] = None,
    output: Output = Form.table,
    workspace: Workspace = None,
    base_url: BaseUrl = None,
) -> None:
    """List a workspace's jobs, the newest first."""
    with connected(base_url, workspace) as client:
        found = client.jobs.list(filter={"status": status} if status else None)
        listed = (job.to_dict() for job in found)
        print_many(listed, _COLUMNS, output, nothing=f"the workspace {client.workspace} has no job")


@app.command()
def show(name: _Name, output: Output = Form.table, workspace: Workspace = None, base_url: BaseUrl = None) -> None:
    """Show how far a job is, and as JSON all that is known of it."""
    with connected(base_url, workspace) as client:
        print_one(client.jobs.retrieve(name).to_dict(), output, leave_out=("spec",))


@app.command()
def watch(name: _Name, workspace: Workspace = None, base_url: BaseUrl = None) -> None:
    """Watch a job until it is done. Ctrl-C ends the watching, not the job."""
    with connected(base_url, workspace) as client:
        _watch(client.evaluator.get_job_resource(name))


@app.command()
def pause(name: _Name, workspace: Workspace = None, base_url: BaseUrl = None) -> None:
    """Let a job rest until it is resumed."""
    with connected(base_url, workspace) as client:
        _say(client, name, client.jobs.pause(name).status)


@app.command()
def resume(name: _Name, workspace: Workspace = None, base_url: BaseUrl = None) -> None:
    """Let a job go on that is paused, or ended with an error; no answer is asked for twice."""
    with connected(base_url, workspace) as client:
        _say(client, name, client.jobs.resume(name).status)


@app.command()
def cancel(name: _Name, workspace: Workspace = None, base_url: BaseUrl = None) -> None:
    """End a job; the rows that it has stay."""
    with connected(base_url, workspace) as client:
        _say(client, name, client.jobs.cancel(name).status)


@app.command()
def logs(
    name: _Name,
    tail: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The newest N lines.", show_default=False)
    ] = None,
    output: Output = Form.table,
    workspace: Workspace = None,
    base_url: BaseUrl = None,
) -> None:
    """Print what a job wrote."""
    with connected(base_url, workspace) as client:
        lines = client.jobs.get_logs(name, tail=tail)
        if output is Form.json:
            print_json([line.to_dict() for line in lines])
            return
        for line in lines:
            typer.echo(f"{line.timestamp:%Y-%m-%d %H:%M:%S}  {line.message}")


@app.command()
def results(
    name: _Name,
    rows: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Stream the rows into this file of JSON lines.", show_default=False),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--to", metavar="FOLDER", help="Save rows and figures under FOLDER/NAME.", show_default=False),
    ] = None,
    output: Output = Form.table,
    workspace: Workspace = None,
    base_url: BaseUrl = None,
) -> None:
    """Print a job's figures; with --rows or --to save its results."""
    with connected(base_url, workspace) as client:
        job = client.evaluator.get_job_resource(name)
        if rows is not None:
            typer.echo(f"saved {job.download_row_scores(rows)}", err=True)
        if folder is not None:
            typer.echo(f"saved {job.download_artifacts(folder)}", err=True)
        if rows is None and folder is None:
            _print_figures(job.get_aggregate_scores(), output)


@app.command()
def rows(
    name: _Name,
    status: Annotated[RowStatus | None, typer.Option(help="Only rows with such a score.", show_default=False)] = None,
    differs_from: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD", help="The rows furthest from this number in the item come first.", show_default=False
        ),
    ] = None,
    first: Annotated[int, typer.Option(metavar="N", min=0, help="Begin at this row.")] = 0,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="At most so many.")] = 20,
    output: Output = Form.table,
    workspace: Workspace = None,
    base_url: BaseUrl = None,
) -> None:
    """Look at some of a job's rows, also while it goes on: those that failed, are unclear, or differ most."""
    with connected(base_url, workspace) as client:
        job = client.evaluator.get_job_resource(name)
        found = job.get_rows(
            first=first, status=status.value if status else None, differs_from=differs_from, limit=limit
        )
        if output is Form.json:
            print_json(found.to_dict())
            return
        listed = [_row(row) for row in found.data]
        columns = tuple(dict.fromkeys(column for row in listed for column in row))
        print_many(listed, columns, output, nothing="there is no such row")


@app.command()
def delete(name: _Name, workspace: Workspace = None, base_url: BaseUrl = None) -> None:
    """Delete a job with its results."""
    with connected(base_url, workspace) as client:
        client.jobs.delete(name)
        typer.echo(f"deleted the job {client.workspace}/{name}", err=True)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a table shows it: its position, its scores, and what went wrong with them."""
    scores = {one["name"]: one["value"] for entries in row["metrics"].values() for one in entries}
    wrong = row.get("metric_errors") or {}
    told = {"what went wrong": "; ".join(str(said) for said in wrong.values())} if wrong else {}
    return {
        "row": row["row_index"],
        **({"difference": row["difference"]} if "difference" in row else {}),
        **scores,
        **told,
    }


def _watch(job: EvaluatorJob) -> None:
    from referee.cli.nemo.watching import Watching

    try:
        with Watching(job.name) as watching:
            job.wait_until_done(watch=watching.show)
    except KeyboardInterrupt:
        typer.echo(f"\nthe job goes on: nemo jobs watch -w {job.workspace} {job.name}", err=True)
        raise


def _say(client: PlatformClient, name: str, status: str) -> None:
    typer.echo(f"{client.workspace}/{name}: {status}", err=True)


def _print_figures(figures: AggregatedMetricResult, output: Form) -> None:
    columns = ("name", "count", "nan_count", "mean", "std_dev", "min", "max")
    listed = [score.model_dump(mode="json", exclude_none=True) for score in figures.scores]
    print_many(listed, columns, output, nothing="the job has no score")
