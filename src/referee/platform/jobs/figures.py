"""The figures of a job, from all rows that have their outcome."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from referee.evaluation.aggregate import Aggregator, with_corpus
from referee.evaluation.figures import AggregatedMetricResult
from referee.evaluation.metrics import CorpusMetric
from referee.evaluation.outcome import offline_sample
from referee.platform.jobs.results import whole_lines
from referee.platform.jobs.spec import JobSpec


def aggregate(folder: Path, numbers: Sequence[int], spec: JobSpec) -> AggregatedMetricResult:
    """The figures of all rows that are there."""
    aggregator = Aggregator(spec.metrics)
    for number in numbers:
        for line in whole_lines(folder, number):
            row = orjson.loads(line)
            aggregator.add(row["metrics"], row["unscored"])
    figures = aggregator.result().scores
    for metric in spec.metrics:
        if isinstance(metric, CorpusMetric):
            figures = with_corpus(figures, metric, metric.corpus(_pairs(folder, numbers, online=bool(spec.target))))
    return AggregatedMetricResult(scores=figures)


def _pairs(folder: Path, numbers: Sequence[int], *, online: bool) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for number in numbers:
        for line in whole_lines(folder, number):
            row = orjson.loads(line)
            if row["item"]:
                yield row["item"], row["sample"] if online else offline_sample(row["item"])
