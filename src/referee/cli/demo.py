"""`referee demo`: what the demo found, on the screen."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from referee.demo.run import Section
    from referee.evaluation.progress import Progress


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Where results and the report go.")] = Path("demo-out"),
    limit: Annotated[int | None, typer.Option(help="Judge only so many answers.", min=2)] = None,
) -> None:
    """Judge fifty answers of known quality with the embedded model, in four ways, and measure each."""
    from rich.console import Console
    from rich.text import Text

    from referee.demo.run import REPORT, run_demo

    console = Console(highlight=False)
    console.print(
        "Fifty answers whose quality is known, since they were written to have it: complete (4), with a gap (3), "
        "with a wrong fact (2), off topic (1), empty (0). Nobody rated them. Judged by the embedded model, which is "
        "tiny:\n"
    )
    found = run_demo(output, _watch, limit=limit)
    sections = found.sections
    console.print()
    console.print(_table(sections))
    console.print("[dim]95 % intervals in brackets; answers to the same question are resampled together.[/dim]\n")
    for section in sections:
        reading = " ".join(section.found.reading)
        console.print(Text.assemble((section.found.judge, "bold"), f" {section.about} {reading}"))
    console.print()
    console.print(Text.assemble(("Which reading is best?", "bold"), " ", " ".join(found.comparison.reading)))
    console.print(
        "\n[bold]Measure a judge before you believe it.[/bold] Each of these runs ended without an error and gave "
        "every answer a number. What the numbers are worth shows only beside answers whose quality is known.\n"
    )
    console.print(f"Report: [bold]{output / REPORT}[/bold]", soft_wrap=True)
    console.print(_OWN.format(folder=output / "short"), highlight=False, markup=False, soft_wrap=True)


_OWN = """\
To run the same on an endpoint of your own, take the judge file of a run and change its model:
  model: {{url: https://your-endpoint/v1, name: your-model, api_key_secret: YOUR_API_KEY}}
  referee evaluate {folder}/judge.yaml your-rows.jsonl -o out"""


def _table(sections: list[Section]) -> object:
    from rich.table import Table

    from referee.validation.reports.parts import brief

    table = Table("judge", "Pearson r", "Spearman rho", "MAE", "mass", "n", box=None, padding=(0, 1, 0, 0))
    for section in sections:
        figures, mass = section.found.agreement, section.found.mass
        assert figures is not None, "scores from 0 to 4 are numbers"
        table.add_row(
            section.found.judge,
            brief(figures.pearson).replace("[", r"\["),
            brief(figures.spearman).replace("[", r"\["),
            brief(figures.mae).replace("[", r"\["),
            "" if mass is None else f"{mass:.2f}",
            str(figures.n),
        )
    return table


@contextmanager
def _watch(name: str) -> Generator[Callable[[Progress], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<46}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns) as bar:
        task = bar.add_task(name, total=None)
        yield lambda progress: bar.update(task, completed=progress.rows, total=progress.total)
