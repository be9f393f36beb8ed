"""NeMo Evaluator's import name for `client.evaluator`, its jobs, and filesets as datasets. Re-exports only."""

from __future__ import annotations

from referee.client import (
    AsyncEvaluator,
    Evaluator,
    FilesetRef,
)
from referee.client import AsyncEvaluatorJob as AsyncEvaluatorJobResource
from referee.client import EvaluatorJob as EvaluatorJobResource
from referee.client.submission import AnyDataset as PluginDatasetInput
from referee.evaluation.run_config import RunConfig, RunConfigOnline, RunConfigOnlineModel
from referee_nemo import missing

__all__ = [
    "AsyncEvaluator",
    "AsyncEvaluatorJobResource",
    "Evaluator",
    "EvaluatorJobResource",
    "FilesetRef",
    "PluginDatasetInput",
    "RunConfig",
    "RunConfigOnline",
    "RunConfigOnlineModel",
]


def __getattr__(name: str) -> object:
    raise missing(__name__, name, {"ExecutionMode": "evaluator.run(…) runs here, evaluator.submit(…) on the platform"})
