"""The port between jobs and who works on them: claim a shard, say that it is being worked on, finish it.

Here it is the database. A claim is one statement, so that no two workers have the same shard; every change of a job's
state is made under the states' rules, in the transaction that read the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from referee.platform.jobs.shard_rows import Cut
from referee.platform.jobs.states import OPEN, State
from referee.platform.store.database import Database
from referee.platform.store.tables import Job, Shard, Workspace, now

_PENDING, _ACTIVE, _DONE = "pending", "active", "done"


@dataclass(frozen=True)
class Task:
    """A job, as who works on it sees it; `rows` is known once they are in shards."""

    job_id: str
    name: str
    workspace: str
    state: State
    rows: int | None


@dataclass(frozen=True)
class Counts:
    """How far a shard is: rows that have their outcome, and those among them that are unclear or failed."""

    done: int
    unclear: int
    failed: int


class Board(Protocol):
    """Where work is found, and told of. The methods block."""

    def open_jobs(self) -> dict[str, State]:
        """The jobs in which there is something to be done, the oldest first."""
        ...

    def task(self, job_id: str) -> Task | None:
        """A job; None where it was deleted."""
        ...

    def sent(self, job_id: str) -> str:
        """What was submitted as a job, in JSON."""
        ...

    def cut(self, job_id: str, cuts: Sequence[Cut]) -> bool:
        """Its rows are in shards now; False where it is not to be gone on with."""
        ...

    def move(self, job_id: str, state: State, error: str | None = None) -> bool:
        """Put a job into a state; False where that may not follow its own."""
        ...

    def claim(self, job_id: str, worker: str) -> Cut | None:
        """The next shard of a job, which is the worker's from now on; None where there is none to be worked on."""
        ...

    def heartbeat(self, job_id: str, cut: Cut, worker: str, counts: Counts) -> bool:
        """The worker is still at it, and so far; False where the shard is not its any more."""
        ...

    def finish(self, job_id: str, cut: Cut, worker: str, counts: Counts, *, done: bool) -> bool:
        """The worker lets go of a shard, which is done, or another's to go on with."""
        ...

    def release_all(self) -> None:
        """Take all shards from workers that are no more."""
        ...


class DatabaseBoard:
    """The board in the platform's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_jobs(self) -> dict[str, State]:
        """The jobs in which there is something to be done, the oldest first."""
        with self._database.reading() as session:
            rows = select(Job.id, Job.status).where(Job.status.in_(OPEN)).order_by(Job.created_at)
            return {job_id: State(status) for job_id, status in session.execute(rows)}

    def task(self, job_id: str) -> Task | None:
        """A job; None where it was deleted."""
        columns = select(Job.name, Workspace.name, Job.status, Job.rows)  # its spec may be large
        with self._database.reading() as session:
            joined = columns.join(Workspace, Workspace.id == Job.workspace_id)
            found = session.execute(joined.where(Job.id == job_id)).first()
        if found is None:
            return None
        name, workspace, status, rows = found
        return Task(job_id, name, workspace, State(status), rows)

    def sent(self, job_id: str) -> str:
        """What was submitted as a job, in JSON; empty where it was deleted."""
        with self._database.reading() as session:
            return session.scalar(select(Job.sent).where(Job.id == job_id)) or "{}"

    def cut(self, job_id: str, cuts: Sequence[Cut]) -> bool:
        """Its rows are in shards now."""
        with self._database.writing() as session:
            job = _locked(session, job_id)
            if job is None or job.status != State.pending:
                return False
            session.execute(delete(Shard).where(Shard.job_id == job_id))
            for cut in cuts:
                session.add(
                    Shard(
                        job_id=job_id,
                        number=cut.number,
                        first_row=cut.first_row,
                        rows=cut.rows,
                        offset=cut.offset,
                        length=cut.length,
                    )
                )
            job.rows = sum(cut.rows for cut in cuts)
            _set(job, State.active)
        return True

    def move(self, job_id: str, state: State, error: str | None = None) -> bool:
        """Put a job into a state, where that may follow its own."""
        with self._database.writing() as session:
            job = _locked(session, job_id)
            if job is None or not State(job.status).may_become(state):
                return False
            _set(job, state)
            job.error = error
        return True

    def claim(self, job_id: str, worker: str) -> Cut | None:
        """The next shard of a job."""
        with self._database.writing() as session:
            job = _locked(session, job_id)
            if job is None or job.status != State.active:
                return None
            rows = select(Shard).where(Shard.job_id == job_id, Shard.status == _PENDING).order_by(Shard.number)
            shard = session.scalars(rows.limit(1).with_for_update()).first()
            if shard is None:
                return None
            shard.status, shard.worker, shard.heartbeat_at = _ACTIVE, worker, now()
            return Cut(shard.number, shard.first_row, shard.rows, shard.offset, shard.length)

    def heartbeat(self, job_id: str, cut: Cut, worker: str, counts: Counts) -> bool:
        """The worker is still at it."""
        return self._tell(job_id, cut, worker, counts, _ACTIVE)

    def finish(self, job_id: str, cut: Cut, worker: str, counts: Counts, *, done: bool) -> bool:
        """The worker lets go of a shard."""
        return self._tell(job_id, cut, worker, counts, _DONE if done else _PENDING)

    def release_all(self) -> None:
        """Take all shards from workers that are no more."""
        with self._database.writing() as session:
            session.execute(update(Shard).where(Shard.status == _ACTIVE).values(status=_PENDING, worker=None))

    def _tell(self, job_id: str, cut: Cut, worker: str, counts: Counts, status: str) -> bool:
        with self._database.writing() as session:
            its = (Shard.job_id == job_id, Shard.number == cut.number, Shard.worker == worker)
            told = session.execute(
                update(Shard)
                .where(*its, Shard.status == _ACTIVE)
                .values(
                    status=status,
                    worker=worker if status == _ACTIVE else None,
                    heartbeat_at=now(),
                    done=counts.done,
                    unclear=counts.unclear,
                    failed=counts.failed,
                )
            )
            session.execute(update(Job).where(Job.id == job_id).values(updated_at=now()))
            return bool(getattr(told, "rowcount", 0))


def _locked(session: Session, job_id: str) -> Job | None:
    return session.scalars(select(Job).where(Job.id == job_id).with_for_update()).first()


def _set(job: Job, state: State) -> None:
    job.status = state
    job.version += 1
    job.updated_at = now()
