"""The Python client of the evaluation platform: over HTTP, for code that awaits and code that does not.

client = PlatformClient(workspace="mine")
job = client.evaluator.submit(metric=judge, dataset=FilesetRef(root="mine/answers#rows.jsonl"))
job.wait_until_done()
job.get_result().print_summary()
"""

from referee.errors import MissingExtraError

try:
    from referee.client.client import AsyncPlatformClient, PlatformClient
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] == "referee":
        raise
    raise MissingExtraError(f"the platform's client (no module {error.name})", "client") from error
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
