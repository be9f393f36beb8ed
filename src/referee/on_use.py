"""Packages whose names are imported when they are first used, so that who needs one of them does not wait for all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any

from referee.errors import MissingExtraError


def import_on_use(
    package: str, homes: Mapping[str, str], *, extra: str | None = None, brings: Collection[str] = ()
) -> Callable[[str], Any]:
    """The `__getattr__` of a package.

    Args:
        package: its `__name__`.
        homes: for each of its names the module that defines it, as an import relative to the package (`.caller`).
        extra: the extra that its names need.
        brings: the top modules which that extra brings; where one is missing, the error names the extra.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            value = getattr(import_module(homes[name], package), name)
        except MissingExtraError as error:
            raise MissingExtraError(f"{package}.{name}", error.extra) from error
        except ModuleNotFoundError as error:
            if extra is None or (error.name or "").partition(".")[0] not in brings:
                raise
            raise MissingExtraError(f"{package}.{name}", extra) from error
        setattr(sys.modules[package], name, value)
        return value

    return find
