"""A judge held against people: how far it agrees with them, which of several is better, and what its mean is worth.

The names here are imported when they are first used: numpy and scipy (the extra `statistics`) are loaded then.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from referee.errors import MissingExtraError

if TYPE_CHECKING:
    from referee.validation.agreement import Validation
    from referee.validation.budgeting import plan
    from referee.validation.comparing import compare
    from referee.validation.comparison import Comparison
    from referee.validation.correcting import estimate
    from referee.validation.correction import Correction
    from referee.validation.planning import Plan
    from referee.validation.ranking import Ranked, rank
    from referee.validation.validating import validate

_HOMES = {
    "Comparison": "comparison",
    "Correction": "correction",
    "Plan": "planning",
    "Ranked": "ranking",
    "Validation": "agreement",
    "compare": "comparing",
    "estimate": "correcting",
    "plan": "budgeting",
    "rank": "ranking",
    "validate": "validating",
}

__all__ = [
    "Comparison",
    "Correction",
    "Plan",
    "Ranked",
    "Validation",
    "compare",
    "estimate",
    "plan",
    "rank",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except MissingExtraError as error:
        raise MissingExtraError(f"referee.validation.{name}", error.extra) from error
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] in ("numpy", "scipy"):
            raise MissingExtraError(f"referee.validation.{name}", "statistics") from error
        raise
