"""A judge or metric as the grader's JSON that gives the same scores, where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from referee.errors import DefinitionError, TemplateError
from referee.evaluation.graders.incoming import END, LOWER
from referee.evaluation.graders.templates import read_template, write_grader_text
from referee.evaluation.graders.wire import RESULT
from referee.evaluation.metrics.base import MetricBase
from referee.evaluation.metrics.checks import StringCheckMetric
from referee.judge import Judge, Model, RangeScore
from referee.judge.explain import report
from referee.judge.prompt import Syntax
from referee.judge.thinking import ReasoningParams

_ROLES = ("user", "assistant", "system", "developer")
_SAMPLING = {
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "max_tokens": "max_completions_tokens",
    "max_completion_tokens": "max_completions_tokens",
    "max_output_tokens": "max_completions_tokens",
    "reasoning_effort": "reasoning_effort",
}
_OPERATIONS = {
    **dict.fromkeys(("equals", "=="), "eq"),
    **dict.fromkeys(("not equals", "!=", "<>"), "ne"),
    "contains": "like",
}


def to_grader(metric: Judge | MetricBase) -> dict[str, Any]:
    """The grader of a judge with one score, or of a `string-check`: `score_model`, `label_model`, `string_check`.

    OpenAI's graders read their model's answer from a JSON form of their own, so that it matters little whether the
    judge's parser is `json` or `label`; a pattern or token probabilities they do not read.

    Raises:
        DefinitionError: it says what no grader can; all such things at once, each with what to do.
    """
    if isinstance(metric, Judge):
        return _of_judge(metric)
    source = f"the metric {metric.name!r}"
    if not isinstance(metric, StringCheckMetric):
        kind = type(metric).model_fields["type"].default
        raise DefinitionError(report([f"no grader gives the figures of {kind}: string-check has one"], source))
    operation = _OPERATIONS.get(metric.operation)
    if operation is None:
        raise DefinitionError(report([f"no grader has the operation {metric.operation!r}"], source))
    sides = [metric.left_template, metric.right_template]
    if operation == "like" and all(side.startswith(LOWER) and side.endswith(END) for side in sides):
        operation, sides = "ilike", [side[len(LOWER) : -len(END)] for side in sides]
    mistakes: list[str] = []
    left, right = (_text(side, "jinja", mistakes) for side in sides)
    if mistakes:
        raise DefinitionError(report(mistakes, source))
    return {"type": "string_check", "name": metric.name, "input": left, "reference": right, "operation": operation}


def _of_judge(judge: Judge) -> dict[str, Any]:
    mistakes: list[str] = []
    score = judge.scores[0]
    if len(judge.scores) > 1:
        mistakes.append(f"scores: a grader gives one score, and here are {len(judge.scores)}: make a judge of each")
    if judge.protocol.type != "single":
        mistakes.append(f"protocol: a grader asks once, and this is {judge.protocol.type}: leave it out")
    if score.parser.type not in ("json", "label"):
        mistakes.append(f"scores.0.parser: a grader does not read by {score.parser.type}: use json or label")
    if judge.optional_fields:
        mistakes.append("optional_fields: a grader's fields are all required: leave them out of the prompt")
    if judge.structured_output and RESULT not in (judge.answer_schema or {}).get("properties", {}):
        mistakes.append("structured_output: a grader has an answer form of its own: leave it out")
    if judge.reasoning.model_copy(update={"effort": None}) != ReasoningParams():
        mistakes.append("reasoning: a grader does not cut thinking by marks: leave it out")
    if judge.reward is not None and (judge.reward.if_unclear or judge.reward.if_failed != "judge_failed"):
        mistakes.append("reward: a grader says nothing of unclear and failed answers: leave if_unclear, if_failed out")
    name = judge.model.upstream_name if isinstance(judge.model, Model) else judge.model
    head = {"name": judge.name, "model": name, "input": _input(judge, mistakes)}
    grader = (_scoring if isinstance(score, RangeScore) else _labelling)(judge, head, mistakes)
    if mistakes:
        raise DefinitionError(report(mistakes, f"the judge {judge.name!r} as a grader"))
    return grader


def _scoring(judge: Judge, head: dict[str, Any], mistakes: list[str]) -> dict[str, Any]:
    score = judge.scores[0]
    if judge.reward is not None and judge.reward.scale not in (None, (0.0, 1.0)):
        mistakes.append(
            f"reward.scale: a grader's score is what it says, from {score.minimum:g} to {score.maximum:g}, and becomes "
            f"no other number: leave it out, or ask for a score from 0 to 1"
        )
    sampling: dict[str, Any] = {}
    for parameter, value in _parameters(judge).items():
        if parameter not in _SAMPLING:
            mistakes.append(f"inference.{parameter}: a grader has no such parameter: leave it out")
        sampling[_SAMPLING.get(parameter, parameter)] = value
    grader = {"type": "score_model", **head, "range": [float(score.minimum), float(score.maximum)]}
    return grader | ({"sampling_params": sampling} if sampling else {})


def _labelling(judge: Judge, head: dict[str, Any], mistakes: list[str]) -> dict[str, Any]:
    worth = judge.scores[0].values()
    if judge.reward is not None and judge.reward.values is not None:
        worth = {label: judge.reward.values[label] for label in worth}
    elif judge.reward is not None and judge.reward.scale is not None:
        low, high = judge.reward.scale
        worth = {label: (value - low) / (high - low) for label, value in worth.items()}
    if set(worth.values()) - {0.0, 1.0}:
        told = ", ".join(f"{label} {value:g}" for label, value in worth.items())
        mistakes.append(f"scores.0.rubric: in a grader a label passes (1) or not (0), and here they are worth {told}")
    given = judge.inference.model_dump(exclude_unset=True).get("max_tokens")
    for parameter in _parameters(judge):
        if parameter != "max_tokens" or given is not None:  # the limit that judges have by default is none to keep
            mistakes.append(f"inference.{parameter}: a label_model has no sampling parameters: leave it out")
    passing = [label for label, value in worth.items() if value == 1]
    return {"type": "label_model", **head, "labels": list(worth), "passing_labels": passing}


def _parameters(judge: Judge) -> dict[str, Any]:
    return {} if judge.model is None else judge.parameters(judge.model)


def _input(judge: Judge, mistakes: list[str]) -> list[dict[str, Any]]:
    template = judge.template
    messages: list[dict[str, Any]] = []
    for message in template.messages:
        role, content = message["role"], message["content"]
        if role not in _ROLES:
            mistakes.append(f"prompt_template: a grader has no messages of the role {role!r}, but {', '.join(_ROLES)}")
        if isinstance(content, str):
            messages.append({"role": role, "content": _text(content, template.syntax, mistakes)})
            continue
        parts: list[dict[str, str]] = []
        for part in content:
            text = (
                part.get("text") if isinstance(part, Mapping) and part.get("type") in ("text", "input_text") else None
            )
            if text is None:
                mistakes.append("prompt_template: only parts that are text are taken over to a grader")
            parts.append({"type": "input_text", "text": _text(text or "", template.syntax, mistakes)})
        messages.append({"role": role, "content": parts})
    return messages


def _text(template: str, syntax: Syntax, mistakes: list[str]) -> str:
    try:
        return write_grader_text(read_template(template, syntax))
    except TemplateError as error:
        mistakes.append(f"{template if len(template) < 60 else template[:57] + '…'!r}: {error}")
        return ""
