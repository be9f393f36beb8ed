"""The figures of a job, from all rows that have their outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from referee.evaluation.aggregate import Aggregator, with_corpus
from referee.evaluation.figures import AggregatedMetricResult
from referee.evaluation.metrics import CorpusMetric
from referee.evaluation.outcome import offline_sample
from referee.evaluation.record import Entry, Unscored
from referee.platform.jobs.results import whole_lines
from referee.platform.jobs.spec import JobSpec

_AFTER_ITEM, _REQUESTS = b',"sample":', b',"requests":'


def aggregate(
    folder: Path, numbers: Sequence[int], spec: JobSpec, counted: Mapping[int, Aggregator]
) -> AggregatedMetricResult:
    """The figures of all rows that are there.

    Args:
        folder: of the job.
        numbers: of its shards.
        spec: of the job.
        counted: shards that need not be read, as they were counted when they were judged.
    """
    aggregator = Aggregator(spec.metrics)
    for number in numbers:
        if number in counted:
            aggregator.absorb(counted[number])
            continue
        for line in whole_lines(folder, number):
            aggregator.add(*_scores(line))
    figures = aggregator.result().scores
    for metric in spec.metrics:
        if isinstance(metric, CorpusMetric):
            figures = with_corpus(figures, metric, metric.corpus(_pairs(folder, numbers, online=bool(spec.target))))
    return AggregatedMetricResult(scores=figures)


def _scores(line: bytes) -> tuple[dict[str, list[Entry]], Unscored | None]:
    """The metrics and the unscored part of a line, without parsing its item and its requests.

    What is looked for cannot stand within a text, where quotes are escaped. Where an item has such a key too, or the
    piece cut out is no JSON, the line is parsed whole.
    """
    start = line.find(_AFTER_ITEM)
    if line.find(_AFTER_ITEM, start + 1) < 0:
        try:
            tail = orjson.loads(b"{%b}" % line[start + 1 : line.index(_REQUESTS, start)])
            return tail["metrics"], tail["unscored"]
        except (ValueError, KeyError):
            pass  # a sample with such a key
    row = orjson.loads(line)
    return row["metrics"], row["unscored"]


def _pairs(folder: Path, numbers: Sequence[int], *, online: bool) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for number in numbers:
        for line in whole_lines(folder, number):
            row = orjson.loads(line)
            if row["item"]:
                yield row["item"], row["sample"] if online else offline_sample(row["item"])
