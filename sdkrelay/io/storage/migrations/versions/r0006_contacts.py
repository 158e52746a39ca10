"""Wallets can name a Nostr key and relays where their owner is told of payments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "nostr_contact",
        _wallet(),
        sa.Column("pubkey", sa.String(), nullable=False),
        sa.Column("relays", sa.String(), nullable=False),
        sa.Column("since", WHOLE, nullable=False),
        _reference("nostr_contact"),
        sa.PrimaryKeyConstraint("wallet_id", name="pk_nostr_contact"),
    )
    op.create_table(
        "nostr_delivery",
        _wallet(),
        sa.Column("relay", sa.String(), nullable=False),
        sa.Column("told", WHOLE, nullable=False),
        _reference("nostr_delivery"),
        sa.PrimaryKeyConstraint("wallet_id", "relay", name="pk_nostr_delivery"),
    )


def _wallet() -> sa.Column[str]:
    return sa.Column("wallet_id", sa.String(), nullable=False)


def _reference(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["wallet_id"], ["wallet.wallet_id"], name=f"fk_{table}_wallet_id", ondelete="CASCADE"
    )
