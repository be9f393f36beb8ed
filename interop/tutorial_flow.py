"""The tutorial's flow, and what lies around it, as an unmodified `nemo-platform` client does it.

Run by `platform_clients.py` with the Python of an environment in which the original is installed; referee is not. Each
step prints one line of JSON: its name, whether it went as it should, and what was seen.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nemo_evaluator_sdk import LLMJudgeMetric, RunConfig
from nemo_evaluator_sdk.values import InferenceParams, JSONScoreParser, Model, RangeScore
from nemo_platform import (
    AsyncNeMoPlatform,
    BadRequestError,
    ConflictError,
    NeMoPlatform,
    NotFoundError,
    UnprocessableEntityError,
)

try:
    from nmp.evaluator.app.values import FilesetRef
except ImportError:
    from nemo_evaluator.sdk import FilesetRef

WORKSPACE = f"interop-{version('nemo-platform').replace('.', '-')}"
JUDGE = os.environ["JUDGE_URL"]
ROWS = [
    {"prompt": f"Question {at}?", "response": f"It helps: {word}.", "helpfulness": at}
    for at, word in enumerate(("nothing", "one", "two", "three", "four"))
]
FAST = {"poll_interval_seconds": 0.1, "job_timeout_seconds": 60}
seen: dict[str, Any] = {}


def step(does: Callable[[], object]) -> None:
    """Carry out a step and print how it went."""
    name = (does.__doc__ or does.__name__).strip()
    begun = time.monotonic()
    try:
        note = does()
        told = {"step": name, "ok": True, "note": str(note or "")}
    except Exception as error:
        told = {"step": name, "ok": False, "note": f"{type(error).__name__}: {error}"[:500]}
    print(json.dumps(told | {"seconds": round(time.monotonic() - begun, 2)}), flush=True)


def refused(kind: type[Exception] | tuple[type[Exception], ...], call: Callable[[], object]) -> str:
    """What is said by the exception that a call must raise."""
    try:
        call()
    except kind as error:
        return f"{type(error).__name__}: {error}"[:160]
    raise AssertionError("it was not refused")


def metric(secret: str | None = "judge-key", name: str = "helpfulness", **fields: Any) -> LLMJudgeMetric:
    return LLMJudgeMetric(
        model=Model(url=f"{JUDGE}/chat/completions", name="judge", api_key_secret=secret),
        scores=[RangeScore(name=name, minimum=0, maximum=4, parser=JSONScoreParser(json_path=name))],
        prompt_template={"messages": [{"role": "user", "content": "{{item.prompt}}\n{{item.response}}"}]},
        inference=InferenceParams(temperature=0.0, max_tokens=100),
        **{"ignore_request_failure": True, **fields},
    )


def values(result: Any) -> list[float]:
    found = []
    for row in result.row_scores:
        for outputs in row.metrics.values():
            found += [float(output.value) for output in getattr(outputs, "scores", outputs)]
    return found


client = NeMoPlatform(base_url=os.environ["NMP_BASE_URL"], workspace=WORKSPACE)


def workspaces():
    """a workspace: create, conflict, retrieve, list"""
    client.workspaces.create(name=WORKSPACE)
    refused(ConflictError, lambda: client.workspaces.create(name=WORKSPACE))
    refused(UnprocessableEntityError, lambda: client.workspaces.create(name="Not A Name"))
    assert client.workspaces.retrieve(WORKSPACE).name == WORKSPACE
    names = [workspace.name for workspace in client.workspaces.list()]
    assert WORKSPACE in names
    return ", ".join(names)


def secrets():
    """a secret: create, conflict, retrieve without its value, list, update"""
    made = client.secrets.create(name="judge-key", workspace=WORKSPACE, value="key-for-interop")
    refused(ConflictError, lambda: client.secrets.create(name="judge-key", workspace=WORKSPACE, value="x"))
    known = client.secrets.retrieve(name="judge-key", workspace=WORKSPACE)
    assert known.name == made.name == "judge-key"
    assert "key-for-interop" not in str(known.model_dump())
    assert [secret.name for secret in client.secrets.list()] == ["judge-key"]
    client.secrets.update("judge-key", value="key-for-interop", description="the judge's")
    refused(NotFoundError, lambda: client.secrets.retrieve(name="none"))


def hub():
    """a Hugging Face fileset: create with its schema, conflict, retrieve, list, a repository that is not there"""
    storage = {"type": "huggingface", "repo_id": "nvidia/HelpSteer2", "repo_type": "dataset"}
    schema = {"dataset": {"schema": {"type": "object", "properties": {"prompt": {"type": "string"}}}}}
    made = client.files.filesets.create(name="helpsteer2", description="d", storage=storage, metadata=schema)
    assert made.workspace == WORKSPACE
    refused(ConflictError, lambda: client.files.filesets.create(name="helpsteer2", storage=storage))
    assert client.files.filesets.retrieve(name="helpsteer2").storage.repo_id == "nvidia/HelpSteer2"
    files = client.files.list(fileset="helpsteer2").data
    missing = storage | {"repo_id": "nvidia/None"}
    said = refused(BadRequestError, lambda: client.files.filesets.create(name="none", storage=missing))
    return f"{[file.path for file in files]}; {said}"


def uploads():
    """a local fileset: upload a folder, list, download, the same bytes"""
    client.files.filesets.create(name="answers")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.jsonl", "b.jsonl"):
            lines = ROWS[:2] if name == "a.jsonl" else ROWS[2:]
            (Path(folder) / name).write_text("".join(json.dumps(row) + "\n" for row in lines))
        client.files.upload(local_path=f"{folder}/", fileset="answers", workspace=WORKSPACE)
        listed = sorted((file.path, file.size) for file in client.files.list(fileset="answers").data)
        back = Path(folder) / "back"
        back.mkdir()
        client.files.download(remote_path="", local_path=f"{back}/", fileset="answers", workspace=WORKSPACE)
        got = {file.name: file.read_bytes() for file in back.rglob("*.jsonl")}
        assert got == {name: (Path(folder) / name).read_bytes() for name in ("a.jsonl", "b.jsonl")}, got.keys()
    return str(listed)


def status():
    """evaluator.plugin_status"""
    found = client.evaluator.plugin_status()
    assert found["status"] == "ok", found
    return str(found)


def local():
    """evaluator.run here, where the release has it"""
    if not hasattr(client.evaluator, "run"):
        return "this release has none"
    os.environ["JUDGE_KEY"] = "key-for-interop"
    result = client.evaluator.run(metric=metric(), dataset=ROWS[:2], config=RunConfig(parallelism=1))
    assert values(result) == [0.0, 1.0], values(result)
    return str(values(result))


def on_hub():
    """submit on a fileset's .jsonl.gz, wait, result"""
    dataset = FilesetRef(root=f"{WORKSPACE}/helpsteer2").with_fragment("validation.jsonl.gz")
    job = client.evaluator.submit(metric=metric(), dataset=dataset, config=RunConfig(parallelism=2, limit_samples=4))
    seen["job"] = job
    assert job.get_job_status().status in ("created", "pending", "active", "completed")
    job.wait_until_done(**FAST)
    result = job.get_result()
    assert values(result) == [0.0, 1.0, 2.0, 3.0], values(result)
    assert [row.item["helpfulness"] for row in result.row_scores] == [0, 1, 2, 3]
    figures = result.aggregate_scores.scores[0]
    assert (figures.mean, figures.count, figures.nan_count) == (1.5, 4, 0)
    done = job.get_job_status()
    return f"{figures.name}: mean {figures.mean}; {done.status} {done.status_details}"


def inline():
    """submit inline rows, wait, result"""
    job = client.evaluator.submit(metric=metric(), dataset=ROWS, config=RunConfig(parallelism=1))
    job.wait_until_done(**FAST)
    assert values(job.get_result()) == [0.0, 1.0, 2.0, 3.0, 4.0]
    return job.name


def pattern():
    """submit on a pattern of a local fileset's files"""
    dataset = FilesetRef(root=f"{WORKSPACE}/answers").with_fragment("*.jsonl")
    job = client.evaluator.submit(metric=metric(), dataset=dataset, config=RunConfig(parallelism=1))
    job.wait_until_done(**FAST)
    assert values(job.get_result()) == [0.0, 1.0, 2.0, 3.0, 4.0]


def unclear():
    """a judge that rambles: the row is NaN, the job completes, the client reads it"""
    rows = [*ROWS[:1], {"prompt": "ramble", "response": "?"}]
    job = client.evaluator.submit(metric=metric(), dataset=rows, config=RunConfig(parallelism=1))
    job.wait_until_done(**FAST)
    result = job.get_result()
    first, second = values(result)
    assert first == 0.0, first
    assert math.isnan(second), second
    assert result.aggregate_scores.scores[0].nan_count == 1
    return str(getattr(result.row_scores[1], "metric_errors", None))


def echo():
    """the spec comes back as it was sent, by get_job_resource"""
    name = seen["job"].name
    again = client.evaluator.get_job_resource(name)
    sent, known = seen["job"].job.spec.model_dump(mode="json"), again.job.spec.model_dump(mode="json")
    assert sent == known, (sent, known)
    assert again.check_if_complete(raise_if_not_complete=True)


def artifacts():
    """download_artifacts"""
    with tempfile.TemporaryDirectory() as folder:
        found = seen["job"].download_artifacts(folder)
        return sorted(file.name for file in Path(found).rglob("*") if file.is_file())


def mistakes():
    """a secret and a fileset that are not there: said by the job or at once, as an exception"""
    said = []
    for wrong in (
        lambda: client.evaluator.submit(metric=metric("no-such-key"), dataset=ROWS),
        lambda: client.evaluator.submit(metric=metric(), dataset=FilesetRef(root=f"{WORKSPACE}/none#a.jsonl")),
    ):
        said.append(refused(Exception, lambda wrong=wrong: wrong().wait_until_done(**FAST)))
    return " | ".join(said)


def jobs():
    """client.jobs: list, retrieve, status, logs, cancel of a finished one"""
    name = seen["job"].name
    assert name in [job.name for job in client.jobs.list()]
    assert client.jobs.retrieve(name).name == name
    assert client.jobs.get_status(name).status == "completed"
    lines = [line.message for line in client.jobs.get_logs(name)]
    said = refused(ConflictError, lambda: client.jobs.cancel(name))
    return f"{len(lines)} lines; {said}"


def awaited():
    """the async client: list, submit, wait, result"""

    async def whole() -> list[float]:
        async with AsyncNeMoPlatform(base_url=os.environ["NMP_BASE_URL"], workspace=WORKSPACE) as platform:
            assert WORKSPACE in [workspace.name async for workspace in platform.workspaces.list()]
            job = await platform.evaluator.submit(metric=metric(), dataset=ROWS[:2], config=RunConfig(parallelism=1))
            await job.wait_until_done(**FAST)
            return values(await job.get_result())

    found = asyncio.run(whole())
    assert found == [0.0, 1.0], found


def pickled():
    """a bundle with pickled code is refused"""
    try:
        from nemo_evaluator.shared.metric_bundles.cloudpickle import CloudpickleMetricBundlePackager
    except ImportError:
        return "this release has none"

    def sent() -> object:
        return client.evaluator.submit(
            metric=metric(), dataset=ROWS[:1], metric_bundle_packager=CloudpickleMetricBundlePackager()
        )

    return refused(Exception, sent)


def cleaning():
    """clean-up in order: a workspace that holds things is refused, then jobs, filesets, secret, workspace"""
    said = refused(ConflictError, lambda: client.workspaces.delete(name=WORKSPACE))
    for job in list(client.jobs.list()):
        client.jobs.delete(name=job.name, workspace=WORKSPACE)
    for name in ("helpsteer2", "answers"):
        client.files.filesets.delete(name=name, workspace=WORKSPACE)
    refused(NotFoundError, lambda: client.files.filesets.delete(name="answers", workspace=WORKSPACE))
    client.secrets.delete(name="judge-key", workspace=WORKSPACE)
    client.workspaces.delete(name=WORKSPACE)
    refused(NotFoundError, lambda: client.workspaces.retrieve(WORKSPACE))
    return said


STEPS = [workspaces, secrets, hub, uploads, status, local, on_hub, inline, pattern, unclear, echo, artifacts]
STEPS += [mistakes, jobs, awaited, pickled, cleaning]

if __name__ == "__main__":
    for each in STEPS:
        step(each)
    sys.stdout.flush()
