"""A judge held against people: how far it agrees with them, which of several is better, and what its mean is worth.

The names here are imported when they are first used: numpy and scipy (the extra `statistics`) are loaded then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from referee.on_use import import_on_use

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
    "Comparison": ".comparison",
    "Correction": ".correction",
    "Plan": ".planning",
    "Ranked": ".ranking",
    "Validation": ".agreement",
    "compare": ".comparing",
    "estimate": ".correcting",
    "plan": ".budgeting",
    "rank": ".ranking",
    "validate": ".validating",
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

__getattr__ = import_on_use(__name__, _HOMES, extra="statistics", brings=("numpy", "scipy"))
