"""`maker`: makes instances of a frozen dataclass, for the few kinds that each call of a model makes.

A frozen dataclass fills its fields through `object.__setattr__`, which costs three times as much as filling a plain
one. So the fields are filled while the instance still is of a draft class, a subclass that is not frozen, and then it
becomes one of its own class: as equal, as frozen and as small as any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, fields, make_dataclass
from typing import Any, ParamSpec, TypeVar, cast

Arguments = ParamSpec("Arguments")
Instance = TypeVar("Instance")


def maker(kind: Callable[Arguments, Instance]) -> Callable[Arguments, Instance]:
    """What makes instances of `kind`, called as `kind` itself is.

    Args:
        kind: a frozen dataclass with the `__init__` that it was given, and without `__post_init__`.
    """
    frozen = cast(type[Any], kind)

    def freeze(self: Any) -> None:
        self.__class__ = frozen

    given = [
        (one.name, one.type, field(default=one.default, default_factory=one.default_factory))  # pyright: ignore[reportArgumentType, reportCallIssue, reportUnknownVariableType]
        for one in fields(frozen)
    ]
    plain = make_dataclass(frozen.__name__, given, namespace={"__post_init__": freeze})
    namespace = {
        "__slots__": (),
        "__init__": plain.__init__,
        "__post_init__": freeze,
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,  # one slot of the type serves both
    }
    return cast(Callable[Arguments, Instance], type(frozen.__name__, (frozen,), namespace))
