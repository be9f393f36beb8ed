"""`Database`: the engine, its transactions, and the schema brought up to date when it is opened.

SQLite runs in write-ahead mode, and a transaction that writes takes the lock at its beginning, so that what it read
cannot change under it; on PostgreSQL a writer locks the rows that it changes. Two writers never lose each other's work.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from referee.errors import MissingExtraError, PlatformError

_WRITES = "referee_writes"
_LOCK_SECONDS = 30
HEAD = "0001"
"""The newest migration in `migrations/versions`."""


class Database:
    """The platform's database. Its schema is up to date when it is open.

    Args:
        url: an SQLAlchemy URL.

    Raises:
        PlatformError: there is no database at this URL, or it belongs to a newer release.
        MissingExtraError: its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self._shown = _shown(url)
        self._engine = _engine(url)
        try:
            self._migrate()
        except OperationalError as error:
            self._engine.dispose()
            raise PlatformError(f"the database {self._shown} cannot be used: {error.orig}") from error
        except BaseException:
            self._engine.dispose()
            raise

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file beside the server."""
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Generator[Session]:
        """A transaction that changes nothing."""
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Generator[Session]:
        """A transaction that is committed at the end, and rolled back where an exception leaves it."""
        with Session(self._engine, expire_on_commit=False) as session:
            session.connection(execution_options={_WRITES: True})
            yield session
            session.commit()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _migrate(self) -> None:
        with self._engine.connect() as connection:
            at = _revision(connection)
        if at == HEAD:
            return  # the common start does without Alembic, whose import takes longer than all else here
        upgrade(self._engine)


def upgrade(engine: Engine, to: str = "head") -> None:
    """Bring the schema to a revision.

    Raises:
        PlatformError: the database has a revision that this release does not know.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, to)
        except CommandError as error:
            raise PlatformError(
                f"the database {_shown(str(engine.url))} cannot be brought up to date: {error}; it may belong to a "
                "newer release of referee: install that, or use another database"
            ) from error


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite")
    except (ArgumentError, NoSuchModuleError) as error:
        raise PlatformError(
            f"the database url {_shown(url)} cannot be used: {error}; give sqlite:/// or postgresql://"
        ) from error
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"the database {_shown(url)} (no module {error.name})", "postgres") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _open_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _open_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_sqlite`, not by the driver
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # what was answered with 201 survives a power failure
        "foreign_keys=ON",
        f"busy_timeout={_LOCK_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _shown(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "(not a url)"
