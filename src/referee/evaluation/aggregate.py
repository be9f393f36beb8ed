"""`Aggregator`: the figures of a run's scores, gathered row by row as results come in.

It keeps eight bytes for each value and nothing else of a row. Values are put in order before they are summed up, and
sums are exact (`math.fsum`), so that the same rows give the same figures in whatever order they arrived.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from referee.evaluation.figures import (
    AggregatedMetricResult,
    AggregateRangeScore,
    AggregateRubricScore,
    AggregateScore,
    Histogram,
    HistogramBin,
    Percentiles,
    RubricScoreStat,
)
from referee.evaluation.outcome import Metric
from referee.evaluation.record import Entry, Unscored
from referee.judge import Judge, RangeScore, RubricScore

_MOST_WHOLE_BINS = 101
_BINS = 10


class Aggregator:
    """Adds up the rows of one run. `add` what `record` made of a row, or what `read_tail` found in a line."""

    def __init__(self, metrics: Iterable[Judge | Metric]) -> None:
        self._tallies = {metric.name: [_Tally(score) for score in metric.scores] for metric in metrics}
        self._missing = {
            (metric, tally.score.name): tally for metric, tallies in self._tallies.items() for tally in tallies
        }
        self._takers = {metric: _Takers(tallies) for metric, tallies in self._tallies.items()}

    def add(self, metrics: Mapping[str, Sequence[Entry]], unscored: Unscored | None) -> None:
        """Count one row (or one repeat of it)."""
        for metric, entries in metrics.items():
            takers = self._takers[metric]
            missing = None if unscored is None else unscored.get(metric)
            for entry in entries:
                name = entry["name"]
                if missing is None or name not in missing:
                    takers[name](entry["value"])
        if unscored is not None:
            for metric, scores in unscored.items():
                for score, why in scores.items():
                    self._missing[metric, score].miss(why)

    def absorb(self, other: Aggregator) -> None:
        """Count what another has counted of other rows with the same metrics."""
        for place, tally in other._missing.items():
            self._missing[place].absorb(tally)

    def result(self, *, qualified: bool = True) -> AggregatedMetricResult:
        """The figures so far; `qualified` names are `<metric>.<score>`, others the score's name alone."""
        return AggregatedMetricResult(
            scores=[
                tally.figures(f"{metric}.{tally.score.name}" if qualified else tally.score.name)
                for metric, tallies in self._tallies.items()
                for tally in tallies
            ]
        )


def single(name: str, value: float, scale: RangeScore | RubricScore) -> AggregateScore:
    """A figure that is of all rows together, in the form of a score with one value on the given scale."""
    tally = _Tally(scale)
    tally.values.append(value)
    return tally.figures(name)


def with_corpus(
    figures: Sequence[AggregateScore], metric: Judge | Metric, found: Mapping[str, float]
) -> list[AggregateScore]:
    """The figures with those of all rows together put after the metric's own."""
    end = 1 + max(at for at, score in enumerate(figures) if score.name.startswith(f"{metric.name}."))
    scale = metric.scores[0]
    corpus = [single(f"{metric.name}.{name}", value, scale) for name, value in found.items()]
    return [*figures[:end], *corpus, *figures[end:]]


class _Takers(dict[str, Callable[[Any], None]]):
    """By the name of an entry, what is done with its value: one look-up a value on the way of every row."""

    def __init__(self, tallies: Sequence[_Tally]) -> None:
        super().__init__({tally.score.name: tally.values.append for tally in tallies})
        self._tallies = {tally.score.name: tally for tally in tallies}

    def __missing__(self, name: str) -> Callable[[Any], None]:
        score, _, detail = name.rpartition(".")
        taker = self[name] = self._tallies[score].taker(detail)
        return taker


class _Tally:
    """What is known of one score."""

    def __init__(self, score: RangeScore | RubricScore) -> None:
        self.score = score
        self.values = array("d")
        self._labels = Counter[str]()
        self._details: dict[str, array[float]] = {}
        self._unclear = 0
        self._failed = Counter[str]()

    def taker(self, detail: str) -> Callable[[Any], None]:
        if detail == "label":
            return self._take_label
        return self._details.setdefault(detail, array("d")).append

    def _take_label(self, label: str) -> None:
        self._labels[label] += 1

    def miss(self, why: Mapping[str, str]) -> None:
        if why["status"] == "failed":
            self._failed[why["kind"]] += 1
        else:
            self._unclear += 1

    def absorb(self, other: _Tally) -> None:
        self.values.extend(other.values)
        self._labels.update(other._labels)
        for detail, found in other._details.items():
            self._details.setdefault(detail, array("d")).extend(found)
        self._unclear += other._unclear
        self._failed.update(other._failed)

    def figures(self, name: str) -> AggregateScore:
        values = sorted(self.values)
        common: dict[str, Any] = {
            "name": name,
            "count": len(values),
            "nan_count": self._unclear + self._failed.total(),
            "unclear": self._unclear,
            "failed": dict(sorted(self._failed.items())),
            "histogram": _histogram(self.score, values),
            "details": {
                detail: math.fsum(found) / len(found) for detail, found in sorted(self._details.items()) if found
            },
            **(_moments(values) if values else {}),
        }
        if not isinstance(self.score, RubricScore):
            return AggregateRangeScore(**common)
        most = max(self._labels.values(), default=0)
        return AggregateRubricScore(
            **common,
            rubric_distribution=[
                RubricScoreStat(
                    label=level.label,
                    description=level.description,
                    value=level.value,
                    count=self._labels[level.label],
                )
                for level in self.score.rubric
            ],
            mode_category=min((label for label, count in self._labels.items() if count == most), default=None),
        )


def _moments(values: Sequence[float]) -> dict[str, Any]:
    n = len(values)
    total = math.fsum(values)
    mean = total / n
    squares = math.fsum((value - mean) ** 2 for value in values)
    percentiles = Percentiles(**{f"p{part}": _percentile(values, part) for part in range(10, 101, 10)})
    return {
        "sum": total,
        "mean": mean,
        "min": values[0],
        "max": values[-1],
        "median": percentiles.p50,
        "std_dev": math.sqrt(squares / n),
        "variance": squares / n,
        "sample_std_dev": math.sqrt(squares / (n - 1)) if n > 1 else None,
        "sample_variance": squares / (n - 1) if n > 1 else None,
        "percentiles": percentiles,
    }


def _percentile(values: Sequence[float], part: int) -> float:
    rank, rest = divmod(part * (len(values) + 1), 100)
    if rank < 1:
        return values[0]
    if rank >= len(values):
        return values[-1]
    below, above = values[rank - 1], values[rank]
    return below + (above - below) * (rest / 100)


def _histogram(score: RangeScore | RubricScore, values: Sequence[float]) -> Histogram:
    """A bin for each whole number of the scale where all values are whole, else ten bins over the scale.

    A scale without an end has the values' own.
    """
    if not values:
        return Histogram()
    low = float(score.minimum) if math.isfinite(score.minimum) else float(math.floor(values[0]))
    high = float(score.maximum) if math.isfinite(score.maximum) else float(math.ceil(values[-1]))
    whole = low.is_integer() and high.is_integer() and high - low < _MOST_WHOLE_BINS
    if whole and all(value.is_integer() for value in values):
        edges = [*(low + step for step in range(int(high - low) + 1)), high]  # the last holds the maximum alone
    else:
        edges = [*(low + (high - low) * step / _BINS for step in range(_BINS)), high]
    # The values are in order, so that each inner edge is found by halving.
    cuts = [0, *(bisect_left(values, edge) for edge in edges[1:-1]), len(values)]
    return Histogram(
        bins=[
            HistogramBin(lower_bound=lower, upper_bound=upper, count=end - start)
            for (lower, upper), (start, end) in zip(pairwise(edges), pairwise(cuts), strict=True)
        ]
    )
