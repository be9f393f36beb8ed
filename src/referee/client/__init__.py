"""The Python client of the evaluation platform: over HTTP, for code that awaits and code that does not.

    client = PlatformClient(workspace="mine")
    job = client.evaluator.submit(metric=judge, dataset=FilesetRef(root="mine/answers#rows.jsonl"))
    job.wait_until_done()
    job.get_result().print_summary()

Each name is imported when it is first used: a command that lists workspaces needs no evaluator.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from referee.errors import MissingExtraError

if TYPE_CHECKING:
    from referee.client.client import AsyncPlatformClient, PlatformClient
    from referee.client.evaluator import AsyncEvaluator, Evaluator
    from referee.client.job import AsyncEvaluatorJob, EvaluatorJob
    from referee.client.references import FilesetRef

__all__ = [
    "AsyncEvaluator",
    "AsyncEvaluatorJob",
    "AsyncPlatformClient",
    "Evaluator",
    "EvaluatorJob",
    "FilesetRef",
    "PlatformClient",
]

_MODULES = {
    "AsyncEvaluator": "evaluator",
    "AsyncEvaluatorJob": "job",
    "AsyncPlatformClient": "client",
    "Evaluator": "evaluator",
    "EvaluatorJob": "job",
    "FilesetRef": "references",
    "PlatformClient": "client",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'referee.client' has no attribute {name!r}")
    try:
        value = getattr(import_module(f"referee.client.{_MODULES[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "referee":
            raise
        raise MissingExtraError(f"the platform's client (no module {error.name})", "client") from error
    globals()[name] = value
    return value
