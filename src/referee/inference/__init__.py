"""Talking to models: request in, response or failure out; endpoints, limits, retries, the journal, usage and cost.

The names are imported when they are first used, so that who needs one of them does not wait for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from referee.on_use import import_on_use

if TYPE_CHECKING:
    from referee.inference.caller import Caller, CallOptions, RowCalls
    from referee.inference.endpoint import Endpoint, environment_secret, resolve_url
    from referee.inference.journal import Journal, Place
    from referee.inference.meter import Budget, Meter
    from referee.inference.retries import RetryPolicy
    from referee.inference.transport import Reply, Timeouts, Transport, TransportError

_HOMES = {
    "Budget": ".meter",
    "CallOptions": ".caller",
    "Caller": ".caller",
    "Endpoint": ".endpoint",
    "Journal": ".journal",
    "Meter": ".meter",
    "Place": ".journal",
    "Reply": ".transport",
    "RetryPolicy": ".retries",
    "RowCalls": ".caller",
    "Timeouts": ".transport",
    "Transport": ".transport",
    "TransportError": ".transport",
    "environment_secret": ".endpoint",
    "resolve_url": ".endpoint",
}

__all__ = [
    "Budget",
    "CallOptions",
    "Caller",
    "Endpoint",
    "Journal",
    "Meter",
    "Place",
    "Reply",
    "RetryPolicy",
    "RowCalls",
    "Timeouts",
    "Transport",
    "TransportError",
    "environment_secret",
    "resolve_url",
]

__getattr__ = import_on_use(__name__, _HOMES)
