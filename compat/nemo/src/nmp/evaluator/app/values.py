"""NeMo Platform's import name for referee's values: filesets as datasets, models, scores, results. Re-exports only."""

from __future__ import annotations

from nemo_evaluator_sdk._absent import INSTEAD
from nemo_evaluator_sdk.values import (
    AggregatedMetricResult,
    AggregateRangeScore,
    AggregateRubricScore,
    AggregateScore,
    AggregateScoreBase,
    DatasetRows,
    EvaluationResult,
    FieldMapping,
    Histogram,
    HistogramBin,
    JSONScoreParser,
    Model,
    Percentiles,
    RangeScore,
    ReasoningParams,
    RegexScoreParser,
    RowScore,
    Rubric,
    RubricScore,
    RubricScoreStat,
    SecretRef,
)
from referee.client import FilesetRef
from referee_nemo import missing

__all__ = [
    "AggregateRangeScore",
    "AggregateRubricScore",
    "AggregateScore",
    "AggregateScoreBase",
    "AggregatedMetricResult",
    "DatasetRows",
    "EvaluationResult",
    "FieldMapping",
    "FilesetRef",
    "Histogram",
    "HistogramBin",
    "JSONScoreParser",
    "Model",
    "Percentiles",
    "RangeScore",
    "ReasoningParams",
    "RegexScoreParser",
    "RowScore",
    "Rubric",
    "RubricScore",
    "RubricScoreStat",
    "SecretRef",
]


def __getattr__(name: str) -> object:
    raise missing(__name__, name, INSTEAD)
