"""Payments that are expected, whom entries of the log are about beside a wallet, and outputs by value."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INDEXES = (("wallet_id", "number"), ("creator", "number"), ("outpoint",), ("status", "due_height"), ("recipient",))


def upgrade() -> None:
    """Make the table, its counter, the further column of the log, and the indexes."""
    op.bulk_insert(sa.table("counter", sa.column("name"), sa.column("value")), [{"name": "payments", "value": 0}])
    op.add_column("entry", sa.Column("creator", sa.String(), nullable=True))
    op.create_index("ix_entry_creator_topic_number", "entry", ["creator", "topic", "number"])
    op.create_index("ix_output_wallet_id_value", "output", ["wallet_id", "value"])
    _payments()
    for columns in INDEXES:
        op.create_index(f"ix_payment_{'_'.join(columns)}", "payment", list(columns))


def _payments() -> None:
    op.create_table(
        "payment",
        sa.Column("payment_id", sa.String(), nullable=False),
        _whole("number"),
        _text("creator", nullable=True),
        _text("recipient"),
        _whole("amount_sats"),
        _text("metadata"),
        _whole("confirmations_required"),
        _bytes("txid"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        _whole("created_at"),
        _whole("created_height"),
        _whole("expires_at"),
        _whole("updated_at"),
        _whole("baseline"),
        _text("wallet_id", nullable=True),
        _whole("label", nullable=True),
        _text("status"),
        _bytes("outpoint"),
        _whole("received_sats", nullable=True),
        _whole("block_height", nullable=True),
        _bytes("block_hash"),
        _whole("due_height", nullable=True),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.wallet_id"], name="fk_payment_wallet_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("payment_id", name="pk_payment"),
    )


def _text(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _whole(name: str, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, WHOLE, nullable=nullable)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=True)
