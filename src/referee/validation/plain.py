"""Result objects as plain JSON values, for `--json` and for other programs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

_LARGEST_WHOLE = 2**53


def plain(value: Any, *, leave_out: tuple[str, ...] = ()) -> Any:
    """Dataclasses as objects by field name, tuples as lists, not-a-number and the infinities as null.

    Args:
        value: a result object, or anything inside of one.
        leave_out: fields that are not written, at any depth.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name), leave_out=leave_out)
            for field in fields(value)
            if field.name not in leave_out
        }
    if isinstance(value, Mapping):
        return {str(key): plain(part, leave_out=leave_out) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part, leave_out=leave_out) for part in value]
    if isinstance(value, int) and abs(value) > _LARGEST_WHOLE:
        return None  # rows to show a difference that is rounding: no number of rows
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
