"""What a job is asked to do, read from the spec of either generation of clients.

0.1 sends one `metric`, 0.6 a list of `metrics` in bundles. A bundle with pickled code is refused and never opened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from referee.errors import DefinitionError, PlatformError, TemplateError
from referee.evaluation.engine import AnyMetric
from referee.evaluation.metrics import parse_metric
from referee.evaluation.plan import named_apart, plan_run
from referee.evaluation.run_config import FieldMapping, RunConfig, RunConfigOnline, RunConfigOnlineModel
from referee.evaluation.runs import Run
from referee.inference.endpoint import EMBEDDED
from referee.judge import Judge, Model
from referee.platform.egress import check_url
from referee.platform.problems import invalid
from referee.platform.settings import Settings

Generation = Literal["0.1", "0.6"]
Place = tuple[str | int, ...]

_KNOWN = frozenset(
    {"metric", "metrics", "dataset", "params", "target", "prompt_template", "field_mapping", "publication"}
)
_OF_CLIENTS = frozenset({"supported_job_types", "job_type"})
"""What clients add to a metric and no run needs."""
_SPEC: Place = ("body", "spec")
_Part = TypeVar("_Part", bound=BaseModel)


@dataclass(frozen=True)
class JobSpec:
    """A spec, read.

    Args:
        generation: of the clients that send such.
        metrics: names unique.
        dataset: the rows, or a reference to files (`workspace/fileset#fragment`).
        config: concurrency, limit, and for online runs more.
        target: the model that writes the answers first.
        prompt_template: what it is asked.
        field_mapping: which columns stand for which fields.
        aliases: names under which bundles know secrets, and the secrets' own.
    """

    generation: Generation
    metrics: Sequence[AnyMetric]
    dataset: str | Sequence[Any]
    config: RunConfig
    target: Model | None
    prompt_template: str | Mapping[str, Any] | None
    field_mapping: FieldMapping | None
    aliases: Mapping[str, str]

    def run(self) -> Run:
        """The run over no rows yet."""
        return plan_run(self.metrics, [], self.config, self.target, self.prompt_template)

    def models(self) -> list[Model]:
        """All models that are called."""
        found = [self.target] if self.target else []
        for metric in self.metrics:
            if isinstance(metric, Judge):
                found += [model for model in metric.models.values() if isinstance(model, Model)]
        return found


def read_spec(spec: Mapping[str, Any]) -> JobSpec:
    """Read a submitted spec.

    Raises:
        HTTPException: 422, it cannot be run; the answer says which part, and why.
    """
    if unknown := sorted(spec.keys() - _KNOWN):
        raise invalid((*_SPEC, unknown[0]), "Extra inputs are not permitted", spec[unknown[0]], "extra_forbidden")
    if "metric" in spec and "metrics" in spec:
        raise invalid(_SPEC, "give either metric or metrics", None)
    if spec.get("publication") is not None:
        raise invalid((*_SPEC, "publication"), "results are not published anywhere here: leave it out", None)
    aliases: dict[str, str] = {}
    if "metric" in spec:
        generation: Generation = "0.1"
        metrics = [_metric(spec["metric"], (*_SPEC, "metric"))]
    else:
        generation = "0.6"
        metrics = _bundles(spec, aliases)
    read = JobSpec(
        generation,
        named_apart(metrics),
        _dataset(spec),
        _config(spec),
        _part(Model, spec, "target"),
        _prompt(spec),
        _part(FieldMapping, spec, "field_mapping"),
        aliases,
    )
    try:
        read.run()
    except DefinitionError as error:
        raise invalid(_SPEC, str(error), None) from error
    for metric in read.metrics:
        if isinstance(metric, Judge) and any(isinstance(model, str) for model in metric.models.values()):
            raise invalid((*_SPEC, "metrics"), "a model is named, and none are kept here: give {url, name}", None)
    return read


def check_urls(spec: JobSpec, settings: Settings) -> None:
    """Refuse a spec whose models must not be called from here. Blocks.

    Raises:
        PlatformError: the message says which, and why.
    """
    for model in spec.models():
        if not model.url.startswith(EMBEDDED):
            check_url(model.url, settings)


def check_urls_sent(spec: JobSpec, settings: Settings) -> None:
    """The same where a spec is submitted.

    Raises:
        HTTPException: 422.
    """
    try:
        check_urls(spec, settings)
    except PlatformError as error:
        raise invalid((*_SPEC, "metrics" if spec.generation == "0.6" else "metric"), str(error), None) from error


def _bundles(spec: Mapping[str, Any], aliases: dict[str, str]) -> list[AnyMetric]:
    place = (*_SPEC, "metrics")
    if "metrics" not in spec:
        raise invalid(place, "Field required", dict(spec), "missing")
    bundles = spec["metrics"]
    if not isinstance(bundles, list) or not bundles:
        raise invalid(place, "is no list of metrics", bundles)
    return [_bundle(bundle, (*place, at), aliases) for at, bundle in enumerate(bundles)]


def _bundle(bundle: Any, place: Place, aliases: dict[str, str]) -> AnyMetric:
    if isinstance(bundle, str):
        raise invalid(place, "metrics are not stored here: send the metric itself", bundle)
    if isinstance(bundle, dict) and "payload" not in bundle and "type" in bundle:
        return _metric(bundle, place)
    payload = bundle.get("payload") if isinstance(bundle, dict) else None
    if not isinstance(payload, dict):
        raise invalid(place, "is no bundle: it needs a payload of kind inline, with a metric", None)
    if payload.get("kind") != "inline":
        raise invalid(
            (*place, "payload", "kind"),
            "a bundle with pickled code is never opened here, as it could do anything: send a metric of kind inline",
            str(payload.get("kind"))[:100],
        )
    if "metric" not in payload:
        raise invalid((*place, "payload", "metric"), "Field required", None, "missing")
    digest = payload.get("digest")
    if digest is not None and digest not in _digests(payload["metric"]):
        raise invalid((*place, "payload", "digest"), "is not that of the metric, which was changed on the way", digest)
    secrets = bundle.get("secrets") or {}
    if not isinstance(secrets, dict) or not all(isinstance(name, str) for name in secrets.values()):
        raise invalid((*place, "secrets"), "is no object of names", None)
    aliases.update(secrets)
    return _metric(payload["metric"], (*place, "payload", "metric"))


def _digests(metric: Any) -> set[str]:
    return {
        hashlib.sha256(
            json.dumps(metric, sort_keys=True, separators=(",", ":"), ensure_ascii=escaped).encode("utf-8", "replace")
        ).hexdigest()
        for escaped in (True, False)
    }


def _metric(fields: Any, place: Place) -> AnyMetric:
    if not isinstance(fields, dict):
        raise invalid(place, "is no metric, an object with a type", fields)
    plain = {name: value for name, value in fields.items() if name not in _OF_CLIENTS}
    try:
        return parse_metric(plain, source="the metric")
    except (DefinitionError, TemplateError) as error:
        raise invalid(place, str(error), None) from error


def _dataset(spec: Mapping[str, Any]) -> str | Sequence[Any]:
    place = (*_SPEC, "dataset")
    if "dataset" not in spec:
        raise invalid(place, "Field required", None, "missing")
    dataset = spec["dataset"]
    if isinstance(dataset, dict) and dataset.keys() == {"rows"}:
        dataset = dataset["rows"]
    if isinstance(dataset, dict) and dataset.keys() == {"root"}:
        dataset = dataset["root"]
    if isinstance(dataset, str) and dataset.strip():
        return dataset
    if isinstance(dataset, list) and dataset:
        return dataset
    raise invalid(place, "is neither a list of rows nor a reference, as in workspace/fileset#path", None)


def _config(spec: Mapping[str, Any]) -> RunConfig:
    place = (*_SPEC, "params")
    given = spec.get("params") or {}
    if not isinstance(given, dict):
        raise invalid(place, "is no object of settings", given)
    kinds: tuple[type[RunConfig], ...] = (RunConfig, RunConfigOnline, RunConfigOnlineModel)
    kind = next((kind for kind in kinds if given.keys() <= kind.model_fields.keys()), kinds[-1])
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        _refuse(error, place)


def _part(kind: type[_Part], spec: Mapping[str, Any], name: str) -> _Part | None:
    if spec.get(name) is None:
        return None
    try:
        return kind.model_validate(spec[name])
    except ValidationError as error:
        _refuse(error, (*_SPEC, name))


def _prompt(spec: Mapping[str, Any]) -> str | Mapping[str, Any] | None:
    template = spec.get("prompt_template")
    if template is None or isinstance(template, str | dict):
        return template
    raise invalid((*_SPEC, "prompt_template"), "is neither a text nor an object with messages", template)


def _refuse(error: ValidationError, place: Place) -> NoReturn:
    first = error.errors()[0]
    raise invalid((*place, *first["loc"]), first["msg"], None, first["type"]) from error
