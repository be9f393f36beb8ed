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

from referee.demo.judges import KNOWN, constant, length
from referee.evaluation.engine import RunOptions
from referee.evaluation.folder import JUDGE
from referee.evaluation.progress import Progress
from referee.evaluation.runs import Run, execute_sync
from referee.inference import CallOptions
from referee.judge import Judge, TokenProbabilityParser
from referee.validation import Comparison, compare, validate
from referee.validation.judged import Judged, read_judged
from referee.validation.report import Section, write_report

FOLDER = Path(__file__).parent
ITEMS = FOLDER / "items.jsonl"
SCALE = (0.0, 4.0)
AUTHORS = "the authors"
"""Nobody rated the answers: those who wrote them decided what they are worth."""
SCORE, HUMAN, CLUSTER = "helpfulness", "helpfulness", "prompt"
REPORT = "report.html"

Watcher = Callable[[str], AbstractContextManager[Callable[[Progress], None]]]


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
        _section(constant(items), "gives every answer the middle score, without reading it."),
        _section(length(items), "counts words and puts the counts on the scale, without understanding any."),
    ]
    with watcher("embedded model, short prompt") as watch:
        if (output / "short" / JUDGE).exists():  # an earlier demo left its second reading: go back to the first
            execute_sync(_reread(_run(short, output / "short", watch, limit)))
        execute_sync(_run(short, output / "short", watch, limit))
    sections.append(
        _section(_read(output / "short", "read as JSON"), "is the embedded model with a short prompt, asked for JSON.")
    )
    with watcher("the same answers, read again from the journal") as watch:
        execute_sync(_reread(_run(by_probability, output / "short", watch, limit)))
    about = "is the same run read again, without a call: the expected score over the probabilities of its digits."
    sections.append(_section(_read(output / "short", "probabilities"), about))
    with watcher("embedded model, longer prompt") as watch:
        execute_sync(_run(long, output / "long", watch, limit))
    about = "is the embedded model with every level described, read by token probabilities."
    sections.append(_section(_read(output / "long", "longer prompt"), about))
    introduction = (
        f"{len(items)} answers to {len({item['prompt'] for item in items})} questions, written so that their quality "
        "is known: complete (4), with a gap (3), with a wrong fact (2), off topic (1), empty (0). Nobody rated them. "
        "The embedded model is tiny and near chance as a judge; the point is to see that before believing it."
    )
    write_report(output / REPORT, "Four judges, fifty answers", introduction, sections, SCALE)
    return Demo(sections, _compared(sections[2:]))


def _compared(sections: Sequence[Section]) -> Comparison:
    """The readings of the embedded model, held against each other."""
    judges = [section.judged for section in sections]
    rows = [
        {HUMAN: human, CLUSTER: cluster} | {judge.name: judge.judge[at] for judge in judges}
        for at, (human, cluster) in enumerate(zip(judges[0].human, judges[0].clusters, strict=True))
    ]
    names = [judge.name for judge in judges]
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


def _read(folder: Path, name: str) -> Judged:
    return read_judged(folder, SCORE, HUMAN, cluster=CLUSTER, name=name, human_name=KNOWN)


def _section(judged: Judged, about: str) -> Section:
    found = validate(judged.judge, human=judged.human, cluster=judged.clusters, scale=SCALE, people=AUTHORS)
    assert found.agreement is not None
    return Section(judged, found.agreement, about, " ".join(found.reading))
