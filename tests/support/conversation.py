"""A session with real services over a wire made of lists, and the small services that stand for the wallets' own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from inspect import getmembers, ismethod
from typing import Any, TypeVar

from attrs import define, field

from sdkrelay.crypto.seal import token_hash
from sdkrelay.domain.access import Role
from sdkrelay.domain.chain import Network
from sdkrelay.domain.problem import Code, Problem
from sdkrelay.io.storage import DatabaseStore
from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.message import Reply, Request
from sdkrelay.messages.native import family
from sdkrelay.messages.native.scan import ScanCancel, ScanProgress, ScanRequest
from sdkrelay.messages.native.wallets import (
    BlockRef,
    ListWallets,
    RegisterWallet,
    UnregisterWallet,
    WalletItem,
    WalletRegistered,
    Wallets,
    WalletUnregistered,
)
from sdkrelay.ports import Caller, Task
from sdkrelay.services.access import AccessRules, AccessService
from sdkrelay.services.encryption import EncryptionService
from sdkrelay.services.handshake import HandshakeService, Identity
from sdkrelay.services.hub import Hub
from sdkrelay.services.router import Router, handles
from sdkrelay.session.dialects import Native
from sdkrelay.session.dispatch import Dispatch
from sdkrelay.session.gate import Gate
from sdkrelay.session.outbox import Patience
from sdkrelay.session.session import Session, Surroundings

from .stores import CountedEntropy, now, opened, sealed_wallet
from .tasks import DrivenTime

T = TypeVar("T")

#: Common names of certificates, with the role each has.
CERTIFICATES = {"machine": Role.READER}
IDENTITY = Identity("relay-under-test", "9.9.9", Network.REGTEST)


class InlineCompute:
    """Heavy work done at once; ``done`` counts it."""

    workers = 1

    def __init__(self) -> None:
        self.done = 0

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """``function(*arguments)``, now."""
        self.done += 1
        return function(*arguments)


class SmallServices:
    """Handlers for wallets and scans that keep what they were asked in lists."""

    def __init__(self) -> None:
        self.scans: list[Task] = []
        self.scanned: list[str] = []

    @handles(RegisterWallet)
    async def register(self, request: RegisterWallet, caller: Caller) -> WalletRegistered:
        """Hold a wallet that is called after its spend key."""
        wallet_id = request.spend_public_key[:16]
        caller.hold(wallet_id)
        return WalletRegistered(
            address="tsp1", wallet_id=wallet_id, wallet_token="t", labels=request.labels, birthday=7,
            cursor=BlockRef(height=6, hash=None), created_at=5,
        )  # fmt: skip

    @handles(UnregisterWallet)
    async def unregister(self, request: UnregisterWallet, caller: Caller) -> WalletUnregistered:
        """Let go of a wallet; fails as a bug would for one that is called bug."""
        if request.wallet_id == "bug":
            raise RuntimeError("a bug")
        if request.wallet_id not in caller.wallet_ids:
            raise Problem(Code.NOT_FOUND, "this session holds no such wallet")
        caller.release(request.wallet_id)
        return WalletUnregistered(wallet_id=request.wallet_id)

    @handles(ListWallets)
    async def list_wallets(self, request: ListWallets, caller: Caller) -> Wallets:
        """The wallets held, all alike."""
        return Wallets(wallets=tuple(_item(wallet_id) for wallet_id in sorted(caller.wallet_ids)))

    @handles(ScanRequest)
    async def scan(self, request: ScanRequest, caller: Caller) -> Reply:
        """Answer with progress and run a coroutine beside that tells more."""
        progress = ScanProgress(
            scan_id="s",
            from_block=request.from_block,
            to_block=request.to_block,
            block=request.from_block,
            progress=0.0,
        )
        self.scans.append(caller.beside("scan", self._scan(progress, caller)))
        return progress

    async def _scan(self, progress: ScanProgress, caller: Caller) -> None:
        caller.tell(progress)
        await caller.room()
        self.scanned.append("done")

    @handles(ScanCancel)
    async def cancel(self, request: ScanCancel, caller: Caller) -> ScanProgress:
        """Nothing to stop."""
        raise Problem(Code.NOT_FOUND, "no such scan")


def _item(wallet_id: str) -> WalletItem:
    return WalletItem(
        wallet_id=wallet_id, address="tsp1", labels=(), birthday=7, cursor=BlockRef(height=6, hash=None),
        balance_sats=0, unspent=0, created_at=5,
    )  # fmt: skip


@define
class ListWire:
    """A wire that writes down what it is told; ``full`` makes it pause its session after each frame, as a transport does."""

    sent: list[bytes] = field(factory=list)
    closed: list[tuple[int, str]] = field(factory=list)
    reading: bool = True
    pauses: int = 0
    full: bool = False
    session: Session | None = None

    def send(self, payload: bytes) -> None:
        """Keep a frame."""
        self.sent.append(payload)
        if self.full and self.session is not None:
            self.session.pause_sending()

    def send_all(self, payloads: Sequence[bytes]) -> None:
        """Keep some frames."""
        for payload in payloads:
            self.send(payload)

    def close(self, code: int, reason: str) -> None:
        """Keep a close frame."""
        self.closed.append((code, reason))

    def pause_reading(self) -> None:
        """Let nothing come."""
        self.reading = False
        self.pauses += 1

    def resume_reading(self) -> None:
        """Let frames come."""
        self.reading = True

    def said(self) -> list[dict[str, Any]]:
        """All frames so far, decoded; they are forgotten."""
        sent, self.sent = self.sent, []
        return [json.loads(payload) for payload in sent]


def handled(requests: Iterable[type[Request]], services: Iterable[object]) -> list[type[Request]]:
    """Those of the requests that one of the services answers: a test needs no more of a relay than it is about."""
    answered: set[Any] = set()
    for service in services:
        answered.update(getattr(method, "__handled_request__", None) for _, method in getmembers(service, ismethod))
    return [request for request in requests if request in answered]


class Relay:
    """Services on an empty store in memory, and as many sessions as a test asks for."""

    def __init__(
        self,
        patience: Patience | None = None,
        insecure: bool = False,
        time: DrivenTime | None = None,
        store: DatabaseStore | None = None,
        small: SmallServices | None = None,
    ) -> None:
        self.time = time or DrivenTime()
        self.store = store or now(opened())
        self.hub = Hub(self.store.log, self.time.tasks, IDENTITY.relay_id)
        now(self.hub.start())
        self.small = small or SmallServices()
        self.entropy = CountedEntropy()
        self.compute = InlineCompute()
        self.access = AccessService(self.store.access, AccessRules(CERTIFICATES), self.compute, self.time, self.entropy)
        self.encryption = EncryptionService(bytes(range(1, 33)), self.entropy)
        self.handshake = HandshakeService(IDENTITY, self.store.wallets, self.access, self.hub, self.encryption)
        services = (self.handshake, self.encryption, self.hub, self.small)
        self.catalog = Catalog(handled(family.REQUESTS, services))
        self.dispatch = Dispatch(Router([self.catalog], services), Gate(insecure), self.access)
        self.around = Surroundings(
            Native(self.catalog), self.dispatch, self.time.tasks, self.time, patience or Patience()
        )

    def register(self, *wallet_ids: str) -> None:
        """Let the store know these wallets; the token of each is its name."""
        for number, wallet_id in enumerate(wallet_ids):
            wallet = sealed_wallet(number, wallet_id=wallet_id)
            now(self.store.wallets.register(wallet, token_hash(wallet_id)))

    def session(self, secure: bool = True) -> tuple[Session, ListWire]:
        """A new conversation."""
        wire = ListWire()
        wire.session = Session(self.around, wire, self.entropy.bytes(8).hex(), secure)
        return wire.session, wire

    def greeted(self, *capabilities: str, **more: Any) -> tuple[Session, ListWire]:
        """A new conversation after its handshake, whose answer is forgotten."""
        session, wire = self.session()
        say(session, "handshake", capabilities=capabilities, **more)
        wire.sent.clear()
        return session, wire


def say(session: Session, kind: str, **fields: Any) -> None:
    """Let a message come in."""
    session.receive(json.dumps({"type": kind, **fields}).encode())
