"""An instance that a maker made cannot be told from one that its class made."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, asdict, dataclass, field, replace
from typing import Any

import pytest

from referee.exchange import Request
from referee.making import maker


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float = 0.0
    notes: Mapping[str, float] = field(default_factory=dict[str, float])


point = maker(Point)
request = maker(Request)


@pytest.mark.parametrize("made", [point(1.0), point(1.0, 0.0), point(x=1.0, notes={})])
def test_it_is_what_its_class_makes(made: Point) -> None:
    plain = Point(1.0)
    assert type(made) is Point
    assert made == plain
    assert repr(made) == repr(plain)
    assert asdict(made) == asdict(plain)
    assert replace(made, y=2.0) == Point(1.0, 2.0)
    assert pickle.loads(pickle.dumps(made)) == copy.copy(made) == plain
    match made:
        case Point(x, y):
            assert (x, y) == (1.0, 0.0)


def test_it_is_frozen_and_has_no_room_for_more() -> None:
    made: Any = point(1.0)
    with pytest.raises(FrozenInstanceError):
        made.x = 2.0
    with pytest.raises(FrozenInstanceError):
        del made.x
    assert not hasattr(made, "__dict__")
    assert made == Point(1.0)


def test_what_is_made_by_default_is_made_for_each() -> None:
    assert point(1.0).notes is not point(1.0).notes


@pytest.mark.parametrize("wrong", [(), (1.0, 2.0, {}, 4)])
def test_it_takes_what_its_class_takes(wrong: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        point(*wrong)


def test_a_class_without_slots_keeps_what_it_keeps_beside_its_fields() -> None:
    given: Any = ("m", [{"role": "user", "content": "x"}], {"temperature": 0})
    made, plain = request(*given), Request(*given)
    assert made == plain
    assert made.hashes == plain.hashes
    assert vars(made) == vars(plain)
    with pytest.raises(FrozenInstanceError):
        made.model = "another"  # pyright: ignore[reportAttributeAccessIssue]
    assert replace(made, model="another").hash == Request("another", *given[1:]).hash != made.hash
