"""The seam to the outside: how bytes reach a model and come back.

Two methods, so that a second transport (another HTTP library, the embedded model, a script of canned answers in a
test) is a page of code. A transport does not retry, does not limit and does not read what it carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from referee.exchange import FailureKind


@dataclass(slots=True)
class Reply:
    """An HTTP answer: status, headers by lower-case names (or case-insensitive), and the whole body.

    Nobody changes one. It is not frozen since one is made for each call, and that would take three times as long.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds allowed for connecting, between two reads, and for a call as a whole."""

    connect: float = 10.0
    read: float = 600.0
    total: float = 600.0


class TransportError(Exception):
    """No answer came over this transport. `kind` is `unreachable`, `timeout` or `bad_reply`."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind


class Transport(Protocol):
    """Carries one call at a time per `await`; any number of calls may be in flight."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeouts: Timeouts) -> Reply:
        """Send `body` (JSON) to `url` and return the whole answer, whatever its status.

        Raises:
            TransportError: nothing, or only a part of an answer, came.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections and threads. The transport is not used after it."""
        ...
