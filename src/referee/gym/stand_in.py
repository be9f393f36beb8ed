"""What stands where a configuration says nothing of its models, for checks and for scoring without servers.

An environment alone names model servers that another file would bring. To load it, these values stand in for them; they
are never called: either an endpoint takes their place, or whoever needs one is told how to give it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from referee.gym.configuration import Configuration, ServerConfig
from referee.gym.configuration.search import BUNDLED
from referee.inference.endpoint import EMBEDDED, environment_secret, resolve_url
from referee.judge import Model

_KIND = "responses_api_models"
_NOWHERE = "http://127.0.0.1:9/v1"
VALUES: dict[str, Any] = {
    "policy_base_url": _NOWHERE,
    "policy_api_key": "unset",
    "policy_model_name": "unset",
    "policy_model": {
        _KIND: {
            "openai_model": {
                "entrypoint": "app.py",
                "openai_base_url": "${policy_base_url}",
                "openai_api_key": "${policy_api_key}",
                "openai_model": "${policy_model_name}",
            }
        }
    },
}
"""Top-level keys for where nothing else has them."""
JUDGE_VALUES: dict[str, Any] = {"judge_base_url": _NOWHERE, "judge_api_key": "unset", "judge_model_name": "unset"}
"""The same for a judge of its own, where an endpoint takes its place."""


def endpoint_in_place_of(configuration: Configuration, model: Model) -> Configuration:
    """The configuration with every model server of it in front of one endpoint.

    Raises:
        DefinitionError: the endpoint's url is not one.
        SecretError: its key was not found.
    """
    implementation, settings = _settings(model)
    folder = BUNDLED / _KIND / implementation

    def replaced(server: ServerConfig) -> ServerConfig:
        if server.kind != _KIND:
            return server
        return replace(
            server,
            implementation=implementation,
            entrypoint="app.py",
            folder=folder,
            folders=(folder,),
            in_process=True,
            settings=settings,
        )

    return replace(configuration, servers=tuple(map(replaced, configuration.servers)))


def describe_missing_policy(called: Collection[str], configuration: Configuration) -> str | None:
    """What to do where a model server that is called has a value that only stands in; None where none has."""
    for server in configuration.servers:
        if server.name in called and server.settings.get("openai_base_url") == _NOWHERE:
            return (
                f"{server.name} judges, and nothing says where it is: give judge={{'url': …, 'name': …}}, or set "
                f"policy_base_url, policy_api_key and policy_model_name in env.yaml or as '++policy_base_url=…'"
            )
    return None


def _settings(model: Model) -> tuple[str, dict[str, Any]]:
    """A model server's implementation and settings for an endpoint."""
    common: dict[str, Any] = {}
    if model.price is not None:
        common["price"] = model.price.model_dump()
    if model.inference is not None:
        common["extra_body"] = model.inference.model_dump(exclude_unset=True)
    if model.url == EMBEDDED:
        return "embedded_model", {"model": model.name, **common}
    url, api = resolve_url(model)
    base = url.partition("?")[0].removesuffix("/chat/completions").removesuffix("/responses")
    key = environment_secret(model.api_key_secret) if model.api_key_secret else ""
    headers = dict(model.default_headers or {})
    if api == "responses":
        names = ("openai_base_url", "openai_api_key", "openai_model", "openai_default_headers")
        return "openai_model", dict(zip(names, (base, key, model.upstream_name, headers), strict=True)) | common
    names = ("base_url", "api_key", "model", "default_headers")
    return "vllm_model", dict(zip(names, (base, key, model.upstream_name, headers), strict=True)) | common
