"""Makes stores and what goes into them: blocks of a chain, wallets, outputs and notices, each told apart by a number."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import closing
from hashlib import sha256
from typing import Any, TypeVar

from attrs import define

from sdkrelay.domain.chain import BlockHash, BlockId, IndexedBlock
from sdkrelay.domain.notification import DisconnectData, Kind, Notice, SpendData, Topic
from sdkrelay.domain.wallet import Output, SealedWallet, Standing
from sdkrelay.io.storage import DatabaseStore, InlineExecutor, open_store

T = TypeVar("T")

ROOT = BlockId(99, BlockHash(bytes(32)))


@define
class SetClock:
    """A clock that shows what it was set to."""

    time: float = 1_700_000_000.5

    def now(self) -> float:
        """The time set."""
        return self.time

    def monotonic(self) -> float:
        """The time set."""
        return self.time


@define
class CountedEntropy:
    """Bytes that are different every time and the same in every run."""

    asked: int = 0

    def bytes(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        self.asked += 1
        return (digest("entropy", self.asked) * (count // 32 + 1))[:count]


def pragma(store: DatabaseStore, text: str) -> None:
    """Change a setting of the writer's connection, such as how many pages the file may have."""
    opened_now = store._runner._opened
    if opened_now is None:
        raise AssertionError("the store is not open")
    with closing(opened_now.write_to.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(f"PRAGMA {text}")


def tip_of(store: DatabaseStore) -> BlockId:
    """The tip of an index that has one."""
    tip = now(store.index.tip())
    if tip is None:
        raise AssertionError("the index is empty")
    return tip


def digest(*words: object) -> bytes:
    """32 bytes that stand for the words."""
    return sha256(repr(words).encode()).digest()


def now(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that has nothing to wait for, as with ``InlineExecutor``."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        result: T = finished.value
        return result
    coroutine.close()
    raise AssertionError("the coroutine waits for something")


async def opened(url: str = "sqlite://", clock: SetClock | None = None) -> DatabaseStore:
    """A store on the calling thread."""
    return await open_store(url, InlineExecutor, clock or SetClock(), CountedEntropy())


def block(parent: BlockId, count: int = 2, branch: object = 0) -> IndexedBlock:
    """A block on ``parent`` with ``count`` eligible transactions of two outputs each; ``branch`` makes it another."""
    words = (parent.hash, count, branch)
    seed = digest(*words)
    return IndexedBlock(
        height=parent.height + 1,
        hash=BlockHash(digest("hash", *words)),
        prev_hash=parent.hash,
        time=1_600_000_000 + parent.height,
        count=count,
        digest=seed,
        txids=seed * count,
        tweaks=seed * (2 * count),
        counts=(2).to_bytes(4, "little") * count,
        prefixes=seed[:16] * count,
        largest=(546).to_bytes(8, "little") * count,
        others=seed[:8],
        spent=b"",
    )


def chain(length: int, root: BlockId = ROOT, count: int = 2) -> list[IndexedBlock]:
    """Consecutive blocks on ``root``."""
    blocks: list[IndexedBlock] = []
    for _ in range(length):
        blocks.append(block(blocks[-1].id if blocks else root, count))
    return blocks


def sealed_wallet(number: int, **changes: Any) -> SealedWallet:
    """A wallet told apart by its number."""
    values: dict[str, Any] = {
        "wallet_id": f"{number:032x}",
        "address": f"tsp1q{number}",
        "sealed_scan_secret": digest("sealed", number),
        "spend_key": b"\x02" + digest("spend", number),
        "labels": (1, 5),
        "birthday": 100,
        "cursor": ROOT,
        "created_at": 1_700_000_000,
    }
    return SealedWallet(**{**values, **changes})


def output(number: int, **changes: Any) -> Output:
    """An output told apart by its number, in the mempool unless said otherwise."""
    values: dict[str, Any] = {
        "outpoint": digest("txid", number) + bytes(4),
        "value": 1000 + number,
        "key": digest("key", number),
        "k": 0,
        "label": None,
        "tweak": b"\x03" + digest("tweak", number),
        "output_tweak": digest("output", number),
        "fee": 141,
        "size": 200,
        "ambiguous": False,
        "standing": Standing.MEMPOOL,
        "block": None,
        "time": 1_700_000_000,
    }
    return Output(**{**values, **changes})


def block_notice(block_id: BlockId) -> Notice:
    """A public notice about a block."""
    data = DisconnectData(
        block_height=block_id.height, block_hash=block_id.hash.hex(), previous_block_hash="00" * 32, timestamp=0
    )
    return Notice(Kind.BLOCK_DISCONNECTED, Topic.BLOCKS, data)


def payment_notice(wallet_id: str, number: int = 0) -> Notice:
    """A private notice of a wallet."""
    data = SpendData(
        wallet_id=wallet_id,
        address="tsp1q",
        txid=digest("txid", number).hex(),
        vout=0,
        amount="0.001",
        amount_sats=100_000,
        output=digest("key", number).hex(),
        spent_by=digest("spender", number).hex(),
        block_height=None,
        block_hash=None,
        timestamp=0,
    )
    return Notice(Kind.PAYMENT_SPENT, Topic.PAYMENTS, data, wallet_id)
