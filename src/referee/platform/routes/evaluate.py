"""Evaluation jobs as the evaluator's clients call them: submitted, looked at, and their results read."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import IntegrityError
from starlette.responses import StreamingResponse

from referee.platform.jobs.artifacts import archive
from referee.platform.jobs.log import write_log
from referee.platform.jobs.lookup import done_rows, find_job, job_shape, shards_of, status_shape
from referee.platform.jobs.materialise import check_dataset
from referee.platform.jobs.results import AGGREGATE, RowFilter, furthest, read_rows, shape, to_lines
from referee.platform.jobs.states import State
from referee.platform.names import Name, Text
from referee.platform.problems import exists, invalid
from referee.platform.services import Services, Shared, find_workspace
from referee.platform.store.paging import LARGEST_PAGE
from referee.platform.store.tables import Job, Shard

router = APIRouter(prefix="/apis/evaluator/v2/workspaces/{workspace}/evaluate/jobs", tags=["evaluate"])

_LETTERS = string.ascii_lowercase + string.digits
_FAR = 1 << 60


class NewJob(BaseModel):
    """A job to be done; `spec` is that of either generation of clients, and comes back as it was sent."""

    model_config = ConfigDict(extra="ignore")

    spec: dict[str, Any]
    name: Name | None = None
    description: Text | None = None
    project: str | None = Field(default=None, max_length=255)
    custom_fields: dict[str, Any] | None = None


@router.post("", status_code=201)
def submit(workspace: str, body: NewJob, services: Shared) -> dict[str, Any]:
    """Submit a job."""
    from referee.platform.jobs.spec import check_urls_sent, read_spec  # half of the start-up time, spared there

    with services.database.reading() as session:
        find_workspace(session, workspace)
    spec = read_spec(body.spec)
    check_urls_sent(spec, services.settings)
    try:
        check_dataset(services, spec, workspace)
    except HTTPException as error:
        raise invalid(("body", "spec", "dataset"), str(error.detail), body.spec["dataset"]) from error
    name = body.name or f"nemo-evaluator-{''.join(secrets.choice(_LETTERS) for _ in range(8))}"
    try:
        with services.database.writing() as session:
            job = Job(
                workspace_id=find_workspace(session, workspace).id,
                name=name,
                description=body.description,
                project=body.project,
                sent=orjson.dumps({"spec": body.spec}).decode(),
                generation=spec.generation,
                custom_fields=body.custom_fields or {},
            )
            session.add(job)
    except IntegrityError as error:
        raise exists("Job", f"{workspace}/{name}") from error
    write_log(services.job_folder(job.id), "submitted")
    services.wake()
    return job_shape(job, workspace, 0)


@router.get("/{name}")
def retrieve(workspace: str, name: str, services: Shared) -> dict[str, Any]:
    """One job."""
    with services.database.reading() as session:
        job = find_job(session, workspace, name, whole=True)
        return job_shape(job, workspace, done_rows(session, [job.id]).get(job.id, 0))


@router.get("/{name}/status")
def status(workspace: str, name: str, services: Shared) -> dict[str, Any]:
    """Where a job stands: `progress` in per cent of its rows."""
    with services.database.reading() as session:
        job = find_job(session, workspace, name)
        return status_shape(job, done_rows(session, [job.id]).get(job.id, 0))


@router.get("/{name}/results")
def results(workspace: str, name: str, services: Shared) -> dict[str, Any]:
    """The results that there are."""
    job, folder, shards = _open(services, workspace, name)
    there = ["aggregate-scores"] if _is_over(job) and (folder / AGGREGATE).exists() else []
    there += ["row-scores"] if shards else []
    there += ["artifacts"] if _is_over(job) and shards else []
    base = f"/apis/evaluator/v2/workspaces/{workspace}/evaluate/jobs/{name}/results"
    times = {"created_at": job.created_at.isoformat(), "updated_at": job.updated_at.isoformat()}
    return {
        "data": [
            {"name": result, "job": name, "workspace": workspace, "artifact_url": f"{base}/{result}/download", **times}
            for result in there
        ]
    }


@router.get("/{name}/results/aggregate-scores/download")
def aggregate_scores(workspace: str, name: str, services: Shared) -> Response:
    """The figures of each score; there once the job is over."""
    job, folder, _ = _open(services, workspace, name)
    if not _is_over(job) or not (folder / AGGREGATE).exists():
        raise _no_result("aggregate-scores", workspace, name)
    return Response((folder / AGGREGATE).read_bytes(), media_type="application/json")


@router.get("/{name}/results/row-scores/download", response_class=StreamingResponse)
def row_scores(workspace: str, name: str, services: Shared) -> StreamingResponse:
    """The rows as JSON lines, in order; of a job that is not over, those that are there."""
    job, folder, shards = _open(services, workspace, name)
    if not shards:
        raise _no_result("row-scores", workspace, name)
    lines = to_lines(read_rows(folder, shards, RowFilter()))
    headers = {"X-Job-Status": job.status}
    return StreamingResponse(_in_pieces(lines), media_type="application/x-ndjson", headers=headers)


@router.get("/{name}/results/artifacts/download", response_class=StreamingResponse)
def artifacts(workspace: str, name: str, services: Shared) -> StreamingResponse:
    """All results as one tar.gz; there once the job is over."""
    job, folder, shards = _open(services, workspace, name)
    if not _is_over(job) or not shards:
        raise _no_result("artifacts", workspace, name)
    lines = to_lines(read_rows(folder, shards, RowFilter()))
    return StreamingResponse(archive(folder, lines), media_type="application/gzip")


@router.get("/{name}/rows")
def rows(
    workspace: str,
    name: str,
    services: Shared,
    first: Annotated[int, Query(ge=0, le=_FAR, description="The position of the first row.")] = 0,
    last: Annotated[int | None, Query(ge=0, le=_FAR, description="The position after the last row.")] = None,
    status: Annotated[Literal["failed", "unclear", "scored"] | None, Query(description="Only such rows.")] = None,
    differs_from: Annotated[
        str | None, Query(description="A number in the item: the rows whose score is furthest from it come first.")
    ] = None,
    score: Annotated[str | None, Query(description="Which score is compared; the first one by default.")] = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 100,
) -> Response:
    """A page of a job's rows, also while it runs; `next` is the `first` of the next page, where there may be one."""
    _, folder, shards = _open(services, workspace, name)
    found = read_rows(folder, shards, RowFilter(status, first, last))
    if differs_from is not None:
        data = [shape(row) | {"difference": far} for far, row in furthest(found, score, differs_from, limit)]
        following = None
    else:
        data = [shape(row) for row in islice(found, limit)]
        following = data[-1]["row_index"] + 1 if len(data) == limit else None
    return Response(orjson.dumps({"data": data, "next": following}), media_type="application/json")


def _open(services: Services, workspace: str, name: str) -> tuple[Job, Path, list[Shard]]:
    with services.database.reading() as session:
        job = find_job(session, workspace, name)
        return job, services.job_folder(job.id), list(shards_of(session, job))


def _is_over(job: Job) -> bool:
    return State(job.status).is_final


def _no_result(result: str, workspace: str, name: str) -> HTTPException:
    return HTTPException(404, f"Result {result!r} for job {name!r} not found in workspace {workspace!r}.")


def _in_pieces(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Lines joined, so that not each of them is sent by itself."""
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size > 1 << 18:
            yield b"".join(held)
            held.clear()
            size = 0
    if held:
        yield b"".join(held)
