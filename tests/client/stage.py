"""Relays in memory (real sessions, services and logs) and clients of theirs, all on one clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.client import Client
from sdkrelay.client.keeper import World
from sdkrelay.crypto.seal import token_hash, wallet_id_of
from sdkrelay.crypto.secp256k1 import public_key
from sdkrelay.domain.notification import BlockData, Kind, Notice, PaymentData, Topic
from sdkrelay.domain.problem import Problem
from sdkrelay.io.net.http import HttpLimits, guarded
from sdkrelay.io.net.websocket import RelayFactory, WebSocketDoor, WebSocketLimits
from sdkrelay.io.storage import DatabaseStore, InlineExecutor, open_store
from sdkrelay.io.world import ReactorTasks
from sdkrelay.messages.native.relays import SyncAck, SyncMessage
from sdkrelay.messages.native.wallets import (
    BlockRef,
    RegisterWallet,
    UnregisterWallet,
    WalletRegistered,
    WalletUnregistered,
)
from sdkrelay.ports import Caller
from sdkrelay.services.router import handles
from tests.support.conversation import Relay, SmallServices
from tests.support.stores import CountedEntropy, now, sealed_wallet
from tests.support.tasks import EPOCH, DrivenTime

from .network import Network

#: The first relay and its backup.
FIRST, SECOND = ("127.0.0.1", 8090), ("127.0.0.1", 8190)
KEYS = {"scan_private_key": "11" * 32, "spend_public_key": public_key(b"\x22" * 32).hex()}


class NetworkTime(DrivenTime):
    """The time of a network."""

    def __init__(self, network: Network) -> None:
        self.reactor: Any = network
        self.tasks = ReactorTasks(self.reactor)


class Desk(SmallServices):
    """Registers wallets in the store, so that their tokens hold, and acknowledges messages; ``asked`` is what came."""

    def __init__(self, store: DatabaseStore, number: int) -> None:
        super().__init__()
        self._store, self._number = store, number
        self.asked: list[Any] = []
        self.refusal: Problem | None = None

    @handles(RegisterWallet)
    async def register(self, request: RegisterWallet, caller: Caller) -> WalletRegistered:
        """A token of this relay and this time, for the wallet of these keys."""
        self.asked.append(request)
        scan_key = public_key(bytes.fromhex(request.scan_private_key.reveal()))
        wallet_id = wallet_id_of(scan_key, bytes.fromhex(request.spend_public_key))
        token = f"token-{self._number}-{len(self.asked)}"
        await self._store.wallets.register(sealed_wallet(1, wallet_id=wallet_id), token_hash(token))
        caller.hold(wallet_id)
        return WalletRegistered(
            address="tsp1", wallet_id=wallet_id, wallet_token=token, labels=request.labels,
            birthday=request.birthday or 100, cursor=BlockRef(height=6, hash=None), created_at=5,
        )  # fmt: skip

    @handles(UnregisterWallet)
    async def unregister(self, request: UnregisterWallet, caller: Caller) -> WalletUnregistered:
        """Forget it."""
        self.asked.append(request)
        await self._store.wallets.unregister(request.wallet_id)
        caller.release(request.wallet_id)
        return WalletUnregistered(wallet_id=request.wallet_id)

    @handles(SyncMessage)
    async def keep(self, request: SyncMessage, caller: Caller) -> SyncAck:
        """Acknowledge it, or refuse it as the test wants."""
        self.asked.append(request)
        refusal, self.refusal = self.refusal, None
        if refusal is not None:
            raise refusal
        return SyncAck(message_id=request.message_id, expires_at=9, position="log-1")


class NetworkRelay(Relay):
    """A relay that listens at an address of a network."""

    def __init__(self, network: Network, address: tuple[str, int], number: int) -> None:
        time, entropy = NetworkTime(network), CountedEntropy(number * 1_000_000)
        store = now(open_store("sqlite://", InlineExecutor, time, entropy))
        self.desk = Desk(store, number)
        super().__init__(time=time, store=store, small=self.desk)
        self.entropy = entropy
        self.network, self.address = network, address
        self.factory = RelayFactory(self.around, WebSocketLimits(), self.entropy, network)  # type: ignore[arg-type]
        self.server = guarded(WebSocketDoor(self.factory), HttpLimits(), network)  # type: ignore[arg-type]
        self.listen()

    def listen(self) -> None:
        """Take connections."""
        self.network.listenTCP(self.address[1], self.server, interface=self.address[0])

    def tell(self, *notices: Notice) -> None:
        """Commit and tell."""
        now(self.hub.publish(now(self.store.wallets.settle([], list(notices)))))

    def forget(self, but: int) -> None:
        """Let the log forget all but so many of the last entries."""
        now(self.store.log.prune(0, but))

    def kill(self) -> None:
        """Gone, until it listens again."""
        self.network.kill(self.address)


@define
class Reader:
    """Takes all notifications of a client; ``told`` are those that it was given."""

    client: Client
    told: list[dict[str, Any]] = field(factory=list)
    pace: int | None = None

    def start(self) -> Reader:
        """Begin to read."""
        Deferred.fromCoroutine(self._read()).addErrback(self.told.append)
        return self

    async def _read(self) -> None:
        async for message in self.client.notifications():
            self.told.append(message)
            if len(self.told) == self.pace:
                return

    def numbers(self) -> list[int]:
        """The heights of the blocks and the amounts of the payments told, in order."""
        return [one["data"].get("amount_sats", one["data"].get("block_height")) for one in self.told]


class ClientTestCase(SynchronousTestCase):
    """A network with two relays of the same chain; each test has clients of its own."""

    def setUp(self) -> None:
        """Two relays."""
        self.network = Network()
        self.first = NetworkRelay(self.network, FIRST, 1)
        self.second = NetworkRelay(self.network, SECOND, 2)

    def relay_at(self, address: tuple[str, int], number: int) -> NetworkRelay:
        """One more relay, with a log of its own."""
        return NetworkRelay(self.network, address, number)

    def client(self, backups: Sequence[str] = ("ws://127.0.0.1:8190",), **options: Any) -> Client:
        """A client, not connected."""
        time = NetworkTime(self.network)
        world = World(self.network, time, CountedEntropy(7), time.tasks)
        client = Client("ws://127.0.0.1:8090", backups=backups, world=world, **options)
        self.addCleanup(lambda: Deferred.fromCoroutine(client.close()))
        return client

    def connected(self, *backups: str, **options: Any) -> Client:
        """A client in conversation with the first relay."""
        client = self.client(backups, **options)
        self.network.result(client.connect())
        return client

    def reading(self, client: Client) -> Reader:
        """Somebody who reads all that it is given."""
        reader = Reader(client).start()
        self.network.run()
        return reader

    def both(self, *notices: Notice) -> None:
        """Both relays see the same."""
        for relay in (self.first, self.second):
            relay.tell(*notices)
        self.network.run()

    def told(self, reader: Reader, *numbers: int) -> None:
        """Wait until so much was told; it must be exactly this."""
        self.network.until(lambda: len(reader.told) >= len(numbers))
        self.network.run()
        self.assertEqual(list(numbers), reader.numbers())


def block(height: int, branch: int = 0, kind: Kind = Kind.BLOCK_MINED) -> Notice:
    """A public notification about a block."""
    data = BlockData(
        block_height=height, block_hash=f"{height:032x}{branch:032x}", transactions=1, size=1, timestamp=int(EPOCH),
        difficulty=1.0, merkle_root="", previous_block_hash="", tweaks=0, tweaks_digest="",
    )  # fmt: skip
    return Notice(kind, Topic.BLOCKS, data)


def payment(sats: int, wallet_id: str, kind: Kind = Kind.PAYMENT_DETECTED, block_hash: str | None = None) -> Notice:
    """A notification about an output of a wallet."""
    data = PaymentData(
        wallet_id=wallet_id, address="tsp1", txid=f"{sats:064x}", vout=0, amount="0", amount_sats=sats,
        block_height=None, block_hash=block_hash, confirmations=0, timestamp=int(EPOCH), fee="0", size=1, label=None,
        tweak="", output_tweak="", output="", ambiguous=False,
    )  # fmt: skip
    return Notice(kind, Topic.PAYMENTS, data, wallet_id=wallet_id)
