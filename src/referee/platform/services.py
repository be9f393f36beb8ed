"""`Services`: what the routes and the runner share while a server runs — settings, database, vault, the data folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from referee.errors import PlatformError
from referee.platform.presence import LOCK_FILE, remove_record
from referee.platform.problems import not_found
from referee.platform.settings import Settings
from referee.platform.store.database import Database
from referee.platform.store.tables import Workspace
from referee.platform.vault import Vault

DATABASE_FILE = "platform.db"
_BUILT_IN = {
    "default": "General-purpose workspace",
    "system": "Belongs to the platform",
}


class Services:
    """An opened data folder. One server has it at a time.

    Raises:
        PlatformError: another server has it, or it cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.data
        self.wake: Callable[[], None] = lambda: None
        """Tells the runner that there may be work."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(self.folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise PlatformError(f"the data folder {self.folder} cannot be used: {error.strerror}") from error
        try:
            self._take_lock()
            remove_record(self.folder)  # that of a server which was killed
            self.vault = Vault(self.folder)
            self.database = Database(settings.database_url or f"sqlite:///{(self.folder / DATABASE_FILE).absolute()}")
            self._add_built_in()
        except BaseException:
            os.close(self._lock)
            raise

    def job_folder(self, job_id: str) -> Path:
        """Where a job's rows, journals and results are."""
        return self.folder / "jobs" / job_id

    def fileset_folder(self, fileset_id: str) -> Path:
        """Where the uploads of a local fileset are."""
        return self.folder / "filesets" / fileset_id

    def close(self) -> None:
        """Let go of the database and the folder."""
        self.database.close()
        remove_record(self.folder)
        os.close(self._lock)

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise PlatformError(
                f"another server is at work in {self.folder}: stop it, or give this one another data folder"
            ) from error

    def _add_built_in(self) -> None:
        with self.database.writing() as session:
            there = set(session.scalars(select(Workspace.name)))
            for name, description in _BUILT_IN.items():
                if name not in there:
                    session.add(Workspace(name=name, description=description, created_by=None))


def is_built_in(workspace: str) -> bool:
    """Whether a workspace comes with the platform."""
    return workspace in _BUILT_IN


def find_workspace(session: Session, name: str) -> Workspace:
    """The workspace of this name.

    Raises:
        HTTPException: 404.
    """
    found = session.scalar(select(Workspace).where(Workspace.name == name))
    if found is None:
        raise not_found("Workspace", name)
    return found


def _services(request: Request) -> Services:
    return request.app.state.services


Shared = Annotated[Services, Depends(_services)]
"""A route's parameter for the services."""
