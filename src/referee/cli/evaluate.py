"""`referee evaluate JUDGE.yaml ROWS -o OUT`: judge rows, show how it goes, say how it went."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from referee.cli.complaint import complain
from referee.errors import RunStopped
from referee.exits import INTERRUPTED, SOME_FAILED

if TYPE_CHECKING:
    from referee.evaluation.progress import Progress
    from referee.judge import Judge


class Order(StrEnum):
    """In which order results are written."""

    row = "row"
    completion = "completion"


_CALLS, _ROWS, _MODEL = "How it calls", "Rows and results", "Another model for the judge"


def evaluate(
    judge: Annotated[Path, typer.Argument(metavar="JUDGE.yaml", help="The judge.", show_default=False)],
    rows: Annotated[
        str,
        typer.Argument(
            metavar="ROWS",
            help="A file, a 'pattern*' or a URL: .jsonl, .json, .csv, .tsv, .parquet, .arrow, also as .gz, .xz, .zst.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for results.", show_default=False)
    ],
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="At most so many rows.", show_default=False, rich_help_panel=_ROWS),
    ] = None,
    repeats: Annotated[
        int, typer.Option(metavar="N", min=1, help="How often each row is judged.", rich_help_panel=_ROWS)
    ] = 1,
    reread: Annotated[
        bool,
        typer.Option(
            "--reread",
            help="Read the recorded answers again, with a changed parser say, and call nobody.",
            rich_help_panel=_ROWS,
        ),
    ] = False,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Format of ROWS, where its name does not say it.",
            show_default=False,
            rich_help_panel=_ROWS,
        ),
    ] = None,
    row_key: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD",
            help="Field that names a row, so that rows may be reordered between runs.",
            show_default=False,
            rich_help_panel=_ROWS,
        ),
    ] = None,
    order: Annotated[Order, typer.Option(help="Order of the lines in rows.jsonl.", rich_help_panel=_ROWS)] = Order.row,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON, for scripts.", rich_help_panel=_ROWS)
    ] = False,
    concurrency: Annotated[
        int, typer.Option("--concurrency", "-c", metavar="N", min=1, help="Calls at once.", rich_help_panel=_CALLS)
    ] = 32,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="MOST",
            help='The most to use: "2.50" (dollars) or "500k tokens".',
            show_default=False,
            rich_help_panel=_CALLS,
        ),
    ] = None,
    retries: Annotated[
        int, typer.Option(metavar="N", min=0, help="Further tries of a failed call.", rich_help_panel=_CALLS)
    ] = 3,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.001, help="For each try of a call.", rich_help_panel=_CALLS)
    ] = 600.0,
    model_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Its endpoint; the file's key does not go there.",
            show_default=False,
            rich_help_panel=_MODEL,
        ),
    ] = None,
    model_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its name.", show_default=False, rich_help_panel=_MODEL)
    ] = None,
    model_key: Annotated[
        str | None,
        typer.Option(
            metavar="VARIABLE",
            help="The environment variable that holds its key.",
            show_default=False,
            rich_help_panel=_MODEL,
        ),
    ] = None,
) -> None:
    """Judge rows with a model.

    Results go to OUT as they get ready. Run the same command again to go on
    where a run ended: what was answered is not asked again.

    Exit codes: 0 every row has its outcome and none failed; 3 some failed, or
    the run ended early; 2 wrong usage; 1 any other error; 130 interrupted.
    """
    from referee.cli.screen import Screen
    from referee.cli.summary import print_json, print_summary
    from referee.evaluation.engine import RunOptions
    from referee.evaluation.remarks import remarks, resumed
    from referee.evaluation.runs import Run, execute_sync
    from referee.inference import Budget, CallOptions, RetryPolicy, Timeouts
    from referee.judge import Judge

    used = _with_model(Judge.load(judge), model_url, model_name, model_key)
    job = Run(
        [used],
        rows,
        output=output,
        limit=limit,
        format=format,
        options=RunOptions(concurrency=concurrency, repeats=repeats, row_key=row_key, order=order.value),
        calls=CallOptions(
            concurrency=concurrency,
            retry=RetryPolicy(retries=retries),
            timeouts=Timeouts(min(Timeouts().connect, timeout), timeout, timeout),
            replay="reread" if reread else "resume",
        ),
        budget=Budget.parse(budget) if budget is not None else None,
    )
    with Screen(_title(used, rows, output, reread=reread)) as screen:
        try:
            report = execute_sync(replace(job, watch=screen.watch))
        except RunStopped as stopped:
            screen.close()
            complain(f"{stopped}\n{_kept(screen.progress, output)}")
            raise typer.Exit(SOME_FAILED) from stopped
        except KeyboardInterrupt as interrupt:
            screen.close()
            complain(f"interrupted. {_kept(screen.progress, output)}")
            raise typer.Exit(INTERRUPTED) from interrupt
    code = SOME_FAILED if report.progress.failed_rows or report.progress.cut_short else 0
    said = remarks(report, reread=reread)
    if as_json:
        print_json(report, said, code)
    else:
        print_summary(report, said, resumed(report, reread=reread))
    raise typer.Exit(code)


def _title(judge: Judge, rows: str, output: Path, *, reread: bool) -> str:
    from referee.data.files import public_name
    from referee.judge import Model

    models = [model for model in judge.models.values() if isinstance(model, Model)]
    who = f"{models[0].name} at {public_name(models[0].url)}" if len(models) == 1 else f"{len(models)} models"
    return f"{judge.name} · {'recorded answers of ' if reread else ''}{who} · {public_name(rows)} → {output}"


def _kept(progress: Progress | None, output: Path) -> str:
    """What a run that ended early leaves, and how to go on."""
    if progress is None or not progress.meter.calls + progress.meter.recorded + progress.finished_before:
        return "Nothing was answered until then."
    of = f" of {progress.total:,}" if progress.total is not None else ""
    return (
        f"{progress.rows:,}{of} rows have their outcome in {output}/rows.jsonl, and every answer is recorded. "
        "Run the same command again to go on."
    )


def _with_model(judge: Judge, url: str | None, name: str | None, key: str | None) -> Judge:
    """The judge with the model that the options give. A key and headers do not go along to another url."""
    from referee.errors import DefinitionError
    from referee.judge import Model

    if url is None and name is None and key is None:
        return judge
    if judge.model is None:
        raise DefinitionError(f"the judge {judge.name!r} is a panel of models: change them in its file")
    if isinstance(judge.model, str):
        if url is None:
            raise DefinitionError(f"the judge names its model {judge.model!r} alone: give --model-url too")
        return judge.with_model(Model(url=url, name=name or judge.model, api_key_secret=key))
    changes: dict[str, Any] = {}
    if url is not None:
        changes |= {"url": url, "api": None, "api_key_secret": None, "default_headers": None}
    if name is not None:
        changes |= {"name": name, "served_model_name": None}
    if key is not None:
        changes["api_key_secret"] = key
    return judge.with_model(judge.model.model_copy(update=changes))
