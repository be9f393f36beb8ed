"""referee: define a judge once, prove it against people, use it anywhere.

The names here are imported when they are first used, since the libraries under them take most of a second.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from referee.data import open_rows
    from referee.errors import DefinitionError, RefereeError, RunStopped
    from referee.evaluation.evaluate import aevaluate, evaluate
    from referee.evaluation.evaluator import Evaluator
    from referee.evaluation.runs import RunReport
    from referee.evaluation.target import Target
    from referee.gym.environment import Environment, verify
    from referee.inference.journal import Journal
    from referee.judge import (
        Failed,
        InferenceParams,
        JSONScoreParser,
        Judge,
        LabelParser,
        Model,
        Panel,
        PromptTemplate,
        RangeScore,
        RegexScoreParser,
        Repeats,
        Rubric,
        RubricScore,
        Scored,
        Swap,
        TokenProbabilityParser,
        Unclear,
        Verdict,
        deliberate,
    )
    from referee.validation import compare, validate

__version__ = "0.1.0"

__all__ = [
    "DefinitionError",
    "Environment",
    "Evaluator",
    "Failed",
    "InferenceParams",
    "JSONScoreParser",
    "Journal",
    "Judge",
    "LabelParser",
    "Model",
    "Panel",
    "PromptTemplate",
    "RangeScore",
    "RefereeError",
    "RegexScoreParser",
    "Repeats",
    "Rubric",
    "RubricScore",
    "RunReport",
    "RunStopped",
    "Scored",
    "Swap",
    "Target",
    "TokenProbabilityParser",
    "Unclear",
    "Verdict",
    "aevaluate",
    "compare",
    "deliberate",
    "evaluate",
    "open_rows",
    "validate",
    "verify",
]

_ROOMS = {
    "DefinitionError": "errors",
    "Environment": "gym.environment",
    "Evaluator": "evaluation.evaluator",
    "Journal": "inference.journal",
    "RefereeError": "errors",
    "RunReport": "evaluation.runs",
    "RunStopped": "errors",
    "Target": "evaluation.target",
    "aevaluate": "evaluation.evaluate",
    "compare": "validation",
    "evaluate": "evaluation.evaluate",
    "open_rows": "data",
    "verify": "gym.environment",
    "validate": "validation",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'referee' has no attribute {name!r}")
    value = getattr(import_module(f"referee.{_ROOMS.get(name, 'judge')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
