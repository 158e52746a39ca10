"""The tables, once for all engines, so that queries, migrations and tests agree on one description.

Hashes and keys are raw bytes in internal order. ``Whole`` is a signed 64-bit integer; SQLite needs the plain word INTEGER
for it, or it would keep a second tree beside every table. Numbers given to entries, wallets and outputs come from
``counter`` rows that only grow, so none is ever given twice on any engine, whatever is deleted.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

#: Constraints have names, so that a later migration can speak of them.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMES)

Whole = BigInteger().with_variant(Integer(), "sqlite")


def _whole(name: str) -> Column[int]:
    return Column(name, Whole, nullable=False)


def _bytes(name: str, nullable: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=nullable)


def _text(name: str, nullable: bool = False) -> Column[str]:
    return Column(name, String, nullable=nullable)


def _wallet() -> Column[str]:
    return Column("wallet_id", String, ForeignKey("wallet.wallet_id", ondelete="CASCADE"), nullable=False)


#: Small facts: the network, the relay id, the log's name.
fact = Table("fact", metadata, Column("key", String, primary_key=True), _text("value"))

#: Numbers that are kept rather than counted, by the names of ``facts.Counter``.
counter = Table("counter", metadata, Column("name", String, primary_key=True), _whole("value"))

#: One row a block, columns in the order of ``IndexedBlock``.
block = Table(
    "block",
    metadata,
    Column("height", Whole, primary_key=True, autoincrement=False),
    _bytes("hash"),
    _bytes("prev_hash"),
    _whole("time"),
    _whole("count"),
    _bytes("digest"),
    _bytes("txids"),
    _bytes("tweaks"),
    _bytes("counts"),
    _bytes("prefixes"),
    _bytes("largest"),
    _bytes("others"),
    _bytes("spent"),
)

wallet = Table(
    "wallet",
    metadata,
    Column("wallet_id", String, primary_key=True),
    _whole("number"),
    _text("address"),
    _bytes("sealed_scan_secret"),
    _bytes("spend_key"),
    _text("labels"),
    _whole("birthday"),
    _whole("cursor_height"),
    _bytes("cursor_hash"),
    _whole("created_at"),
)

token = Table(
    "token", metadata, Column("token_hash", LargeBinary, primary_key=True), _wallet(), Index(None, "wallet_id")
)

output = Table(
    "output",
    metadata,
    Column("found", Whole, primary_key=True, autoincrement=False),
    _wallet(),
    _bytes("outpoint"),
    _whole("value"),
    _bytes("key"),
    _whole("k"),
    Column("label", Whole, nullable=True),
    _bytes("tweak"),
    _bytes("output_tweak"),
    _whole("fee"),
    _whole("size"),
    Column("ambiguous", Boolean, nullable=False),
    _text("standing"),
    Column("block_height", Whole, nullable=True),
    _bytes("block_hash", nullable=True),
    _whole("time"),
    _bytes("spent_by", nullable=True),
    Column("spent_height", Whole, nullable=True),
    _bytes("spent_hash", nullable=True),
    _bytes("reuse_of", nullable=True),
    UniqueConstraint("wallet_id", "outpoint"),
    Index(None, "wallet_id", "value"),
)

#: Where a wallet's owner is told of payments (relays are a JSON list), and how far each relay has been told.
nostr_contact = Table(
    "nostr_contact",
    metadata,
    Column("wallet_id", String, ForeignKey("wallet.wallet_id", ondelete="CASCADE"), primary_key=True),
    _text("pubkey"),
    _text("relays"),
    _whole("since"),
)
nostr_delivery = Table(
    "nostr_delivery",
    metadata,
    Column("wallet_id", String, ForeignKey("wallet.wallet_id", ondelete="CASCADE"), primary_key=True),
    Column("relay", String, primary_key=True),
    _whole("told"),
)

#: The log; what has a creator has a wallet too, if only the empty one. One index serves public entries of a topic (no wallet)
#: and the entries of a wallet, the other those of a creator, all by number.
entry = Table(
    "entry",
    metadata,
    Column("number", Whole, primary_key=True, autoincrement=False),
    _text("kind"),
    _text("topic"),
    Column("wallet_id", String, nullable=True),
    _bytes("body"),
    _whole("at"),
    Column("creator", String, nullable=True),
    Index(None, "wallet_id", "topic", "number"),
    Index(None, "creator", "topic", "number"),
)

#: Payments that are expected; ``due_height`` is the tip's from which one in a block is confirmed.
payment = Table(
    "payment",
    metadata,
    Column("payment_id", String, primary_key=True),
    _whole("number"),
    _text("creator", nullable=True),
    _text("recipient"),
    _whole("amount_sats"),
    _text("metadata"),
    _whole("confirmations_required"),
    _bytes("txid", nullable=True),
    _bytes("digest"),
    _whole("created_at"),
    _whole("created_height"),
    _whole("expires_at"),
    _whole("updated_at"),
    _whole("baseline"),
    Column("wallet_id", String, ForeignKey("wallet.wallet_id", ondelete="SET NULL"), nullable=True),
    Column("label", Whole, nullable=True),
    _text("status"),
    _bytes("outpoint", nullable=True),
    Column("received_sats", Whole, nullable=True),
    Column("block_height", Whole, nullable=True),
    _bytes("block_hash", nullable=True),
    Column("due_height", Whole, nullable=True),
    Index(None, "wallet_id", "number"),
    Index(None, "creator", "number"),
    Index(None, "outpoint"),
    Index(None, "status", "due_height"),
    Index(None, "recipient"),
)

#: What relays keep in common; ``number`` is that of the entry that tells of it, 0 for what does not count under its name.
#: The signature is empty in rows of earlier releases until the relay has signed them.
record = Table(
    "record",
    metadata,
    Column("record_id", LargeBinary, primary_key=True),
    _text("kind"),
    _text("origin"),
    _bytes("key"),
    _text("author"),
    _text("message_id"),
    _bytes("content"),
    _whole("hlc"),
    _whole("ttl"),
    _bytes("signature"),
    _whole("expires_at"),
    _whole("number"),
    Index(None, "message_id"),
    Index(None, "origin"),
    Index(None, "author"),
    Index(None, "expires_at"),
)

#: Records whose time has come, remembered so that they do not come back.
expired = Table(
    "expired",
    metadata,
    Column("record_id", LargeBinary, primary_key=True),
    _whole("forget_at"),
    Index(None, "forget_at"),
)

#: Users with a password (Argon2) and roles, which are a JSON list.
account = Table(
    "account",
    metadata,
    Column("name", String, primary_key=True),
    _text("password_hash"),
    _text("roles"),
    _whole("created_at"),
)

#: Bearer tokens of users, as SHA-256.
access_token = Table(
    "access_token",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("user", String, ForeignKey("account.name", ondelete="CASCADE"), nullable=False),
    _text("roles"),
    _whole("issued_at"),
    _whole("expires_at"),
    Column("revoked_at", Whole, nullable=True),
    Index(None, "user"),
)
