"""A job as a YAML file: what is judged, by what, and how.

    workspace: mine                      # or --workspace
    judge: judge.yaml                    # or metrics: [judge.yaml, {type: exact-match, …}]
    dataset: mine/answers#rows.jsonl     # a fileset, a file beside this one, or the rows themselves
    params: {parallelism: 8, limit_samples: 100}

A file with a `spec` is sent as it stands: a job as either release of NeMo Platform spells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from referee.client.references import FilesetRef
from referee.client.submission import job_spec
from referee.errors import DefinitionError
from referee.evaluation.metrics import parse_metric
from referee.evaluation.run_config import FieldMapping, RunConfig, RunConfigOnlineModel
from referee.judge import Judge, Model
from referee.judge.explain import explain


class JobFile(BaseModel):
    """The file's content.

    Args:
        workspace: where the job belongs.
        judge: a judge, or the name of a judge file beside this one.
        metrics: several metrics, each as for `judge`.
        dataset: a fileset (`workspace/name#path`), a file of rows, or a list of rows.
        params: concurrency and limit; with a target also how it is called.
        target: the model that writes the answers first.
        prompt_template: what the target is asked.
        field_mapping: which columns stand for which fields.
    """

    model_config = ConfigDict(extra="forbid")

    workspace: str | None = None
    judge: str | dict[str, Any] | None = None
    metrics: list[str | dict[str, Any]] | None = None
    dataset: str | list[dict[str, Any]]
    params: dict[str, Any] | None = None
    target: Model | None = None
    prompt_template: str | dict[str, Any] | None = None
    field_mapping: FieldMapping | None = None


@dataclass(frozen=True)
class Submission:
    """What a file asks for: a spec, ready to be sent, and where to."""

    spec: Mapping[str, Any]
    workspace: str | None


def read(file: Path) -> Submission:
    """The submission that a file describes.

    Raises:
        DefinitionError: the file, or a judge that it names, says something that cannot be meant.
        DataError: its rows cannot be read.
    """
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DefinitionError(f"the job file {file} is not YAML: {error}") from error
    if not isinstance(data, dict):
        raise DefinitionError(f"the job file {file} is no mapping with judge (or metrics) and dataset")
    if "spec" in data:
        if unknown := data.keys() - {"spec", "workspace"}:
            raise DefinitionError(f"the job file {file} has a spec, and beside it {', '.join(sorted(unknown))}")
        return Submission(data["spec"], data.get("workspace"))
    try:
        job = JobFile.model_validate(data)
        params = (RunConfigOnlineModel if job.target else RunConfig).model_validate(job.params or {})
    except ValidationError as error:
        raise DefinitionError(explain(error, JobFile, f"the job file {file}")) from error
    return Submission(
        job_spec(
            metrics=_metrics(job, file),
            dataset=_dataset(job.dataset, file.parent),
            config=params,
            target=job.target,
            field_mapping=job.field_mapping,
            prompt_template=job.prompt_template,
        ),
        job.workspace,
    )


def _metrics(job: JobFile, file: Path) -> list[object]:
    if (job.judge is None) == (job.metrics is None):
        raise DefinitionError(f"the job file {file} must have either judge or metrics")
    given = [job.judge] if job.judge is not None else job.metrics or []
    return [_metric(one, file) for one in given]


def _metric(given: str | dict[str, Any], file: Path) -> object:
    if isinstance(given, str):
        return Judge.load(file.parent / given)
    return parse_metric(given, source=f"a metric of {file}")


def _dataset(given: str | list[dict[str, Any]], folder: Path) -> Any:
    if not isinstance(given, str):
        return given
    if "://" in given or (folder / given).exists():
        return given if "://" in given else folder / given
    return FilesetRef(root=given)
