"""Messages that clients leave become records, which relays sign and keep in common.

What was left with an earlier release is taken over unsigned, under an id that is the SHA-256 of its name; the relay signs it
when it starts.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BYTES = ("key", "content", "signature")
TEXTS = ("kind", "origin", "author", "message_id")
NUMBERS = ("hlc", "ttl", "expires_at", "number")


def upgrade() -> None:
    """Make both tables and the indexes, move the messages, and drop their table."""
    columns: list[sa.Column[Any]] = [
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in BYTES),
        *(sa.Column(name, sa.String(), nullable=False) for name in TEXTS),
        *(sa.Column(name, WHOLE, nullable=False) for name in NUMBERS),
    ]
    table = op.create_table("record", _id(), *columns, sa.PrimaryKeyConstraint("record_id", name="pk_record"))
    for name in ("message_id", "origin", "author", "expires_at"):
        op.create_index(f"ix_record_{name}", "record", [name])
    forget_at = sa.Column("forget_at", WHOLE, nullable=False)
    op.create_table("expired", _id(), forget_at, sa.PrimaryKeyConstraint("record_id", name="pk_expired"))
    op.create_index("ix_expired_forget_at", "expired", ["forget_at"])
    rows = op.get_bind().exec_driver_sql("SELECT * FROM message ORDER BY number").all()
    op.bulk_insert(table, [_moved(row) for row in rows])
    op.drop_table("message")


def _id() -> sa.Column[bytes]:
    return sa.Column("record_id", sa.LargeBinary(), nullable=False)


def _moved(row: Any) -> dict[str, object]:
    return {
        "record_id": sha256(row.message_id.encode()).digest(),
        "kind": "message",
        "origin": "",
        "key": b"",
        "author": row.author,
        "message_id": row.message_id,
        "content": row.content,
        "hlc": row.received_at * 1000 << 16,
        "ttl": max(1, row.expires_at - row.received_at),
        "signature": b"",
        "expires_at": row.expires_at,
        "number": row.number,
    }
