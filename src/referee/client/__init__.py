"""The Python client of the evaluation platform: over HTTP, for code that awaits and code that does not.

    client = PlatformClient(workspace="mine")
    job = client.evaluator.submit(metric=judge, dataset=FilesetRef(root="mine/answers#rows.jsonl"))
    job.wait_until_done()
    job.get_result().print_summary()

Each name is imported when it is first used: a command that lists workspaces needs no evaluator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from referee.on_use import import_on_use

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

_HOMES = {
    "AsyncEvaluator": ".evaluator",
    "AsyncEvaluatorJob": ".job",
    "AsyncPlatformClient": ".client",
    "Evaluator": ".evaluator",
    "EvaluatorJob": ".job",
    "FilesetRef": ".references",
    "PlatformClient": ".client",
}

__getattr__ = import_on_use(__name__, _HOMES, extra="client", brings=("httpx2",))
