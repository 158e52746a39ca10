"""The first schema: facts and counters, the index, wallets with tokens and outputs, and the log."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COUNTERS = ("blocks", "tweaks", "entries", "expired", "wallets", "outputs")


def upgrade() -> None:
    """Make all tables, and the counters at 0."""
    _facts()
    _index()
    _wallets()
    _outputs()
    _log()


def _facts() -> None:
    op.create_table("fact", _key("key", sa.String()), _text("value"), sa.PrimaryKeyConstraint("key", name="pk_fact"))
    counter = op.create_table(
        "counter", _key("name", sa.String()), _whole("value"), sa.PrimaryKeyConstraint("name", name="pk_counter")
    )
    op.bulk_insert(counter, [{"name": name, "value": 0} for name in COUNTERS])


def _index() -> None:
    packed = ("digest", "txids", "tweaks", "counts", "prefixes", "largest", "others", "spent")
    op.create_table(
        "block",
        _key("height", WHOLE),
        _bytes("hash"),
        _bytes("prev_hash"),
        _whole("time"),
        _whole("count"),
        *(_bytes(name) for name in packed),
        sa.PrimaryKeyConstraint("height", name="pk_block"),
    )


def _wallets() -> None:
    op.create_table(
        "wallet",
        _key("wallet_id", sa.String()),
        _whole("number"),
        _text("address"),
        _bytes("sealed_scan_secret"),
        _bytes("spend_key"),
        _text("labels"),
        _whole("birthday"),
        _whole("cursor_height"),
        _bytes("cursor_hash"),
        _whole("created_at"),
        sa.PrimaryKeyConstraint("wallet_id", name="pk_wallet"),
    )
    op.create_table(
        "token",
        _key("token_hash", sa.LargeBinary()),
        _text("wallet_id"),
        _owned("token"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_token"),
    )
    op.create_index("ix_token_wallet_id", "token", ["wallet_id"])


def _outputs() -> None:
    op.create_table(
        "output",
        _key("found", WHOLE),
        _text("wallet_id"),
        _bytes("outpoint"),
        _whole("value"),
        _bytes("key"),
        _whole("k"),
        _whole("label", nullable=True),
        _bytes("tweak"),
        _bytes("output_tweak"),
        _whole("fee"),
        _whole("size"),
        sa.Column("ambiguous", sa.Boolean(), nullable=False),
        _text("standing"),
        _whole("block_height", nullable=True),
        _bytes("block_hash", nullable=True),
        _whole("time"),
        _bytes("spent_by", nullable=True),
        _whole("spent_height", nullable=True),
        _bytes("spent_hash", nullable=True),
        _bytes("reuse_of", nullable=True),
        _owned("output"),
        sa.PrimaryKeyConstraint("found", name="pk_output"),
        sa.UniqueConstraint("wallet_id", "outpoint", name="uq_output_wallet_id_outpoint"),
    )


def _log() -> None:
    op.create_table(
        "entry",
        _key("number", WHOLE),
        _text("kind"),
        _text("topic"),
        _text("wallet_id", nullable=True),
        _bytes("body"),
        _whole("at"),
        sa.PrimaryKeyConstraint("number", name="pk_entry"),
    )
    op.create_index("ix_entry_wallet_id_topic_number", "entry", ["wallet_id", "topic", "number"])


def _key(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, autoincrement=False)


def _text(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _whole(name: str, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, WHOLE, nullable=nullable)


def _bytes(name: str, nullable: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=nullable)


def _owned(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_wallet_id"
    return sa.ForeignKeyConstraint(["wallet_id"], ["wallet.wallet_id"], name=name, ondelete="CASCADE")
