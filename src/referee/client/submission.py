"""What `evaluator.submit` sends: a job's spec in the form of NeMo Platform 0.6."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from referee.client.references import FilesetRef
from referee.data import open_rows
from referee.data.source import Source
from referee.errors import DataError, DefinitionError
from referee.evaluation.evaluator import DatasetRows
from referee.evaluation.metrics import MetricBase
from referee.evaluation.metrics.custom import CustomMetric
from referee.evaluation.run_config import FieldMapping, RunConfig
from referee.judge import Judge, Model, RangeScore

AnyDataset = Source | DatasetRows | FilesetRef
_REFERENCE = re.compile(r"[a-z][\w\-@.+]*/[a-z][\w\-@.+]*(#.+)?")


def job_spec(
    *,
    metrics: Sequence[object],
    dataset: AnyDataset,
    config: RunConfig | None = None,
    target: Model | None = None,
    field_mapping: FieldMapping | None = None,
    prompt_template: str | Mapping[str, Any] | None = None,
    dataset_glob_pattern: str | None = None,
) -> dict[str, Any]:
    """The spec of a job, as plain JSON values.

    Raises:
        DefinitionError: there is no metric, one cannot be sent, or the arguments contradict each other.
        DataError: rows that are sent along cannot be read.
    """
    if not metrics:
        raise DefinitionError("there is no metric to submit: give metric=… or metrics=[…]")
    if target is None and prompt_template is not None:
        raise DefinitionError("prompt_template is what a target is asked, and the job has no target")
    return {
        "dataset": _dataset(dataset, dataset_glob_pattern, config.limit_samples if config else None),
        "params": (config or RunConfig()).model_dump(mode="json"),
        "target": None if target is None else target.model_dump(mode="json"),
        "prompt_template": prompt_template,
        "field_mapping": None if field_mapping is None else field_mapping.model_dump(mode="json"),
        "publication": None,
        "metrics": [bundle(metric) for metric in metrics],
    }


def bundle(metric: object) -> dict[str, Any]:
    """A metric as it travels: its fields and a digest of them, never code.

    Raises:
        DefinitionError: the metric is an object with code of its own.
    """
    if not isinstance(metric, Judge | MetricBase) or isinstance(metric, CustomMetric):
        raise DefinitionError(
            f"{type(metric).__name__} has code of its own, which is not sent to a platform: run it here with "
            "evaluator.run(…), or say it as a judge or one of the built-in metrics"
        )
    fields = metric.model_dump(mode="json")
    return {
        "bundle_kind": "metric-bundle",
        "bundle_format_version": "v1",
        "metric_type": fields["type"],
        "metadata": {"description": metric.description, "labels": dict(metric.labels or {})},
        "outputs": _outputs(metric),
        "secrets": {_variable(name): name for name in _secrets(metric)},
        "payload": {"kind": "inline", "digest": digest(fields), "metric": fields},
    }


def digest(fields: Mapping[str, Any]) -> str:
    """The SHA-256 of a metric's fields as compact JSON with sorted keys: what its receiver compares."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def fileset_of(dataset: AnyDataset, dataset_glob_pattern: str | None) -> FilesetRef | None:
    """The fileset that a dataset names; None where it is rows, or a place that is read here."""
    if isinstance(dataset, str) and not os.path.exists(dataset) and _REFERENCE.fullmatch(dataset):
        dataset = FilesetRef(root=dataset)
    if not isinstance(dataset, FilesetRef):
        if dataset_glob_pattern is not None:
            raise DefinitionError("dataset_glob_pattern picks files of a fileset, and the dataset is none")
        return None
    return dataset if dataset_glob_pattern is None else dataset.with_fragment(dataset_glob_pattern)


def _dataset(dataset: AnyDataset, pattern: str | None, limit: int | None) -> str | list[dict[str, Any]]:
    reference = fileset_of(dataset, pattern)
    if reference is not None:
        return reference.root
    assert not isinstance(dataset, FilesetRef)
    rows: list[dict[str, Any]] = []
    source = dataset.rows if isinstance(dataset, DatasetRows) else dataset
    with open_rows(os.fspath(source) if isinstance(source, Path) else source, limit=limit) as opened:
        for row in opened:
            if row.item is None:
                raise DataError(f"{row.error}; every row that is sent along must be readable")
            rows.append(dict(row.item))
    if not rows:
        raise DataError("the dataset has no rows")
    return rows


def _outputs(metric: Judge | MetricBase) -> list[dict[str, Any]]:
    outputs: list[dict[str, Any]] = []
    for score in metric.scores:
        description = score.description
        outputs.append({"name": score.name, "description": description, "value_json_schema": {"type": "number"}})
        if not isinstance(score, RangeScore):
            label = {"type": "string", "enum": list(score.labels)}
            outputs.append({"name": f"{score.name}.label", "description": description, "value_json_schema": label})
    return outputs


def _secrets(metric: Judge | MetricBase) -> list[str]:
    models = metric.models.values() if isinstance(metric, Judge) else ()
    named = [model.api_key_secret for model in models if isinstance(model, Model) and model.api_key_secret]
    return list(dict.fromkeys(named))


def _variable(secret: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", secret)
