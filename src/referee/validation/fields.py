"""A row's fields by the names that people give them, of one row or of many, and the answer where no row has one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, cast

from referee.errors import DataError

ABSENT: Final[Any] = object()
"""What `lookup` gives where a row has no such field."""


def lookup(item: Mapping[str, Any], name: str) -> Any:
    """A row's field, `ABSENT` where there is none; `item.a` means `a`, and `a.b` may be `b` inside of `a`."""
    if name in item:
        return item[name]
    name = name.removeprefix("item.")
    value: Any = item
    if name in item:
        return item[name]
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return ABSENT
        value = cast("Mapping[str, Any]", value)[part]
    return value


def lookup_all(items: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """The field of each of the rows, as `lookup` finds it."""
    # Most fields stand at the top of their rows, and a call for each row would take as long as all else here.
    return [item[name] if name in item else lookup(item, name) for item in items]


def no_field(name: str, known: Iterable[str], where: str) -> DataError:
    """The error for a field that no row has, with the nearest names."""
    names = list(dict.fromkeys(known))
    near = get_close_matches(name.removeprefix("item."), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"its rows have {', '.join(names) or 'none'}"
    return DataError(f"{where} has no field {name!r}; {hint}")
