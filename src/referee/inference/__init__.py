"""Talking to models: request in, response or failure out; endpoints, limits, retries, the journal, usage and cost.

The names are imported when they are first used, so that who needs one of them does not wait for all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from referee.inference.caller import Caller, CallOptions, RowCalls
    from referee.inference.endpoint import Endpoint, environment_secret, resolve_url
    from referee.inference.journal import Journal, Place
    from referee.inference.meter import Budget, Meter
    from referee.inference.retries import RetryPolicy
    from referee.inference.transport import Reply, Timeouts, Transport, TransportError

_HOMES = {
    "Budget": "meter",
    "CallOptions": "caller",
    "Caller": "caller",
    "Endpoint": "endpoint",
    "Journal": "journal",
    "Meter": "meter",
    "Place": "journal",
    "Reply": "transport",
    "RetryPolicy": "retries",
    "RowCalls": "caller",
    "Timeouts": "transport",
    "Transport": "transport",
    "TransportError": "transport",
    "environment_secret": "endpoint",
    "resolve_url": "endpoint",
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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value
