"""`Connections`: the endpoints in use and the transports to them, of one run or of several that follow one another.

What is learnt of an endpoint (how many calls it bears, which structured output it takes) and the sockets to it outlive
a run that way; and runs at the same time together make no more calls at once than one of them alone may.
"""

from __future__ import annotations

from collections.abc import Mapping

from referee.inference.endpoint import EMBEDDED, Endpoint, Secrets, open_endpoint
from referee.inference.http import HttpTransport
from referee.inference.plain_http import Refuse
from referee.inference.transport import Transport
from referee.judge.models import Model


class Connections:
    """An async context manager, which closes what it opened; belongs to one event loop.

    Args:
        secrets: finds keys by name; the environment by default.
        transports: by url scheme, to be used instead of the built-in ones; they are not closed here.
        refuse: says of a host and its address why they must not be called, or None; by default all may be.
    """

    def __init__(
        self,
        secrets: Secrets | None = None,
        transports: Mapping[str, Transport] | None = None,
        refuse: Refuse | None = None,
    ) -> None:
        self._refuse = refuse
        self._secrets = secrets
        self._given = transports or {}
        self._transports: dict[str, Transport] = dict(self._given)
        self._endpoints: dict[tuple[str | None, ...], Endpoint] = {}
        self._by_model: dict[int, tuple[Endpoint, Model]] = {}

    async def __aenter__(self) -> Connections:
        return self

    async def __aexit__(self, *_: object) -> None:
        for scheme, transport in self._transports.items():
            if scheme not in self._given:
                await transport.aclose()
        self._transports = dict(self._given)

    @property
    def endpoints(self) -> list[Endpoint]:
        """The endpoints in use."""
        return list(self._endpoints.values())

    def endpoint(self, model: Model, concurrency: int) -> Endpoint:
        """The endpoint of a model; the same one for models at the same place with the same key.

        Args:
            model: where it is, and the name of its key.
            concurrency: the most calls in flight at once, where the endpoint is not known yet.

        Raises:
            DefinitionError: its url is not one.
            SecretError: its key was not found.
        """
        known = self._by_model.get(id(model))
        if known is not None:
            return known[0]
        key = (model.url, model.api, model.api_key_secret, repr(model.default_headers))
        if model.url == EMBEDDED:
            key = (*key, model.name)
        if key not in self._endpoints:
            self._endpoints[key] = open_endpoint(model, concurrency, self._secrets, self._given)
        self._by_model[id(model)] = (self._endpoints[key], model)
        return self._endpoints[key]

    def transport(self, endpoint: Endpoint) -> Transport:
        """What carries the calls to an endpoint, opened when it is first asked for."""
        transport = self._transports.get(endpoint.scheme)
        if transport is None:
            transport = self._transports[endpoint.scheme] = self._open(endpoint.scheme)
        return transport

    def _open(self, scheme: str) -> Transport:
        if scheme == EMBEDDED:
            from referee.inference.embedded import EmbeddedTransport

            return EmbeddedTransport()
        http = self._transports.get("https") or self._transports.get("http")
        return http if isinstance(http, HttpTransport) else HttpTransport(self._refuse)
