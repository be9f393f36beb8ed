"""Alembic's door to the database: `database.upgrade` hands over an open connection."""

from __future__ import annotations

from alembic import context

from referee.platform.store.tables import Base

with context.config.attributes["connection"].begin():
    context.configure(
        connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
    )
    with context.begin_transaction():
        context.run_migrations()
