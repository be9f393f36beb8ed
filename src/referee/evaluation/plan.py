"""From what a script or a submitted job says to a `Run`: metrics, settings, a target; and when it ends early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from referee.data import RowSource
from referee.data.source import Source
from referee.errors import DefinitionError, EvaluationError
from referee.evaluation.engine import AnyMetric, RunOptions
from referee.evaluation.metrics.custom import CustomMetric, UserMetric
from referee.evaluation.outcome import Metric, RowOutcome
from referee.evaluation.record import Record, record
from referee.evaluation.run_config import RunConfig, RunConfigOnline, RunConfigOnlineModel
from referee.evaluation.runs import Run
from referee.evaluation.target import Target
from referee.inference import CallOptions, RetryPolicy, Timeouts
from referee.judge import Failed, InferenceParams, Judge, Model, PromptTemplate, ReasoningParams
from referee.judge.explain import explain

TARGET_MAX_TOKENS = 4096
_TOKEN_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


def plan_run(
    metrics: Sequence[AnyMetric],
    rows: Source | RowSource,
    config: RunConfig,
    target: Model | None = None,
    prompt_template: str | Mapping[str, Any] | None = None,
) -> Run:
    """The run of these metrics, as the settings want it.

    Args:
        metrics: with names of their own, see `named_apart`.
        rows: what is evaluated.
        config: concurrency, limit, and for online runs more.
        target: the model that writes the answers first (an online run).
        prompt_template: what the target is asked; by default the row's messages or prompt.

    Raises:
        DefinitionError: these do not go together.
    """
    return Run(
        metrics,
        rows,
        target=_target(target, config, prompt_template),
        limit=config.limit_samples,
        options=RunOptions(concurrency=config.parallelism),
        calls=_calls(config),
    )


class StopRule:
    """Ends a run at the first failure that neither its judge nor the settings ignore."""

    def __init__(self, metrics: Sequence[AnyMetric], config: RunConfig, *, online: bool) -> None:
        self._ignores_all = isinstance(config, RunConfigOnline) and config.ignore_request_failure
        self._ignores = {
            metric.name for metric in metrics if isinstance(metric, Judge) and metric.ignore_request_failure
        }
        self._online = online
        self._failed = False

    def check(self, outcome: RowOutcome, made: Record | None = None) -> None:
        """Look at a row; `made` is the record of its verdicts, where that is made already.

        Raises:
            EvaluationError: the row failed. Rows that end after it are let through.
        """
        if self._ignores_all or self._failed:
            return
        no_answer = self._online and not outcome.sample
        for metric, verdict in outcome.verdicts.items():
            failure = next((score for score in verdict.scores.values() if isinstance(score, Failed)), None)
            if failure is not None and (no_answer or metric not in self._ignores):
                self._failed = True
                errors = (made or record(outcome.verdicts)).metric_errors or {}
                raise EvaluationError(outcome.row.index, metric, errors[metric], failure.kind)


def named_apart(metrics: Sequence[AnyMetric | UserMetric]) -> list[AnyMetric]:
    """The metrics, the second of a name with `_2` at the end of it, the third with `_3`."""
    seen: dict[str, int] = {}
    named: list[AnyMetric] = []
    for metric in map(_as_metric, metrics):
        seen[metric.name] = count = seen.get(metric.name, 0) + 1
        if count > 1 and isinstance(metric, BaseModel):
            metric = metric.model_copy(update={"name": f"{metric.name}_{count}"})
        named.append(metric)
    return named


def _as_metric(metric: Any) -> AnyMetric:
    if isinstance(metric, Judge | Metric):
        return metric
    if hasattr(metric, "compute_scores") and hasattr(metric, "output_spec"):
        return CustomMetric.of(metric)
    raise DefinitionError(
        f"{type(metric).__name__} is no metric: give a judge, one of referee.evaluation.metrics, "
        "or an object with name, scores and deliberate (referee.evaluation.outcome.Metric)"
    )


def _calls(config: RunConfig) -> CallOptions:
    options = CallOptions(concurrency=config.parallelism)
    if not isinstance(config, RunConfigOnline):
        return options
    options = replace(options, retry=RetryPolicy(retries=config.max_retries))
    if config.request_timeout is None:
        return options
    seconds = config.request_timeout
    return replace(options, timeouts=Timeouts(min(Timeouts().connect, seconds), seconds, seconds))


def _target(model: Model | None, config: RunConfig, prompt_template: str | Mapping[str, Any] | None) -> Target | None:
    if model is None:
        if prompt_template is not None:
            raise DefinitionError("prompt_template is what a target is asked, and the run has no target")
        return None
    if not isinstance(model, Model):  # pyright: ignore[reportUnnecessaryIsInstance] - scripts for the original may have others
        raise DefinitionError(f"the target is a {type(model).__name__}: give a Model, with url and name")
    online = config if isinstance(config, RunConfigOnlineModel) else RunConfigOnlineModel()
    inference = online.inference or InferenceParams()
    if not any(getattr(inference, name, None) for name in _TOKEN_LIMITS):
        inference = inference.model_copy(update={"max_tokens": TARGET_MAX_TOKENS})
    schema = online.structured_output
    return Target(
        model,
        prompt_template=None if prompt_template is None else _prompt(prompt_template),
        inference=inference,
        system_prompt=online.system_prompt,
        reasoning=online.reasoning or ReasoningParams(),
        structured_output=schema.get("schema", schema) if schema else None,
    )


def _prompt(template: str | Mapping[str, Any]) -> PromptTemplate:
    fields = {"messages": [{"role": "user", "content": template}]} if isinstance(template, str) else dict(template)
    try:
        return PromptTemplate.model_validate(fields)
    except ValidationError as error:
        raise DefinitionError(explain(error, PromptTemplate, "prompt_template")) from error
