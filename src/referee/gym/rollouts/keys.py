"""The names of what a rollout is filed under, as NeMo Gym's files have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from referee.gym.api.aggregation import FAILURE_CLASS, FAILURE_ERROR, JUDGE_FAILED
from referee.gym.api.aggregation import ROLLOUT_INDEX_KEY_NAME as ROLLOUT
from referee.gym.api.aggregation import TASK_INDEX_KEY_NAME as TASK

Json = dict[str, Any]
Key = tuple[Any, Any]
"""A task and the number of one of its rollouts."""
PARAMETERS = "responses_create_params"
AGENT_REF = "agent_ref"
FAILURE_KIND = "_ng_failure_kind"
FAILURE_MESSAGE = "_ng_failure_message"
FAILURE_TERMINAL = "_ng_failure_terminal"
"""Marks a failure that another attempt cannot mend."""
INPUT_LINE = "_ng_input_line"
BAD_ROW = "bad_row"
"""The failure class of a line of the input that is no row."""
ROW_REFUSED = "row_refused"
"""The failure class of a row that a server refused (422)."""
ROLLOUT_FAILED = "rollout_failed"
"""The failure class of a rollout in which a server gave no sound answer; its kind says why."""

__all__ = [
    "AGENT_REF",
    "BAD_ROW",
    "FAILURE_CLASS",
    "FAILURE_ERROR",
    "FAILURE_KIND",
    "FAILURE_MESSAGE",
    "FAILURE_TERMINAL",
    "INPUT_LINE",
    "JUDGE_FAILED",
    "PARAMETERS",
    "ROLLOUT",
    "ROLLOUT_FAILED",
    "ROW_REFUSED",
    "TASK",
    "Json",
    "Key",
    "agent_of",
    "key_of",
]


def key_of(row: Mapping[str, Any]) -> Key | None:
    """What a row is filed under; None where it does not say."""
    return (row[TASK], row[ROLLOUT]) if TASK in row and ROLLOUT in row else None


def agent_of(row: Mapping[str, Any]) -> str | None:
    """The name of the agent that a row asks for."""
    named = row.get(AGENT_REF)
    # Nearly all are dicts, of which Mapping is slow to find out that they are its own.
    name = named.get("name") if isinstance(named, (dict, Mapping)) else named
    return name if isinstance(name, str) and name else None
