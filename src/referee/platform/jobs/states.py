"""The states of a job, and which may follow which."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a job stands.

    `created`: submitted. `pending`: taken up, its rows are being read (or it is to go on). `active`: rows are judged.
    `error`: over, until somebody has mended what was wrong and resumes it.
    """

    created = "created"
    pending = "pending"
    active = "active"
    paused = "paused"
    cancelling = "cancelling"
    cancelled = "cancelled"
    completed = "completed"
    error = "error"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows by itself."""
        return self in (State.completed, State.cancelled, State.error)

    def may_become(self, other: State) -> bool:
        """Whether `other` may follow."""
        return other in _NEXT[self]


_NEXT: dict[State, frozenset[State]] = {
    State.created: frozenset({State.pending, State.paused, State.cancelling, State.error}),
    State.pending: frozenset({State.active, State.paused, State.cancelling, State.error}),
    State.active: frozenset({State.completed, State.paused, State.cancelling, State.error}),
    State.paused: frozenset({State.pending, State.cancelling}),
    State.cancelling: frozenset({State.cancelled}),
    State.cancelled: frozenset(),
    State.completed: frozenset(),
    State.error: frozenset({State.pending}),
}

OPEN = (State.created, State.pending, State.active, State.cancelling)
"""The states in which there is something to be done."""
