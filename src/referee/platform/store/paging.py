"""Lists: a page of a table, sorted and filtered as clients ask for it.

`filter` is JSON (`filter={"name": "x"}`) or brackets (`filter[name][$like]=x`); operators are `$eq`, `$in`, `$nin`,
`$like` for texts and `$gte`, `$lte` for times.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from sqlalchemy import ColumnElement, Select, func
from sqlalchemy.orm import InstrumentedAttribute, Session

from referee.platform.problems import invalid

DEFAULT_PAGE, LARGEST_PAGE = 100, 1000
_BRACKETS = re.compile(r"filter((?:\[[^\[\]]*\])+)")
_SORTS = ("created_at", "-created_at", "updated_at", "-updated_at", "name", "-name")
_MOST_PAGES = 1 << 40

Column = InstrumentedAttribute[Any]


@dataclass(frozen=True)
class Wanted:
    """Which page of a list is asked for."""

    page: int
    page_size: int
    sort: str
    filter: Mapping[str, Any] | None

    def within(self, session: Session, rows: Select[Any], columns: Mapping[str, Column]) -> Page:
        """The page of these rows; `columns` are those that may be filtered by, and must have those of sorting.

        Raises:
            HTTPException: 422, the filter names something else.
        """
        for field, value in (self.filter or {}).items():
            if field not in columns:
                known = ", ".join(columns)
                raise invalid(("query", "filter", field), f"there is no filter {field!r}; there are {known}", value)
            rows = rows.where(*_conditions(field, columns[field], value))
        total = session.scalar(rows.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)) or 0
        column = columns[self.sort.removeprefix("-")]
        down = self.sort.startswith("-")
        tie = columns["id"]
        rows = rows.order_by(column.desc() if down else column, tie.desc() if down else tie)
        found = session.execute(rows.limit(self.page_size).offset((self.page - 1) * self.page_size)).all()
        return Page(found, self, total)


@dataclass(frozen=True)
class Page:
    """One page of a list."""

    rows: Sequence[Any]
    wanted: Wanted
    total: int

    def answer(self, shape: Callable[..., Mapping[str, Any]]) -> dict[str, Any]:
        """The body of the answer; `shape` makes what is shown of a row from its columns."""
        return {
            "data": [shape(*row) for row in self.rows],
            "pagination": {
                "page": self.wanted.page,
                "page_size": self.wanted.page_size,
                "current_page_size": len(self.rows),
                "total_pages": -(-self.total // self.wanted.page_size),
                "total_results": self.total,
            },
            "sort": self.wanted.sort,
            "filter": self.wanted.filter,
        }


def _wanted(
    request: Request,
    page: Annotated[int, Query(ge=1, le=_MOST_PAGES)] = 1,
    page_size: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = DEFAULT_PAGE,
    sort: Annotated[str, Query(description=f"One of {', '.join(_SORTS)}.")] = "-created_at",
    filter: Annotated[str | None, Query(description='JSON, such as {"name": "x"}.')] = None,
) -> Wanted:
    if sort not in _SORTS:
        raise invalid(("query", "sort"), f"cannot be sorted by {sort!r}; give one of {', '.join(_SORTS)}", sort)
    return Wanted(page, page_size, sort, _filter(filter, request.query_params.multi_items()))


Paged = Annotated[Wanted, Depends(_wanted)]
"""A route's parameter for the page that is asked for."""


def _filter(text: str | None, parameters: Iterable[tuple[str, str]]) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    if text:
        try:
            given = json.loads(text)
        except ValueError:
            given = None
        if not isinstance(given, dict):
            raise invalid(("query", "filter"), 'is no JSON object, such as {"name": "x"}', text)
        found.update(given)
    for key, value in parameters:
        if brackets := _BRACKETS.fullmatch(key):
            path = brackets[1][1:-1].split("][")
            if path[-1] in ("", "0") and len(path) > 1:
                path.pop()
            place = found
            for part in path[:-1]:
                place = place.setdefault(part, {})
                if not isinstance(place, dict):
                    raise invalid(("query", "filter"), f"{key} contradicts another filter", value)
            last = path[-1]
            if last in place:
                earlier = place[last]
                place[last] = [*earlier, value] if isinstance(earlier, list) else [earlier, value]
            else:
                place[last] = value
    return found or None


def _conditions(field: str, column: Column, given: Any) -> list[ColumnElement[bool]]:
    if not isinstance(given, dict):
        given = {"$in": given} if isinstance(given, list) else {"$eq": given}
    return [_condition(field, column, operator, value) for operator, value in given.items()]


def _condition(field: str, column: Column, operator: str, value: Any) -> ColumnElement[bool]:
    is_time = column.type.python_type is datetime
    match operator.lstrip("$"):
        case "eq":
            return column == _value(field, value, is_time)
        case "in" | "nin" as which:
            values = [_value(field, one, is_time) for one in (value if isinstance(value, list) else [value])]
            return column.in_(values) if which == "in" else column.not_in(values)
        case "like" if not is_time:
            text = str(_value(field, value, False))
            return column.ilike(text if "%" in text else f"%{text}%")
        case "gte" if is_time:
            return column >= _value(field, value, True)
        case "lte" if is_time:
            return column <= _value(field, value, True)
        case _:
            operators = "$eq, $in, $nin, $gte, $lte" if is_time else "$eq, $in, $nin, $like"
            raise invalid(
                ("query", "filter", field), f"has no operator {operator!r}; there are {operators}", str(value)
            )


def _value(field: str, value: Any, is_time: bool) -> Any:
    if not isinstance(value, str) or "\0" in value:
        raise invalid(("query", "filter", field), "is compared with a text", str(value))
    if not is_time:
        return value
    try:
        time = datetime.fromisoformat(value)
        return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise invalid(
            ("query", "filter", field), "is compared with a time, as in 2026-11-21T20:00:00", value
        ) from error
