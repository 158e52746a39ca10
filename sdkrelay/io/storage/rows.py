"""How wallets and outputs stand in their rows and come back from them."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import RowMapping

from ...domain.chain import BlockHash, BlockId
from ...domain.wallet import Output, SealedWallet, Standing

#: Fields that stand in a column of the same name.
WALLET_PLAIN = ("wallet_id", "address", "sealed_scan_secret", "spend_key", "birthday", "created_at")
OUTPUT_PLAIN = (
    "outpoint",
    "value",
    "key",
    "k",
    "label",
    "tweak",
    "output_tweak",
    "fee",
    "size",
    "ambiguous",
    "time",
    "spent_by",
    "reuse_of",
)


def wallet_row(number: int, wallet: SealedWallet) -> dict[str, Any]:
    """A wallet as a row; labels as JSON, the cursor in two columns."""
    return {
        **{name: getattr(wallet, name) for name in WALLET_PLAIN},
        "number": number,
        "labels": msgspec.json.encode(wallet.labels).decode(),
        "cursor_height": wallet.cursor.height,
        "cursor_hash": wallet.cursor.hash,
    }


def wallet_of(row: RowMapping) -> SealedWallet:
    """The wallet of a row."""
    return SealedWallet(
        **{name: row[name] for name in WALLET_PLAIN},
        labels=msgspec.json.decode(row["labels"], type=tuple[int, ...]),
        cursor=BlockId(row["cursor_height"], BlockHash(row["cursor_hash"])),
    )


def output_row(found: int, wallet_id: str, output: Output) -> dict[str, Any]:
    """An output as a row; each block in two columns."""
    height, block_hash = output.block or (None, None)
    spent_height, spent_hash = output.spent_in or (None, None)
    return {
        **{name: getattr(output, name) for name in OUTPUT_PLAIN},
        "found": found,
        "wallet_id": wallet_id,
        "standing": output.standing,
        "block_height": height,
        "block_hash": block_hash,
        "spent_height": spent_height,
        "spent_hash": spent_hash,
    }


def output_of(row: RowMapping) -> Output:
    """The output of a row."""
    return Output(
        **{name: row[name] for name in OUTPUT_PLAIN},
        standing=Standing(row["standing"]),
        block=_block(row["block_height"], row["block_hash"]),
        spent_in=_block(row["spent_height"], row["spent_hash"]),
    )


def _block(height: int | None, block_hash: bytes | None) -> BlockId | None:
    return None if height is None or block_hash is None else BlockId(height, BlockHash(block_hash))
