"""Jobs as things that run: listed, paused, gone on with, cancelled, deleted, and what happened to them."""

from __future__ import annotations

import shutil
from collections import deque
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from referee.platform.jobs.log import read_log, write_log
from referee.platform.jobs.lookup import done_rows, find_job, job_shape, listed_shape, status_shape
from referee.platform.jobs.states import State
from referee.platform.services import Services, Shared, find_workspace
from referee.platform.store.paging import LARGEST_PAGE, Paged
from referee.platform.store.tables import Job, now

router = APIRouter(tags=["jobs"])

_JOBS = "/apis/jobs/v2/workspaces/{workspace}/jobs"
_EVALUATE = "/apis/evaluator/v2/workspaces/{workspace}/evaluate/jobs"
_MOST_LINES = 10_000
_RESUMABLE = (State.paused, State.error)


@router.get(_JOBS)
def list_all(workspace: str, services: Shared, wanted: Paged) -> dict[str, Any]:
    """A page of the workspace's jobs."""
    return _page(workspace, services, wanted, listed_shape)


@router.get(_EVALUATE)
def list_evaluations(workspace: str, services: Shared, wanted: Paged) -> dict[str, Any]:
    """The same as the evaluator's clients read it."""
    return _page(workspace, services, wanted, job_shape)


@router.get(f"{_JOBS}/{{name}}")
def retrieve(workspace: str, name: str, services: Shared) -> dict[str, Any]:
    """One job."""
    with services.database.reading() as session:
        job = find_job(session, workspace, name, whole=True)
        return listed_shape(job, workspace, done_rows(session, [job.id]).get(job.id, 0))


@router.get(f"{_JOBS}/{{name}}/status")
def status(workspace: str, name: str, services: Shared) -> dict[str, Any]:
    """Where a job stands."""
    with services.database.reading() as session:
        job = find_job(session, workspace, name)
        return status_shape(job, done_rows(session, [job.id]).get(job.id, 0))


@router.post(f"{_JOBS}/{{name}}/cancel")
@router.post(f"{_EVALUATE}/{{name}}/cancel")
def cancel(workspace: str, name: str, services: Shared) -> dict[str, Any]:
    """End a job; the rows that are done are kept."""
    return _move(services, workspace, name, State.cancelling)


@router.post(f"{_JOBS}/{{name}}/pause")
@router.post(f"{_EVALUATE}/{{name}}/pause")
def pause(workspace: str, name: str, services: Shared) -> dict[str, Any]:
    """Let a job rest until it is resumed."""
    return _move(services, workspace, name, State.paused)


@router.post(f"{_JOBS}/{{name}}/resume")
@router.post(f"{_EVALUATE}/{{name}}/resume")
def resume(workspace: str, name: str, services: Shared) -> dict[str, Any]:
    """Go on with a job that is paused, or ended with an error; no answer that it received is asked for again."""
    return _move(services, workspace, name, State.pending)


@router.delete(f"{_JOBS}/{{name}}", status_code=204)
@router.delete(f"{_EVALUATE}/{{name}}", status_code=204)
def delete(workspace: str, name: str, services: Shared) -> Response:
    """Delete a job with its results; one that runs is ended first."""
    with services.database.writing() as session:
        job = find_job(session, workspace, name)
        session.delete(job)
    shutil.rmtree(services.job_folder(job.id), ignore_errors=True)
    services.wake()
    return Response(status_code=204)


@router.get(f"{_JOBS}/{{name}}/logs")
@router.get(f"{_EVALUATE}/{{name}}/logs")
def logs(
    workspace: str,
    name: str,
    services: Shared,
    limit: Annotated[int, Query(ge=1, le=_MOST_LINES)] = LARGEST_PAGE,
    tail: Annotated[int | None, Query(ge=1, le=_MOST_LINES, description="Only so many of the newest lines.")] = None,
    page_cursor: Annotated[str | None, Query(description="`next_page` of the page before.")] = None,
) -> dict[str, Any]:
    """What happened to a job, the oldest first."""
    with services.database.reading() as session:
        job = find_job(session, workspace, name)
    if page_cursor is not None and not (page_cursor.isascii() and page_cursor.isdecimal() and len(page_cursor) < 19):
        raise HTTPException(400, f"page_cursor is {page_cursor[:50]!r}: give next_page of the page before")
    start = int(page_cursor or 0)
    held = deque(read_log(services.job_folder(job.id)), tail)
    shown = list(held)[start : start + limit]
    after = start + len(shown)
    return {
        "data": [
            {
                "timestamp": line["timestamp"],
                "job": name,
                "job_step": "evaluate",
                "job_task": "",
                "message": line["message"],
            }
            for line in shown
        ],
        "total": len(held),
        "next_page": str(after) if after < len(held) else None,
        "prev_page": str(max(0, start - limit)) if start else None,
    }


def _page(workspace: str, services: Services, wanted: Paged, shape: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "id": Job.id,
        "name": Job.name,
        "description": Job.description,
        "project": Job.project,
        "status": Job.status,
        "created_at": Job.created_at,
        "updated_at": Job.updated_at,
    }
    with services.database.reading() as session:
        rows = select(Job).where(Job.workspace_id == find_workspace(session, workspace).id).options(undefer(Job.sent))
        page = wanted.within(session, rows, columns)
        done = done_rows(session, [job.id for (job,) in page.rows])

    def shown(job: Job) -> dict[str, Any]:
        return shape(job, workspace, done.get(job.id, 0))

    return page.answer(shown)


def _move(services: Services, workspace: str, name: str, state: State) -> dict[str, Any]:
    with services.database.writing() as session:
        job = _locked(session, workspace, name)
        before = State(job.status)
        if before is state:
            return job_shape(job, workspace, done_rows(session, [job.id]).get(job.id, 0))
        if not before.may_become(state) or (state is State.pending and before not in _RESUMABLE):
            raise HTTPException(409, f"Job {name!r} is {before}, and cannot become {state}")
        job.status = state
        job.error = None
        job.version += 1
        job.updated_at = now()
        done = done_rows(session, [job.id]).get(job.id, 0)
    write_log(services.job_folder(job.id), str(state))
    services.wake()
    return job_shape(job, workspace, done)


def _locked(session: Session, workspace: str, name: str) -> Job:
    job = find_job(session, workspace, name, whole=True)
    session.refresh(job, with_for_update=True)
    return job
