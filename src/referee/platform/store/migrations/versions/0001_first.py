"""The first schema: workspaces, secrets, filesets with their files, jobs with their shards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "workspaces",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(63), nullable=False, unique=True),
        sa.Column("description", sa.Text),
        sa.Column("created_by", sa.String(255)),
        *_times(),
    )
    op.create_table(
        "secrets",
        sa.Column("id", sa.String(64), primary_key=True),
        _workspace(),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        *_times(),
        sa.UniqueConstraint("workspace_id", "name"),
    )
    op.create_table(
        "filesets",
        sa.Column("id", sa.String(64), primary_key=True),
        _workspace(),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("storage", sa.JSON, nullable=False),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("custom_fields", sa.JSON, nullable=False),
        sa.Column("project", sa.String(255), nullable=False),
        *_times(),
        sa.UniqueConstraint("workspace_id", "name"),
    )
    op.create_table(
        "files",
        sa.Column("fileset_id", sa.String(64), sa.ForeignKey("filesets.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("path", sa.String(1024), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("stored", sa.String(64), nullable=False),
        sa.Column("updated_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("step_id", sa.String(64), nullable=False),
        _workspace(),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("project", sa.String(255)),
        sa.Column("sent", sa.Text, nullable=False),
        sa.Column("generation", sa.String(8), nullable=False),
        sa.Column("custom_fields", sa.JSON, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("rows", sa.BigInteger),
        sa.Column("version", sa.BigInteger, nullable=False),
        *_times(),
        sa.UniqueConstraint("workspace_id", "name"),
    )
    op.create_index("jobs_by_time", "jobs", ["workspace_id", "created_at"])
    op.create_index("jobs_by_status", "jobs", ["status"])
    op.create_table(
        "shards",
        sa.Column("job_id", sa.String(64), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("first_row", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("length", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("worker", sa.String(64)),
        sa.Column("heartbeat_at", sa.DateTime),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("unclear", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
    )
    op.create_index("shards_by_status", "shards", ["status"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("shards", "jobs", "files", "filesets", "secrets", "workspaces"):
        op.drop_table(table)


def _workspace() -> sa.Column[str]:
    return sa.Column("workspace_id", sa.String(64), sa.ForeignKey("workspaces.id", ondelete="RESTRICT"), nullable=False)


def _times() -> tuple[sa.Column[object], sa.Column[object]]:
    return sa.Column("created_at", sa.DateTime, nullable=False), sa.Column("updated_at", sa.DateTime, nullable=False)
