"""A node, a wallet's owner and a relay's services in one process, on a clock that a test drives.

The services are the real ones over a real store in memory; only the node is simulated, as the ``Chain`` port: it answers
after a while, fails when told to, and changes its mind between two answers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred

from sdkrelay.crypto.silent import Address, PrivateInput, create_outputs, public_key
from sdkrelay.domain.access import Principal
from sdkrelay.domain.chain import BlockHash, BlockId, Network, Txid, TxOut
from sdkrelay.domain.news import News
from sdkrelay.domain.status import NodeCondition, NodeState
from sdkrelay.io.cache import BoundedCache, CacheLimits
from sdkrelay.io.storage import DatabaseStore
from sdkrelay.messages.message import Message
from sdkrelay.messages.native.scan import ScanKeys, ScanRequest, ScanResponse
from sdkrelay.messages.native.wallets import RegisterWallet, WalletRegistered
from sdkrelay.messages.values import PrivateKey
from sdkrelay.ports import (
    Hint,
    MempoolAdded,
    MempoolRemoved,
    MempoolUnknown,
    RawBlock,
    RawTransaction,
    Task,
    TipChanged,
    Unavailable,
)
from sdkrelay.services.blocks import Blocks
from sdkrelay.services.catching import CatchingUp
from sdkrelay.services.following import Following, Retention
from sdkrelay.services.hub import Hub
from sdkrelay.services.indexing import Indexing
from sdkrelay.services.keys import Vault
from sdkrelay.services.matching import Matcher, Turns
from sdkrelay.services.mempool import Mempool
from sdkrelay.services.payments import PaymentService
from sdkrelay.services.scanning import ScanService
from sdkrelay.services.stepping import Stepper
from sdkrelay.services.wallets import WalletService
from sdkrelay.services.watching import Watch

from .blocks import Spending, Written, WrittenBlock, coinbase, p2tr, p2wpkh
from .tasks import DrivenTime


@frozen
class SlowCompute:
    """Heavy work that is done at once and known a while later, so that the world changes meanwhile."""

    time: DrivenTime
    source: random.Random
    workers: int = 2

    def run(self, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """``function(*arguments)``, after a while."""
        return Deferred.fromCoroutine(self._run(function, *arguments))

    async def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        result = function(*arguments)
        await self.time.tasks.sleep(self.source.choice([0.0, 0.0, 0.05, 0.3]))
        return result


@frozen
class SeededEntropy:
    """Bytes that a plan's seed decides."""

    source: random.Random

    def bytes(self, count: int) -> bytes:
        """``count`` bytes."""
        return self.source.randbytes(count)


@frozen
class Owner:
    """Whoever owns a wallet: its two secrets."""

    scan_secret: bytes
    spend_secret: bytes

    @classmethod
    def make(cls, source: random.Random) -> Owner:
        """A new owner."""
        return cls(source.randbytes(31) + b"\1", source.randbytes(31) + b"\2")

    @property
    def address(self) -> Address:
        """The wallet's address on test networks."""
        return Address("tsp", public_key(self.scan_secret), public_key(self.spend_secret))

    def registration(self, birthday: int = 0, labels: tuple[int, ...] = ()) -> RegisterWallet:
        """What the owner's client asks of the relay."""
        return RegisterWallet(
            scan_private_key=PrivateKey(self.scan_secret.hex()),
            spend_public_key=public_key(self.spend_secret).hex(),
            labels=labels,
            birthday=birthday,
        )


def payment(source: random.Random, owner: Owner, sats: int = 50_000) -> Written:
    """A transaction of somebody unknown that pays the owner in its first output, and change in its second."""
    secret, outpoint = source.randbytes(31) + b"\3", source.randbytes(32) + bytes(4)
    key = create_outputs([PrivateInput(outpoint, secret)], [owner.address])[0]
    sender = public_key(secret)
    spent = Spending(outpoint, TxOut(sats + 1_000, p2wpkh(sender)), b"", (source.randbytes(71), sender))
    return Written((spent,), (TxOut(sats, p2tr(key)), TxOut(500, p2wpkh(sender))))


def spending(source: random.Random, paid: Written) -> Written:
    """A transaction that spends the first output of a payment to an output of no interest."""
    spent = Spending(paid.outpoint(0), paid.outputs[0], b"", (source.randbytes(64),))
    return Written((spent,), (TxOut(paid.outputs[0].value - 500, p2wpkh(source.randbytes(33))),))


@define(eq=False)
class SimulatedNode:
    """The ``Chain`` port over a chain and a mempool that the test changes as it likes."""

    time: DrivenTime
    source: random.Random
    on_hint: Callable[[Hint], None] = lambda hint: None
    chain: list[WrittenBlock] = field(factory=list)
    pool: dict[bytes, Written] = field(factory=dict)
    failing: float = 0.0
    deaf: float = 0.0
    loading: bool = False
    _every: dict[bytes, WrittenBlock] = field(factory=dict)
    _count: int = 0
    _lost: bool = False

    def mine(self, transactions: tuple[Written, ...] = ()) -> WrittenBlock:
        """A block on the tip with these transactions."""
        self._count += 1
        height = len(self.chain)
        previous = self.chain[-1].hash if self.chain else bytes(32)
        first = coinbase(height, tag=self._count.to_bytes(4, "little"))
        block = WrittenBlock(height, previous, 1_700_000_000 + self._count, (first, *transactions))
        self.chain.append(block)
        self._every[block.hash] = block
        for transaction in transactions:
            self.pool.pop(transaction.txid, None)
        self._hint(TipChanged())
        return block

    def undo(self) -> tuple[Written, ...]:
        """The tip leaves; its transactions go back into the mempool."""
        block = self.chain.pop()
        for transaction in block.transactions[1:]:
            self.add(transaction)
        return block.transactions[1:]

    def add(self, transaction: Written) -> None:
        """A transaction comes into the mempool."""
        self.pool[transaction.txid] = transaction
        self._hint(MempoolAdded(Txid(transaction.txid)))

    def remove(self, txid: bytes) -> None:
        """A transaction is evicted, and all that spend it."""
        self.pool.pop(txid, None)
        self._hint(MempoolRemoved(Txid(txid)))
        for child in [one.txid for one in self.pool.values() if any(s.outpoint[:32] == txid for s in one.inputs)]:
            self.remove(child)

    def _hint(self, hint: Hint) -> None:
        """Hints get lost; that some were is noticed when the next one comes, as with counters."""
        if self.source.random() < self.deaf:
            self._lost = True
            return
        if self._lost:
            self._lost = False
            self.on_hint(MempoolUnknown())
        self.on_hint(hint)

    async def _answer(self) -> None:
        await self.time.tasks.sleep(self.source.choice([0.0, 0.0, 0.01, 0.2]))
        if self.source.random() < self.failing:
            raise Unavailable("the node is away (simulated)")

    def condition(self) -> NodeCondition:
        return NodeCondition(NodeState.CONNECTED)

    async def tip(self) -> BlockId:
        await self._answer()
        return BlockId(self.chain[-1].height, BlockHash(self.chain[-1].hash))

    async def hash_at(self, height: int) -> BlockHash | None:
        await self._answer()
        return BlockHash(self.chain[height].hash) if height < len(self.chain) else None

    async def height_at_time(self, timestamp: int) -> int:
        await self._answer()
        return next((block.height for block in self.chain if block.time >= timestamp - 7200), len(self.chain))

    async def block(self, block_hash: BlockHash) -> RawBlock | None:
        await self._answer()
        block = self._every.get(block_hash)
        return None if block is None else RawBlock(block.height, block.raw, block.undo)

    async def mempool(self) -> list[Txid]:
        await self._answer()
        return [Txid(txid) for txid in self.pool]

    async def transaction(self, txid: Txid) -> RawTransaction | None:
        await self._answer()
        found = self.pool.get(txid)
        return None if found is None else RawTransaction(found.raw, found.prevouts)

    async def info(self) -> dict[str, Any]:
        await self._answer()
        return {"blockchain_info": {"initialblockdownload": self.loading}}

    async def block_details(self, block_hash: BlockHash) -> dict[str, Any] | None:
        await self._answer()
        return None


@define(eq=False)
class Listener:
    """A client's session: the ``Caller`` port that writes down what it is told."""

    time: DrivenTime
    session_id: str = "session"
    secure: bool = True
    greeted: bool = True
    wallet_ids: frozenset[str] = frozenset()
    principal: Principal | None = None
    told: list[Message] = field(factory=list)
    heard: list[News] = field(factory=list)
    _ends: list[Callable[[], None]] = field(factory=list)
    _beside: list[Task] = field(factory=list)

    def hold(self, wallet_id: str) -> None:
        self.wallet_ids |= {wallet_id}

    def release(self, wallet_id: str) -> None:
        self.wallet_ids -= {wallet_id}

    def identify(self, principal: Principal) -> None:
        self.principal = principal

    def greet(self) -> None:
        self.greeted = True

    def refuse(self, reason: str) -> None:
        raise AssertionError(reason)

    def tell(self, message: Message) -> None:
        self.told.append(message)

    def push(self, news: News) -> None:
        self.heard.append(news)

    async def room(self) -> None:
        await self.time.tasks.sleep(0)

    def beside(self, name: str, coroutine: Coroutine[Any, Any, None]) -> Task:
        self._beside.append(self.time.tasks.start(name, coroutine))
        return self._beside[-1]

    def at_end(self, action: Callable[[], None]) -> None:
        self._ends.append(action)

    def end(self) -> None:
        """The client is gone."""
        for task in self._beside:
            task.cancel()
        for action in self._ends:
            action()


#: A cache that holds a few of the simulation's blocks, and not all of them.
KEPT = CacheLimits(most_bytes=12_000)


class SimulatedRelay:
    """The services of one relay over a store; made again over the same store, it is the relay after a restart."""

    def __init__(
        self, node: SimulatedNode, store: DatabaseStore, time: DrivenTime, start_height: int = 0, most: int = 100
    ) -> None:
        tasks, compute = time.tasks, SlowCompute(time, node.source)
        self.store, self.time, self.node = store, time, node
        self.hub = Hub(store.log, tasks, "simulated")
        blocks, matcher = Blocks(node, compute, BoundedCache(time, KEPT)), Matcher(compute)
        self.stepper = stepper = Stepper(matcher, blocks)
        self.mempool = Mempool(node, compute, tasks, time)
        self.watch = Watch(store, self.hub, matcher, stepper, self.mempool, tasks, time)
        turns, vault = Turns(tasks), Vault(bytes(32), SeededEntropy(node.source))
        self.catching = CatchingUp(store.index, self.watch, stepper, turns, tasks, time)
        self.indexing = Indexing(
            node, store.index, blocks, self.watch, self.mempool, self.hub, tasks, time, start_height
        )
        self.following = Following(
            node, store, self.indexing, self.watch, self.catching, self.mempool, Retention(10**9, 10**9), tasks, time
        )
        self.wallets = WalletService(
            store, node, vault, self.watch, self.catching, tasks, time, Network.REGTEST, start_height, self.hub, most
        )
        self.payments = PaymentService(store, self.hub, self.watch, tasks, time, Network.REGTEST)
        self.scans = ScanService(
            store.index, stepper, self.mempool, self.wallets, vault, turns, compute, tasks, time, Network.REGTEST
        )

    def start(self) -> None:
        """Load and follow."""
        self.node.on_hint = self.following.hint
        self.run(self.hub.start())
        self.run(self.wallets.load())
        self.following.start()
        self.payments.start()

    def kill(self) -> None:
        """End at whatever await it stands, as a kill between two transactions would."""
        self.node.on_hint = lambda hint: None
        self.time.tasks.start("killing", self.following.stop())
        self.time.tasks.start("killing", self.payments.stop())

    def run(self, coroutine: Coroutine[Any, Any, Any], seconds: float = 60.0) -> Any:
        """The result of a coroutine, letting time pass as it needs."""
        results: list[Any] = []
        Deferred.fromCoroutine(coroutine).addBoth(results.append)
        for _ in range(int(seconds * 20)):
            if results:
                break
            self.time.advance(0.05)
        if not results:
            raise AssertionError(f"not done after {seconds} seconds")
        if hasattr(results[0], "raiseException"):
            results[0].raiseException()
        return results[0]

    def register(self, owner: Owner, listener: Listener, birthday: int = 0) -> WalletRegistered:
        """The owner's client registers the wallet."""
        registered: WalletRegistered = self.run(self.wallets.register(owner.registration(birthday), listener))
        return registered

    def scan(self, owner: Owner, first: int, last: int) -> list[ScanResponse]:
        """A fresh scan of blocks for the owner's keys, by somebody who holds no wallet."""
        listener = Listener(self.time, "scanner")
        keys = {"scan_private_key": PrivateKey(owner.scan_secret.hex())}
        request = ScanRequest(
            from_block=first,
            to_block=last,
            scan_keys=(ScanKeys(spend_public_key=public_key(owner.spend_secret).hex(), **keys),),
        )
        self.run(self.scans.scan(request, listener))
        for _ in range(2_000):
            found = [message for message in listener.told if isinstance(message, ScanResponse)]
            if found and not found[-1].more:
                return found
            self.time.advance(0.05)
        raise AssertionError(f"the scan did not end: {listener.told[-3:]}")
