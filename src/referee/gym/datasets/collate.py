"""Datasets of one type put together in one file, each row checked and told which agent rolls it out.

Rows are streamed. All files are read to their end before anything takes its place, so that one report tells every
mistake, up to a number for each file, and a mistake leaves what was there before as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import orjson
from pydantic import ValidationError

from referee.errors import DataError, OutputError
from referee.gym.api.plain import are_plain
from referee.gym.api.resources import BaseRunRequest
from referee.gym.datasets.declared import Dataset
from referee.gym.datasets.figures import Figures, differences
from referee.gym.rollouts.files import numbered_rows, replacing
from referee.gym.rollouts.keys import AGENT_REF, PARAMETERS, Json, agent_of
from referee.judge.explain import mistakes_in
from referee.readable import plural

MOST_MISTAKES = 20
"""So many bad rows of a file are told one by one."""
_MOST_DIFFERENCES = 5


@dataclass
class Collated:
    """What was put together.

    Args:
        datasets: with the figures of each.
        types: for each type of dataset its file, and the figures of all its rows.
        redirected: rows that named another agent than the one that declares their dataset.
    """

    datasets: list[tuple[Dataset, Figures]] = field(default_factory=list[tuple[Dataset, Figures]])
    types: dict[str, tuple[Path, Figures]] = field(default_factory=dict[str, tuple[Path, Figures]])
    redirected: int = 0


def collate(datasets: Iterable[Dataset], output: Path, *, overwrite: bool = False) -> Collated:
    """Check all rows, and write `<type>.jsonl` and `<type>_metrics.json` to a folder, and `<stem>_metrics.json` for
    each dataset.

    Args:
        datasets: whose files are there.
        output: the folder.
        overwrite: whether metrics files with other figures are replaced.

    Raises:
        DataError: rows are bad, or metrics files have other figures: these are then in `…_conflict.json`.
        OutputError: a file cannot be written.
    """
    found = Collated()
    mistakes: list[str] = []
    datasets = list(datasets)
    _spare_sources(datasets, output)
    written: dict[str, BinaryIO] = {}
    with ExitStack() as stack:
        for dataset in datasets:
            kind = dataset.config.type
            if kind not in written:
                path = output / f"{kind}.jsonl"
                found.types[kind] = (path, Figures())
                written[kind] = stack.enter_context(replacing(path))
            figures, bad = _take(dataset, written[kind], found)
            mistakes += bad
            found.datasets.append((dataset, figures))
            found.types[kind][1].merge(figures)
        if mistakes:
            raise DataError("\n".join(mistakes))
        _write_metrics(found, overwrite)
    return found


def complaints(row: Json) -> list[str]:
    """What is wrong with a row, each mistake with its place; nothing where it can be rolled out."""
    parameters = row.get(PARAMETERS)
    if isinstance(parameters, dict) and are_plain(parameters):
        return []
    try:
        BaseRunRequest.model_validate(row)
    except ValidationError as error:
        return mistakes_in(error, BaseRunRequest, row)
    return []


def _take(dataset: Dataset, into: BinaryIO, found: Collated) -> tuple[Figures, list[str]]:
    """The figures of a dataset's rows, which go into a file, and what is wrong with them."""
    assert dataset.path is not None, "datasets without files are refused before"
    figures = Figures()
    mistakes: list[str] = []
    bad = 0
    reference = {"type": "responses_api_agents", "name": dataset.agent}
    for number, read in numbered_rows(dataset.path):
        row = read.item
        wrong = complaints(row) if row is not None else []
        if row is None or wrong:
            bad += 1
            if bad <= MOST_MISTAKES:
                # A row's own error begins with the file's name, which several datasets may share.
                told = f"{dataset.path.parent}/{read.error}"
                mistakes.append(f"{dataset.path}, line {number}: {'; '.join(wrong)}" if wrong else told)
            continue
        found.redirected += agent_of(row) not in (None, dataset.agent)
        line = orjson.dumps({**row, AGENT_REF: reference}) + b"\n"
        for _ in range(dataset.config.num_repeats):
            figures.add(row)
            into.write(line)
    if bad > MOST_MISTAKES:
        mistakes.append(f"{dataset.path}: {plural(bad - MOST_MISTAKES, 'more bad row')}")
    if not figures.rows and not bad:
        mistakes.append(f"{dataset.path} has no rows: put some into it, or take the dataset out of {dataset.agent}")
    return figures, mistakes


def _spare_sources(datasets: Iterable[Dataset], output: Path) -> None:
    for dataset in datasets:
        target = output / f"{dataset.config.type}.jsonl"
        if dataset.path is not None and target.resolve() == dataset.path.resolve():
            raise OutputError(
                f"{target} is a dataset of {dataset.agent} itself, and would be replaced: choose another output_dirpath"
            )


def _write_metrics(found: Collated, overwrite: bool) -> None:
    """Write all metrics files, or none where there are others with other figures."""
    first = {dataset.config.type: dataset for dataset, _ in reversed(found.datasets)}
    files = {
        dataset.beside.with_name(f"{dataset.beside.name}_metrics.json"): (dataset, figures)
        for dataset, figures in found.datasets
    }
    files |= {
        path.with_name(f"{kind}_metrics.json"): (first[kind], figures) for kind, (path, figures) in found.types.items()
    }
    contents = {path: _metrics(dataset, figures) for path, (dataset, figures) in files.items()}
    conflicts = (
        [] if overwrite else [conflict for path, told in contents.items() for conflict in _conflicts(path, told)]
    )
    if conflicts:
        raise DataError(
            "\n".join(conflicts) + "\nWhat is new lies beside them in …_conflict.json. If the data is right, replace "
            "the old figures with +overwrite_metrics_conflicts=true; nothing else was written."
        )
    for path, told in contents.items():
        _write(path, told)


def _metrics(dataset: Dataset, figures: Figures) -> Json:
    config = dataset.config.model_dump(exclude={"prompt_config"})
    return {**config, **figures.to_dict()}


def _conflicts(path: Path, now: Json) -> Iterator[str]:
    if not path.is_file():
        return
    try:
        before = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        yield f"{path} is no JSON: delete it"
        return
    found = list(differences(before, now))
    if found:
        more = f", and {len(found) - _MOST_DIFFERENCES} more" if len(found) > _MOST_DIFFERENCES else ""
        _write(path.with_name(f"{path.stem}_conflict.json"), now)
        yield f"{path} has other figures: {'; '.join(found[:_MOST_DIFFERENCES])}{more}"


def _write(path: Path, told: Json) -> None:
    with replacing(path) as file:
        file.write(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")
