"""Finding jobs, and what is shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from referee.platform.jobs.states import State
from referee.platform.problems import not_found
from referee.platform.services import find_workspace
from referee.platform.store.tables import Job, Shard, Workspace

_MESSAGES = {
    State.pending: "Job is waiting, or its rows are being read",
    State.active: "Job is running",
    State.paused: "Job is paused",
    State.cancelling: "Job is being cancelled",
    State.cancelled: "Job was cancelled",
    State.completed: "Job completed",
    State.error: "Job ended with an error",
}


def find_job(session: Session, workspace: str, name: str, *, whole: bool = False) -> Job:
    """A job by its names; `whole` with what was sent, which may be large.

    Raises:
        HTTPException: 404.
    """
    rows = select(Job).join(Workspace, Workspace.id == Job.workspace_id)
    rows = rows.where(Workspace.name == workspace, Job.name == name)
    found = session.scalar(rows.options(undefer(Job.sent)) if whole else rows)
    if found is None:
        find_workspace(session, workspace)
        raise not_found("Job", name, workspace)
    return found


def shards_of(session: Session, job: Job) -> Sequence[Shard]:
    """A job's shards, in order."""
    return session.scalars(select(Shard).where(Shard.job_id == job.id).order_by(Shard.number)).all()


def done_rows(session: Session, job_ids: Sequence[str]) -> dict[str, int]:
    """By job, how many of its rows have their outcome."""
    sums = select(Shard.job_id, func.sum(Shard.done)).where(Shard.job_id.in_(job_ids)).group_by(Shard.job_id)
    return {job_id: int(done) for job_id, done in session.execute(sums)}


def job_shape(job: Job, workspace: str, done: int) -> dict[str, Any]:
    """A job as clients read it; its spec is what was sent."""
    return {
        "id": job.id,
        "name": job.name,
        "description": job.description,
        "project": job.project,
        "workspace": workspace,
        "created_at": job.created_at.isoformat(),
        "updated_at": job.updated_at.isoformat(),
        **orjson.loads(job.sent),
        "status": job.status,
        "status_details": _details(job, done),
        "error_details": _error(job),
        "ownership": None,
        "custom_fields": job.custom_fields,
    }


def listed_shape(job: Job, workspace: str, done: int) -> dict[str, Any]:
    """A job as clients of the jobs service read it."""
    return job_shape(job, workspace, done) | {
        "attempt_id": f"platform-job-attempt-{job.id.rpartition('-')[2]}",
        "fileset": "",
        "platform_spec": {"steps": []},
        "source": "evaluator",
    }


def status_shape(job: Job, done: int) -> dict[str, Any]:
    """A job's status as clients read it."""
    step = {
        "id": job.step_id,
        "name": "evaluate",
        "status": job.status,
        "status_details": _details(job, done),
        "error_details": _error(job) or {},
        "tasks": [],
        "created_at": job.created_at.isoformat(),
        "updated_at": job.updated_at.isoformat(),
    }
    return {
        "id": job.id,
        "name": job.name,
        "status": job.status,
        "status_details": _details(job, done),
        "error_details": _error(job),
        "steps": [step],
        "created_at": job.created_at.isoformat(),
        "updated_at": job.updated_at.isoformat(),
    }


def _details(job: Job, done: int) -> dict[str, Any]:
    state = State(job.status)
    if state is State.created:
        return {}
    details: dict[str, Any] = {"message": _MESSAGES[state]}
    if job.rows is not None:
        details["samples_processed"] = done
        details["samples_total"] = job.rows
        details["progress"] = round(100.0 * done / job.rows, 2)
    return details


def _error(job: Job) -> dict[str, str] | None:
    return None if job.error is None else {"message": job.error}
