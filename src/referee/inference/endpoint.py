"""An endpoint as it is used: the url that is posted to, its API, headers with the key, and what was learnt of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote, urlsplit

from referee.errors import DefinitionError, SecretError
from referee.inference.limits import AdaptiveLimit
from referee.inference.redaction import Redaction
from referee.inference.wire import STRUCTURES, Api, Encoder, Structure
from referee.judge.models import Model

Secrets = Callable[[str], str]
_PATHS: dict[Api, str] = {"chat": "/chat/completions", "responses": "/responses"}
EMBEDDED = "embedded"


@dataclass
class Endpoint:
    """One place to call, shared by all judges and targets that name it.

    Args:
        url: the full url that is posted to.
        api: the form of its bodies.
        headers: sent with each call; hold the key, so they are never shown.
        redaction: strikes the key, and what else the headers keep secret, out of answers that repeat it.
        limit: how many calls it is given at once.
        structures: by model, the kind of structured output that a call went through with.
    """

    url: str
    api: Api
    headers: Mapping[str, str] = field(repr=False)
    redaction: Redaction
    limit: AdaptiveLimit
    encoder: Encoder
    structures: dict[str, Structure] = field(default_factory=dict[str, Structure])

    @cached_property
    def scheme(self) -> str:
        """What the url begins with: which transport carries the calls."""
        return self.url.partition(":")[0]

    def weaker(self, structure: Structure) -> Structure:
        """The next kind of structured output after `structure`, at last `none`."""
        return STRUCTURES[min(STRUCTURES.index(structure) + 1, len(STRUCTURES) - 1)]


def open_endpoint(
    model: Model, concurrency: int, secrets: Secrets | None = None, schemes: Collection[str] = ()
) -> Endpoint:
    """The endpoint of a model.

    Args:
        model: where it is, and the name of its key.
        concurrency: the most calls in flight at once.
        secrets: finds a key by its name; the environment by default.
        schemes: of urls, beside http and https, that there are transports for.

    Raises:
        DefinitionError: the url is not one.
        SecretError: the key was not found.
    """
    url, api = resolve_url(model, schemes)
    secret = (secrets or environment_secret)(model.api_key_secret) if model.api_key_secret else None
    headers = {"Content-Type": "application/json"}
    if secret is not None:
        headers["Authorization"] = f"Bearer {secret}"
    headers.update(model.default_headers or {})
    return Endpoint(url, api, headers, Redaction.of_headers(headers), AdaptiveLimit(concurrency), Encoder(api))


def resolve_url(model: Model, schemes: Collection[str] = ()) -> tuple[str, Api]:
    """The url that is posted to and its API, from a base url or a full one; a query stays where it belongs."""
    url, mark, query = model.url.strip().partition("?")
    url = url.rstrip("/")
    if url == EMBEDDED or url.startswith(f"{EMBEDDED}:"):
        url = f"{EMBEDDED}://{quote(model.name, safe='')}"
    elif not _is_address(url, ("http", "https", *schemes)):
        raise DefinitionError(
            f"the model url {model.url!r} is neither http(s)://… nor {EMBEDDED!r}: give the endpoint's base url"
        )
    elif "@" in urlsplit(url).netloc:
        raise DefinitionError("the model url holds a password: leave it out, and name the key by api_key_secret")
    for api, path in _PATHS.items():
        if url.endswith(path):
            if model.api not in (None, api):
                raise DefinitionError(f"the model url {model.url!r} ends in {path}, and api says {model.api!r}")
            return url + mark + query, api
    api = model.api or "chat"
    return url + _PATHS[api] + mark + query, api


def _is_address(url: str, schemes: Collection[str]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname)
    except ValueError:
        return False


def environment_secret(name: str) -> str:
    """A key from the environment: under its name as given, in upper case, and with `-` and `/` as `_`."""
    looked_for: list[str] = []
    plain = name.replace("-", "_").replace("/", "_")
    for spelling in (name, name.upper(), plain, plain.upper()):
        if spelling not in looked_for:
            looked_for.append(spelling)
            if value := os.environ.get(spelling, "").strip():
                return value
    raise SecretError(
        f"the key {name!r} is not set: looked for the environment variable{'s' * (len(looked_for) > 1)} "
        f"{', '.join(looked_for)}; export one of them"
    )
