"""Joins alembic to the connection that the store hands it, so that a migration is part of the transaction of the opening."""

from __future__ import annotations

from alembic import context

from sdkrelay.io.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
