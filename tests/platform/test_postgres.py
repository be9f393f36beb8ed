"""The same flow on PostgreSQL, where one can be started; and migrations up and down on both."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from running_platform import Platform, some_rows, spec
from sqlalchemy import create_engine, inspect, text

from own_ports import free_port
from referee.errors import PlatformError
from referee.platform.settings import Settings
from referee.platform.store.database import HEAD, Database
from referee.platform.store.tables import Base


def tool(name):
    found = shutil.which(name) or next(iter(sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return str(found)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """The url of a PostgreSQL server of its own."""
    pytest.importorskip("psycopg")
    folder = tmp_path_factory.mktemp("postgres")
    as_user: dict = {}
    if os.getuid() == 0:  # PostgreSQL does not run as root
        as_user = {"user": "postgres"} if _has_user("postgres") else {"user": "nobody"}
        folder.parent.chmod(0o755)
        shutil.chown(folder, as_user["user"])
        for parent in folder.parents[:3]:
            parent.chmod(parent.stat().st_mode | 0o011)
    port = free_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "cwd": folder, **as_user}
    made = subprocess.run(
        [tool("initdb"), "-D", folder / "db", "-U", "referee", "-A", "trust", "-N"], check=False, **quiet
    )
    if made.returncode:
        pytest.skip(f"initdb: {made.stderr.decode()[:300]}")
    arguments = ["-D", folder / "db", "-p", str(port), "-k", folder, "-h", "127.0.0.1", "-F"]
    server = subprocess.Popen([tool("postgres"), *arguments], **quiet)
    url = f"postgresql://referee@127.0.0.1:{port}/postgres"
    try:
        while not _takes_connections(url):  # it says so a moment after it listens
            assert server.poll() is None, server.stderr.read()
            time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait(60)
        server.stderr.close()


def _takes_connections(url):
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def _has_user(name):
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def test_the_flow_on_postgresql(postgres, model, tmp_path):
    settings = Settings(data=tmp_path / "data", database_url=postgres, shard_rows=4)
    with Platform(settings) as platform:
        platform.make_workspace()
        platform.post(platform.secrets, {"name": "key", "value": "v"})
        platform.upload("set", "rows.jsonl", b'{"prompt": "p", "response": "r"}\n' * 6)
        name = platform.run(spec(model.url, "ws/set#rows.jsonl"))
        assert platform.status(name)["status"] == "completed"
        assert platform.post(platform.secrets, {"name": "key", "value": "v"}).status == 409
        assert platform.delete("/apis/entities/v2/workspaces/ws").status == 409
        assert platform.get(f"{platform.filesets}?filter[storage_type]=local").json["pagination"]["total_results"] == 1
        assert platform.delete(f"{platform.jobs}/{name}").status == 204
    with Platform(settings) as platform:
        assert platform.run(spec(model.url, some_rows(2)))


def check_migrations(url):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    Database(url).close()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == HEAD
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_the_migrations_make_the_tables_on_sqlite(tmp_path):
    check_migrations(f"sqlite:///{tmp_path}/x.db")


def test_the_migrations_make_the_tables_on_postgresql(postgres):
    check_migrations(postgres)


def test_a_database_of_a_newer_release(tmp_path):
    url = f"sqlite:///{tmp_path}/x.db"
    Database(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(PlatformError, match="newer release"):
        Database(url)
    assert inspect(engine).has_table("jobs")
    engine.dispose()


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql2://x", "sqlite:////nowhere/at/all/x.db", "postgresql://u:secret@127.0.0.1:9/x"]
)
def test_a_database_that_cannot_be_used(url):
    with pytest.raises(PlatformError) as raised:
        Database(url)
    assert "secret" not in str(raised.value)
