"""`referee demo`: the main job on the embedded model, from rows to figures to a report.

Fifty answers to ten questions, written so that their quality is known by construction, are judged four times: by judges
that do not read at all, by the embedded model read as JSON, by the same answers read by their token probabilities, and
by a longer prompt. What it shows is why a judge is measured before it is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from referee.demo.judges import Items, constant, length
from referee.evaluation.engine import RunOptions
from referee.evaluation.folder import JUDGE
from referee.evaluation.progress import Progress
from referee.evaluation.runs import Run, execute_sync
from referee.inference import CallOptions
from referee.judge import Judge, TokenProbabilityParser
from referee.validation import Comparison, Validation, compare, validate
from referee.validation.reports import write_report

FOLDER = Path(__file__).parent
ITEMS = FOLDER / "items.jsonl"
SCALE = (0.0, 4.0)
AUTHORS = "the authors"
"""Nobody rated the answers: those who wrote them decided what they are worth."""
SCORE, HUMAN, CLUSTER = "helpfulness", "helpfulness", "prompt"
REPORT = "report.html"

Watcher = Callable[[str], AbstractContextManager[Callable[[Progress], None]]]


@dataclass(frozen=True)
class Section:
    """One judge beside the known quality.

    Args:
        found: its figures.
        about: what this judge is; goes on after its name.
    """

    found: Validation
    about: str


@dataclass(frozen=True)
class Demo:
    """What the demo found.

    Args:
        sections: each judge beside the known quality.
        comparison: the three readings of the embedded model, paired.
    """

    sections: list[Section]
    comparison: Comparison


def run_demo(output: Path, watcher: Watcher, *, limit: int | None = None) -> Demo:
    """Judge the items, write `report.html` into `output`, and return what was found.

    Args:
        output: a folder; runs that are in it already are gone on with.
        watcher: shows the progress of a run that has a name.
        limit: judge only so many items.
    """
    items = [orjson.loads(line) for line in ITEMS.read_bytes().splitlines()][:limit]
    short, long = Judge.load(FOLDER / "short.yaml"), Judge.load(FOLDER / "long.yaml")
    by_probability = short.model_copy(update={"scores": tuple(_by_probability(score) for score in short.scores)})
    sections = [
        _unread("constant", items, constant(items), "gives every answer the middle score, without reading it."),
        _unread("answer length", items, length(items), "counts words and puts the counts on the scale."),
    ]
    with watcher("embedded model, short prompt") as watch:
        if (output / "short" / JUDGE).exists():  # an earlier demo left its second reading: go back to the first
            execute_sync(_reread(_run(short, output / "short", watch, limit)))
        execute_sync(_run(short, output / "short", watch, limit))
    about = "is the embedded model with a short prompt, asked for JSON."
    sections.append(_read("read as JSON", output / "short", about))
    with watcher("the same answers, read again from the journal") as watch:
        execute_sync(_reread(_run(by_probability, output / "short", watch, limit)))
    about = "is the same run read again, without a call: the expected score over the probabilities of its digits."
    sections.append(_read("probabilities", output / "short", about))
    with watcher("embedded model, longer prompt") as watch:
        execute_sync(_run(long, output / "long", watch, limit))
    about = "is the embedded model with every level described, read by token probabilities."
    sections.append(_read("longer prompt", output / "long", about))
    introduction = (
        f"{len(items)} answers to {len({item['prompt'] for item in items})} questions, written so that their quality "
        "is known: complete (4), with a gap (3), with a wrong fact (2), off topic (1), empty (0). Nobody rated them. "
        "The embedded model is tiny and near chance as a judge; the point is to see that before believing it."
    )
    comparison = _compared(items, sections[2:])
    # On the page the judges that do not read stand beside the others; what is compared stays the three readings.
    told = tuple(replace(one.found, reading=(f"It {one.about}", *one.found.reading)) for one in sections)
    page = replace(comparison, judges=told)
    write_report(output / REPORT, page, title="Four judges, fifty answers", introduction=introduction)
    return Demo(sections, comparison)


def _compared(items: Items, sections: Sequence[Section]) -> Comparison:
    """The readings of the embedded model, held against each other."""
    columns = [one.found.columns for one in sections]
    scores = [dict(zip(one.rows.tolist(), one.judge.tolist(), strict=True)) for one in columns]
    names = [section.found.judge for section in sections]
    rows = [
        {HUMAN: item[HUMAN], CLUSTER: item[CLUSTER]}
        | {name: given.get(at) for name, given in zip(names, scores, strict=True)}
        for at, item in enumerate(items)
    ]
    return compare(rows, judge=names, names=names, human=HUMAN, cluster=CLUSTER, scale=SCALE)


def _run(judge: Judge, output: Path, watch: Callable[[Progress], None], limit: int | None) -> Run:
    # The embedded model has two places on two cores; more calls at once would only wait.
    return Run(
        [judge],
        ITEMS,
        output=output,
        limit=limit,
        options=RunOptions(concurrency=2),
        calls=CallOptions(concurrency=2),
        watch=watch,
    )


def _reread(run: Run) -> Run:
    return replace(run, calls=replace(run.calls, replay="reread"))


def _by_probability(score: Any) -> Any:
    return score.model_copy(update={"parser": TokenProbabilityParser(json_path=score.name)})


def _read(name: str, folder: Path, about: str) -> Section:
    found = validate(folder, score=SCORE, human=HUMAN, cluster=CLUSTER, name=name, scale=SCALE, people=AUTHORS)
    return Section(found, about)


def _unread(name: str, items: Items, scores: list[float], about: str) -> Section:
    rows = [{**item, "judge": score} for item, score in zip(items, scores, strict=True)]
    found = validate(rows, judge="judge", human=HUMAN, cluster=CLUSTER, name=name, scale=SCALE, people=AUTHORS)
    return Section(found, about)
