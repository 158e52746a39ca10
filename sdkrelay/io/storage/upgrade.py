"""Brings a database to the schema of this release when it is opened, or refuses one that is not ours or from a later release."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from .engine import StoreError, references_unchecked

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: sqlalchemy.Engine, revision: str = "head") -> None:
    """Run the migrations that are missing, all in one transaction. StoreError for a foreign or newer database."""
    with references_unchecked(database), database.begin() as connection:
        scripts = _scripts()
        current = MigrationContext.configure(connection).get_current_revision()
        if current is None and inspect(connection).get_table_names():
            raise StoreError(f"{_name(database)} belongs to another program: choose another in database.url")
        if current not in {None, *(script.revision for script in scripts.walk_revisions())}:
            raise StoreError(f"{_name(database)} was used by a newer release (schema {current}): install that release")
        if current != scripts.get_current_head():
            command.upgrade(_configuration(connection), revision)


def require_current(database: sqlalchemy.Engine) -> None:
    """StoreError unless the database has exactly the schema of this release."""
    with database.begin() as connection:
        scripts = _scripts()
        current = MigrationContext.configure(connection).get_current_revision()
    if current != scripts.get_current_head():
        raise StoreError(f"{_name(database)} is in use by a relay of another release: use that release's command")


@cache
def _scripts() -> ScriptDirectory:
    """The migrations there are, read once."""
    return ScriptDirectory.from_config(_configuration(None))


def _configuration(connection: Connection | None) -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    configuration.attributes["connection"] = connection
    return configuration


def _name(database: sqlalchemy.Engine) -> str:
    return f"the database {database.url.database}"
