"""A client that comes and goes as a wallet does, and remembers what it was told and acknowledged.

What it believes, folded from notifications alone, is what the tests compare with a fresh scan and with the chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from attrs import frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from sdkrelay.client import Closed, Connection, connect
from sdkrelay.crypto.address import encode_address
from sdkrelay.crypto.derivation import labelled_spend_key
from sdkrelay.crypto.secp256k1 import ORDER, public_key
from sdkrelay.demo.payer import Coin
from sdkrelay.demo.relay import RelayProcess
from sdkrelay.io.world import SystemEntropy
from tests.support.bitcoind import until
from tests.support.live import Place

#: What is believed of an output: the block that confirms it, and whether it is spent.
Belief = dict[Place, tuple[str, bool]]


@frozen
class Owner:
    """Whoever owns a wallet: its two secrets."""

    scan_secret: bytes
    spend_secret: bytes

    @classmethod
    def make(cls) -> Owner:
        """A new owner."""
        entropy = SystemEntropy()
        return cls(entropy.bytes(31) + b"\1", entropy.bytes(31) + b"\2")

    @property
    def address(self) -> str:
        """The wallet's own address."""
        return encode_address(public_key(self.scan_secret), public_key(self.spend_secret), "tsp")

    def labelled(self, label: int) -> str:
        """An address of the wallet with a label; 0 is for its own change."""
        spend_key = labelled_spend_key(self.scan_secret, public_key(self.spend_secret), label)
        return encode_address(public_key(self.scan_secret), spend_key, "tsp")

    @property
    def keys(self) -> dict[str, str]:
        """The keys as a request has them."""
        return {
            "scan_private_key": self.scan_secret.hex(),
            "spend_public_key": public_key(self.spend_secret).hex(),
        }

    def coin(self, data: dict[str, Any]) -> Coin:
        """What a notification says was paid, ready to be spent: the spend secret and the output's tweak make its key."""
        secret = (int.from_bytes(self.spend_secret, "big") + int(data["output_tweak"], 16)) % ORDER
        return Coin(data["txid"], data["vout"], data["amount_sats"], secret.to_bytes(32, "big"), taproot=True)


class Listener:
    """One client. ``told`` are the notifications in the order they came, over all connections; ``others`` what else came."""

    def __init__(self, relay: RelayProcess) -> None:
        self._relay = relay
        self._connection: Connection | None = None
        self._reading: Deferred[None] | None = None
        self.tokens: dict[str, str] = {}
        self.told: list[dict[str, Any]] = []
        self.others: list[dict[str, Any]] = []
        self.position: str | None = None
        self.closed: Closed | None = None

    @property
    def connection(self) -> Connection:
        """The open connection."""
        assert self._connection is not None, "the client has not come"
        return self._connection

    async def come(self, capabilities: Sequence[str] = ("silent_payments",)) -> dict[str, Any]:
        """Connect, prove the wallets it has, and ask for all that was missed; the relay's greeting."""
        since = {} if self.position is None else {"since": self.position}
        tokens = list(self.tokens.values())
        handshake = {"capabilities": list(capabilities), "wallet_tokens": tokens, **since}
        self._connection = connection = await connect(reactor, self._relay.ws_url, **handshake)
        self.closed = None
        if self.position is None:
            self.position = connection.greeting["position"]
        self._reading = Deferred.fromCoroutine(self._read(connection))
        return connection.greeting

    async def go(self) -> None:
        """Say goodbye, if it is there, and forget nothing."""
        if self._connection is not None:
            self._connection.close()
            await self.gone()

    async def gone(self) -> None:
        """Until the connection has ended."""
        reading, self._reading, self._connection = self._reading, None, None
        if reading is not None:
            await reading

    async def _read(self, connection: Connection) -> None:
        while True:
            try:
                message = await connection.next()
            except Closed as closed:
                self.closed = closed
                return
            if message["type"] == "notification":
                self.told.append(message)
                self.position = message["position"]
            else:
                self.others.append(message)

    async def register(self, owner: Owner, **fields: Any) -> dict[str, Any]:
        """Register a wallet; what the relay answered. Its token is kept."""
        answer = await self.connection.request("register_wallet", **owner.keys, **fields)
        self.tokens[answer["wallet_id"]] = answer["wallet_token"]
        return answer

    async def hear(self, kind: str, seconds: float = 30.0, **data: Any) -> dict[str, Any]:
        """The data of the last notification of this kind with these fields, once it has been told."""
        await until(lambda: self.heard(kind, **data), f"{kind} {data}", seconds)
        return self.heard(kind, **data)[-1]

    def heard(self, kind: str, **data: Any) -> list[dict[str, Any]]:
        """The data of all notifications of this kind with these fields."""
        return [
            one["data"] for one in self.told if one["notification_type"] == kind and data.items() <= one["data"].items()
        ]

    def kinds(self, txid: str) -> list[str]:
        """What was told about a transaction's outputs, in order."""
        return [one["notification_type"] for one in self.told if one["data"].get("txid") == txid]

    async def scan(self, first: int, last: int, **whose: Any) -> list[dict[str, Any]]:
        """A scan's transactions, over all parts of its result."""
        started = await self.connection.request("scan_request", from_block=first, to_block=last, **whose)
        scan_id = started["scan_id"]

        def parts() -> list[dict[str, Any]]:
            return [one for one in self.others if one["type"] == "scan_response" and one["scan_id"] == scan_id]

        await until(lambda: parts() and not parts()[-1]["more"], "the result of a scan", 60.0)
        return [one for part in parts() for result in part["results"] for one in result["transactions"]]

    def numbers(self) -> list[int]:
        """The numbers of the positions, as they came."""
        return [int(one["position"].rpartition("-")[2]) for one in self.told]

    def is_ascending(self) -> bool:
        """Whether every position was higher than the one before."""
        return all(before < after for before, after in pairwise(self.numbers()))

    def repeated(self) -> list[Place]:
        """Outputs whose detection was told more than once to one wallet."""
        places = [(one["wallet_id"], one["txid"], one["vout"]) for one in self.heard("payment_detected")]
        return [place[1:] for place in set(places) if places.count(place) > 1]


def folded(told: Iterable[dict[str, Any]]) -> Belief:
    """What a client believes that only reads what it is told."""
    blocks: dict[Place, str] = {}
    spent: set[Place] = set()
    for message in told:
        kind, data = message["notification_type"], message["data"]
        place = (data.get("txid"), data.get("vout"))
        if kind == "payment_confirmed":
            blocks[place] = data["block_hash"]
        elif kind == "payment_orphaned":
            blocks.pop(place, None)
        elif kind == "payment_spent":
            spent.add(place)
        elif kind == "payment_unspent":
            spent.discard(place)
    return {place: (block, place in spent) for place, block in blocks.items()}


def folded_chain(told: Iterable[dict[str, Any]]) -> list[str]:
    """The hashes of the blocks that joined and did not leave; AssertionError when one leaves that is not the last."""
    chain: list[str] = []
    for message in told:
        if message["notification_type"] == "block_mined":
            chain.append(message["data"]["block_hash"])
        elif message["notification_type"] == "block_disconnected" and chain:
            left = chain.pop()
            assert left == message["data"]["block_hash"], f"{left} was the last block"
    return chain


def scanned(found: Iterable[dict[str, Any]]) -> Belief:
    """What a scan says."""
    return {(one["txid"], one["vout"]): (one["block_hash"], one["spent"]) for one in found}
