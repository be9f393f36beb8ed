"""A grader's JSON as the judge or metric that gives the same scores."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import orjson
from pydantic import BaseModel, ValidationError

from referee.errors import DefinitionError, TemplateError
from referee.evaluation.graders.templates import Place, places, read_grader_text, write_template
from referee.evaluation.graders.wire import RESULT, LabelModel, Message, ScoreModel, StringCheck, Text, answer_schema
from referee.evaluation.metrics.checks import StringCheckMetric
from referee.judge import Judge, Model
from referee.judge.explain import explain, report

OPENAI = "https://api.openai.com/v1"
KEY = "OPENAI_API_KEY"
OPERATIONS = {"eq": "equals", "ne": "not equals", "like": "contains", "ilike": "contains"}
LOWER, END = "{% filter lower %}", "{% endfilter %}"
REFUSED = {
    "text_similarity": "its figures are OpenAI's own: of referee's metrics, `rouge` and `bleu` measure likeness, in "
    "the field's usual ways, and are defined by themselves",
    "python": "referee runs no code that comes with data: write it as a metric of your own "
    "(referee.evaluation.metrics) or as an environment in Python",
    "multi": "take each of its graders by itself; an environment with several judges puts them together by its "
    "`reward` expression (docs/environments.md)",
    "endpoint": "referee calls no graders elsewhere: ask it from a metric of your own",
}
_FORMS: dict[str, type[BaseModel]] = {"score_model": ScoreModel, "label_model": LabelModel, "string_check": StringCheck}


def from_grader(
    grader: Mapping[str, Any] | str | os.PathLike[str], *, model: Model | Mapping[str, Any] | str | None = None
) -> Judge | StringCheckMetric:
    """The judge of a `score_model` or `label_model`, or the metric of a `string_check`.

    The judge's score is called `score` or `label` (1 for the labels that pass, 0 for the others). It is read from
    `result` in the JSON that OpenAI's graders ask for, so its endpoint must take a JSON schema.

    Args:
        grader: its JSON, decoded; or the path of a file that holds it.
        model: who judges: an endpoint, or the name of a model that the surroundings resolve. By default the grader's
            model at OpenAI, with the key in OPENAI_API_KEY.

    Raises:
        DefinitionError: it is no grader, or of a type that is not taken: `text_similarity`, `python`, `multi` and
            `endpoint` are refused by name, with what to do instead.
    """
    source = "the grader"
    if not isinstance(grader, Mapping):
        path = Path(grader)
        source = f"the grader {path}"
        try:
            grader = orjson.loads(path.read_bytes())
        except OSError as error:
            raise DefinitionError(f"{source} cannot be read: {error.strerror or error}") from error
        except orjson.JSONDecodeError as error:
            raise DefinitionError(f"{source} is not JSON: {error}") from error
        if not isinstance(grader, Mapping):
            raise DefinitionError(f"{source} is not a JSON object")
    kind = grader.get("type")
    if kind in REFUSED:
        raise DefinitionError(f"{source} is of type {kind}, which is not taken: {REFUSED[kind]}")
    if kind not in _FORMS:
        raise DefinitionError(f"{source} has the type {kind!r}, not one of {', '.join(_FORMS)}")
    try:
        read = _FORMS[kind].model_validate({key: value for key, value in grader.items() if value is not None})
    except ValidationError as error:
        raise DefinitionError(explain(error, _FORMS[kind], source)) from error
    try:
        if isinstance(read, StringCheck):
            return _string_check(read)
        return _judge(cast("ScoreModel | LabelModel", read), model, source)
    except TemplateError as error:
        raise DefinitionError(report([str(error)], source)) from error


def _string_check(grader: StringCheck) -> StringCheckMetric:
    left, right = _template(grader.input), _template(grader.reference)
    if grader.operation == "ilike":
        left, right = (f"{LOWER}{side}{END}" for side in (left, right))
    operation: Any = OPERATIONS[grader.operation]
    return StringCheckMetric(name=grader.name, operation=operation, left_template=left, right_template=right)


def _judge(grader: ScoreModel | LabelModel, model: Any, source: str) -> Judge:
    asked = {"url": OPENAI, "name": grader.model, "api_key_secret": KEY} if model is None else model
    form: dict[str, Any] = {
        "name": grader.name,
        "model": asked,
        "prompt_template": {"messages": [_message(message) for message in grader.input]},
        "inference": {"max_tokens": "unlimited"},
    }
    parser = {"type": "json", "json_path": RESULT}
    if isinstance(grader, LabelModel):
        if strange := [label for label in grader.passing_labels if label not in grader.labels]:
            raise DefinitionError(report([f"passing_labels: {strange[0]!r} is not one of the labels"], source))
        rubric = [{"label": label, "value": int(label in grader.passing_labels)} for label in grader.labels]
        form["scores"] = [{"name": "label", "rubric": rubric, "parser": parser}]
        form["structured_output"] = {"schema": answer_schema({"type": "string", "enum": grader.labels})}
        return Judge.parse(form, source=source)
    low, high = grader.range or (0.0, 1.0)
    form["scores"] = [{"name": "score", "minimum": low, "maximum": high, "parser": parser}]
    form["structured_output"] = {"schema": answer_schema({"type": "number"})}
    given = {} if grader.sampling_params is None else grader.sampling_params.model_dump(exclude_none=True)
    if (effort := given.pop("reasoning_effort", None)) is not None:
        form["reasoning"] = {"effort": effort}
    if (limit := given.pop("max_completions_tokens", None)) is not None:
        form["inference"] = {"max_completion_tokens": limit}
    form["inference"] |= given
    return Judge.parse(form, source=source)


def _message(message: Message) -> dict[str, Any]:
    content = message.content
    if isinstance(content, str):
        return {"role": message.role, "content": _template(content)}
    parts: Sequence[str | Text] = content if isinstance(content, list) else [content]
    texts = [part if isinstance(part, str) else part.text for part in parts]
    return {"role": message.role, "content": [{"type": "text", "text": _template(text)} for text in texts]}


def _template(text: str) -> str:
    pieces = read_grader_text(text)
    for place in places(pieces):
        if place.root == "sample" and place != Place("sample", ("output_text",)):
            raise TemplateError(
                f"{{{{ sample.{'.'.join(map(str, place.keys))} }}}} is not known here: of the answer, templates of "
                f"referee see sample.output_text"
            )
    return write_template(pieces)
