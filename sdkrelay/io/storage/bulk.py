"""Inserts many rows at once: preparing each row's values as for any statement takes longer than the database does.

The statement is still SQLAlchemy's; the values go to the driver as they are, so they are of its own types: numbers, text, bytes
and None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from operator import itemgetter

from sqlalchemy import Connection, Dialect, Table, insert


def insert_all(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows, each with a value for every column, in the caller's transaction; nothing for no rows."""
    if rows:
        values = itemgetter(*(column.name for column in table.columns))
        connection.exec_driver_sql(_statement(table, connection.dialect), [values(row) for row in rows])


@cache
def _statement(table: Table, dialect: Dialect) -> str:
    return str(insert(table).compile(dialect=dialect))
