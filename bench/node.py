"""A node for benches: the fake bitcoind with ZMQ, quick look-ups, and blocks prepared before they are connected.

Its transactions spend outputs that were never in a block, so that thousands can be made without a chain that holds them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import zmq

from sdkrelay.crypto.secp256k1 import public_key
from sdkrelay.domain.chain import TxOut, display, from_display
from tests.support.blocks import Written, WrittenBlock, coinbase, random_transaction
from tests.support.fake_bitcoind import START_TIME, FakeBitcoind


def real_key(source: random.Random) -> bytes:
    """A key on the curve."""
    return public_key(source.randbytes(32))


def strangers(source: random.Random, count: int, taproot: bool) -> list[Written]:
    """Transactions that pay none of the wallets, with taproot outputs or without."""
    choose = source.choice
    return [
        random_transaction(source, taproot, choose((1, 1, 1, 2, 2, 4)), choose((1, 2, 2, 2, 4)), real_key)
        for _ in range(count)
    ]


class BenchNode(FakeBitcoind):
    """One node; give :meth:`serve` a folder for its cookie before a relay is started on it."""

    def __init__(self) -> None:
        super().__init__()
        self.rpc_url = self.zmq_url = ""
        self.cookie_path = Path()
        self._spent: dict[bytes, TxOut] = {}
        self._context = zmq.Context()
        self._publisher = self._context.socket(zmq.PUB)
        self._publisher.set_hwm(0)
        self._counters = {b"hashblock": 0, b"sequence": 0}

    def serve(self, folder: Path) -> None:
        """Listen for questions, publish on ZMQ."""
        self.rpc_url = self.listen()
        self.zmq_url = f"tcp://127.0.0.1:{self._publisher.bind_to_random_port('tcp://127.0.0.1')}"
        self.cookie_path = folder / ".cookie"
        self.cookie_path.write_bytes(self.secret)

    async def close(self) -> None:
        """Stop serving."""
        self._publisher.close(0)
        self._context.term()
        await super().close()

    def take(self, transactions: Iterable[Written]) -> None:
        """Transactions come into the mempool."""
        for each in transactions:
            self.mempool[display(each.txid)] = each
            self._spent |= {one.outpoint: one.prevout for one in each.inputs if one.prevout is not None}
            self._publish(b"sequence", each.txid[::-1] + b"A" + bytes(8))

    def next_block(self, transactions: Sequence[Written]) -> WrittenBlock:
        """A block with these transactions that could follow the tip; nobody knows of it yet."""
        tip = self.chain[-1]
        first = coinbase(tip.height + 1)
        return WrittenBlock(tip.height + 1, tip.hash, START_TIME + 600 * (tip.height + 1), (first, *transactions))

    def connect(self, block: WrittenBlock) -> None:
        """The block is the new tip, and everybody is told."""
        for each in block.transactions:
            self.mempool.pop(display(each.txid), None)
        self.chain.append(block)
        self.known[display(block.hash)] = block
        self._publish(b"hashblock", block.hash[::-1])
        self._publish(b"sequence", block.hash[::-1] + b"C")

    def _publish(self, topic: bytes, body: bytes) -> None:
        self._publisher.send_multipart([topic, body, self._counters[topic].to_bytes(4, "little")])
        self._counters[topic] += 1

    def _gettxout(self, name: str, vout: int, include_mempool: bool) -> dict[str, Any] | None:
        spent = self._spent.get(from_display(name) + vout.to_bytes(4, "little"))
        return spent and {"value": Decimal(spent.value) / 10**8, "scriptPubKey": {"hex": spent.script.hex()}}
