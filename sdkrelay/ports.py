"""What the services need from outside, described from their side: small protocols that io implements and tests fake.

Every ``async`` method may raise :class:`Unavailable`; whoever awaits decides whether to wait, to tell, or to give up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from attrs import frozen
from twisted.internet.defer import CancelledError

from .crypto.channel import Channel
from .domain.access import AccessToken, Approach, Principal, User
from .domain.chain import BlockHash, BlockId, IndexedBlock, Txid, TxOut
from .domain.deposit import KeptMessage, Outcome
from .domain.expected import Expected
from .domain.measure import Counter, Gauge, Timing
from .domain.news import News
from .domain.notification import Entry, Notice, Topic
from .domain.status import NodeCondition
from .domain.wallet import Output, SealedWallet
from .messages.bulletin import Bulletin
from .messages.message import Message

T = TypeVar("T")

#: What a cancelled coroutine sees at its await: Twisted's own, so that no await needs wrapping. Never swallow it.
Cancelled = CancelledError


class Unavailable(Exception):
    """The other side (node, database) cannot answer now; the message says why in words for an operator."""


class Stale(Unavailable):
    """What was computed no longer fits the chain that is stored; compute it again."""


class Clock(Protocol):
    """Time, as the reactor has it."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never go back."""


class Entropy(Protocol):
    """Unpredictable bytes."""

    def bytes(self, count: int) -> bytes:
        """``count`` bytes from the operating system's generator."""


class Task(Protocol):
    """A running coroutine with an owner."""

    def cancel(self) -> None:
        """Stop it at its next await; it sees ``Cancelled``."""

    async def wait(self) -> None:
        """Until it has ended, however it ended; never raises."""


class Lock(Protocol):
    """Mutual exclusion between coroutines: ``async with lock:``."""

    async def __aenter__(self) -> None: ...
    async def __aexit__(self, *exc: object) -> None: ...


class Event(Protocol):
    """One coroutine waits, others set."""

    def set(self) -> None:
        """Wake who waits, or the next who does."""

    async def wait(self, timeout: float | None = None) -> bool:
        """True when set (and cleared by this), False after ``timeout`` seconds."""


class Tasks(Protocol):
    """Coroutines beside each other, on the reactor or on a test's clock."""

    def start(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> Task:
        """Run it beside; a failure is logged under ``name``."""

    async def gather(self, *coroutines: Coroutine[Any, Any, T]) -> list[T]:
        """Await all, in order; the first failure cancels the others and is raised."""

    async def sleep(self, seconds: float) -> None:
        """Come back after that time."""

    def lock(self) -> Lock:
        """A new lock."""

    def event(self) -> Event:
        """A new event, not set."""


class Compute(Protocol):
    """Heavy work away from the reactor: a few threads, one set of native buffers each; inline in tests."""

    @property
    def workers(self) -> int:
        """How many pieces run at the same time."""

    def run(self, function: Callable[..., T], *arguments: Any) -> Awaitable[T]:
        """``function(*arguments)`` on a worker; queued in order, urgent work first is not promised."""


@frozen
class RawBlock:
    """A block as bytes: ``raw`` as serialised on the wire, ``undo`` in the layout of ``/rest/spenttxouts``."""

    height: int
    raw: bytes
    undo: bytes


@frozen
class RawTransaction:
    """A mempool transaction: its bytes and what each of its inputs spends, in order."""

    raw: bytes
    prevouts: tuple[TxOut, ...]


class Chain(Protocol):
    """The node. Raises :class:`Unavailable` for a node that is away, warming up, refusing, pruned, or on another network."""

    def condition(self) -> NodeCondition:
        """How the connection stands now; costs nothing."""

    async def tip(self) -> BlockId:
        """The best block."""

    async def hash_at(self, height: int) -> BlockHash | None:
        """The best chain's block at a height; None above the tip."""

    async def height_at_time(self, timestamp: int) -> int:
        """The first height whose block's time, or a later one's, is at or after ``timestamp`` less two hours."""

    async def block(self, block_hash: BlockHash) -> RawBlock | None:
        """The block with its undo data; None if the node has never heard of it."""

    async def mempool(self) -> list[Txid]:
        """All transactions in the mempool; Unavailable also while the node, just started, has not loaded all of it."""

    async def transaction(self, txid: Txid) -> RawTransaction | None:
        """A mempool transaction with its prevouts; None when it, or what it spends, has just left the mempool.

        Unavailable for one that is not there while the node has not loaded all of its mempool.
        """

    async def info(self) -> dict[str, Any]:
        """``blockchain_info``, ``network_info``, ``mempool_info`` as bitcoind gives them (floats as it prints them)."""

    async def block_details(self, block_hash: BlockHash) -> dict[str, Any] | None:
        """``getblock`` verbosity 1, with amounts untouched; None if unknown."""

    async def wallet_info(self, wallet: str) -> dict[str, Any] | None:
        """``getwalletinfo`` of one of bitcoind's wallets; None if it has not loaded one of this name."""


@frozen
class TipChanged:
    """The node has, or may have, another best block; hints can be missed and repeated."""


@frozen
class MempoolAdded:
    """A transaction came into the mempool."""

    txid: Txid


@frozen
class MempoolRemoved:
    """A transaction left the mempool for another reason than a block."""

    txid: Txid


@frozen
class MempoolUnknown:
    """Hints were lost or the node restarted: compare the whole mempool."""


Hint = TipChanged | MempoolAdded | MempoolRemoved | MempoolUnknown


@frozen
class CacheFigures:
    """Lookups that found something and that did not since the start of the process; bytes and entries held now."""

    hits: int
    misses: int
    bytes: int
    entries: int


class Cache(Protocol):
    """What the node was asked before, kept for a while in bounded memory; keys begin with a word for their kind."""

    def get(self, key: tuple[Any, ...]) -> Any | None:
        """What is held under a key; None if there is nothing, or not any more."""

    def put(self, key: tuple[Any, ...], value: Any, size: int, seconds: float | None = None) -> None:
        """Hold a value of ``size`` bytes, for ``seconds`` if that is less than what is usual."""

    def forget(self, kind: str) -> None:
        """Let go of all of one kind."""

    def figures(self) -> CacheFigures:
        """How much it holds, and how often it helped."""


class IndexStore(Protocol):
    """The rows of the index; every method is one transaction."""

    async def tip(self) -> BlockId | None:
        """The highest block indexed."""

    async def hash_at(self, height: int) -> BlockHash | None:
        """The indexed block at a height, if there is one."""

    async def append_block(self, block: IndexedBlock, notices: Sequence[Notice]) -> list[Entry]:
        """Store the next block and what is told of it. ValueError unless it follows the tip."""

    async def append_blocks(self, blocks: Sequence[IndexedBlock]) -> None:
        """Store consecutive blocks of the initial sync; nothing is told of them."""

    async def disconnect_tip(
        self, block: BlockId, changes: Sequence[WalletChange], notices: Sequence[Notice]
    ) -> list[Entry]:
        """Remove the highest block, change the wallets that had seen it, and log what is told. ValueError if it is not the tip."""

    async def rows(self, first: int, last: int) -> list[IndexedBlock]:
        """The blocks ``first``…``last`` that are indexed, ascending."""

    async def bounds(self) -> tuple[int, int] | None:
        """The lowest and the highest height indexed."""

    async def totals(self) -> tuple[int, int]:
        """How many blocks and how many tweaks the index holds."""


@frozen
class WalletChange:
    """What one step changes for one wallet: its outputs (put by outpoint), and its cursor if it moved."""

    wallet_id: str
    outputs: tuple[Output, ...] = ()
    cursor: BlockId | None = None


class WalletStore(Protocol):
    """Registered wallets, their tokens (as SHA-256) and their outputs; every method is one transaction."""

    async def register(self, wallet: SealedWallet, token_hash: bytes) -> None:
        """Insert the wallet, or replace labels, birthday and cursor of the one with this id; add the token.

        Of a wallet's tokens the newest 100 are kept.
        """

    async def unregister(self, wallet_id: str) -> None:
        """Forget the wallet, its keys, tokens, outputs and its log entries."""

    async def wallets(self) -> list[SealedWallet]:
        """All of them, by creation."""

    async def wallet_of_token(self, token_hash: bytes) -> str | None:
        """Which wallet a token is for."""

    async def token_hashes(self, wallet_id: str) -> list[bytes]:
        """The SHA-256 of each of a wallet's tokens, ascending."""

    async def outputs(self, wallet_id: str) -> list[Output]:
        """What was found for a wallet, by height, then as found."""

    async def settle(self, changes: Sequence[WalletChange], notices: Sequence[Notice]) -> list[Entry]:
        """Apply the changes and log what is told of them, all or nothing.

        Stale if a cursor (with a hash), or the block of an output, is not the block indexed at that height.
        """


class LogStore(Protocol):
    """The log of notifications; numbers grow by insertion and are never given twice."""

    async def log_id(self) -> str:
        """This log's name, made when the database was."""

    async def last_number(self) -> int:
        """The highest number ever given; 0 for an empty log."""

    async def oldest_number(self) -> int:
        """The lowest number from which nothing is missing: positions before ``oldest_number - 1`` have expired."""

    async def read(self, after: int, topics: frozenset[Topic], wallet_ids: frozenset[str], limit: int) -> list[Entry]:
        """Entries numbered above ``after`` that are public on one of the topics, or belong to one of the wallets (payments)."""

    async def prune(self, before: int, keep: int) -> int:
        """Forget entries older than ``before`` (seconds since the epoch) and all but the newest ``keep``; how many went."""


class AccessStore(Protocol):
    """Users and their bearer tokens; nothing of it can be turned back into a password or a token."""

    async def add_user(self, user: User) -> bool:
        """Keep a new user; False, and nothing changes, if the name is taken."""

    async def set_password(self, name: str, password_hash: str) -> bool:
        """Another password, which ends all tokens of the user; False if there is no such user."""

    async def remove_user(self, name: str) -> bool:
        """Forget a user with all tokens; False if there is none of this name."""

    async def users(self) -> list[User]:
        """All of them, by name."""

    async def user(self, name: str) -> User | None:
        """The user of this name."""

    async def issue(self, token: AccessToken) -> bool:
        """Keep a new token, and forget those that have expired by then; False if its user is no more."""

    async def access_token(self, token_hash: bytes) -> AccessToken | None:
        """The token with this hash, expired and revoked ones too as long as they are kept."""

    async def revoke(self, token_hash: bytes, at: int) -> bool:
        """End a token at this time (seconds since the epoch); False for one that is unknown or ended before."""


class PaymentStore(Protocol):
    """Payments that are expected; how they stand follows in the same transactions from what wallets receive and blocks bring.

    So a change of state is made durable together with what made it, and told by the entries that these methods, and those
    of ``IndexStore`` and ``WalletStore``, return.
    """

    async def create(self, payment: Expected) -> tuple[Expected, list[Entry]]:
        """Record a payment, and see at once how it stands; the one of this ``payment_id``, unchanged, if there is one."""

    async def payment(self, payment_id: str) -> Expected | None:
        """The payment of this name."""

    async def payments(self, after: int, limit: int, names: frozenset[str] | None) -> list[Expected]:
        """Those numbered above ``after``, ascending: of these wallets and creators, or all of them."""

    async def open_of(self, creator: str) -> int:
        """How many payments of a creator are pending."""

    async def unlinked(self) -> list[str]:
        """The recipients, once each, that belong to no watched wallet as far as is known."""

    async def link(self, wallet_id: str, labels: Mapping[str, int | None]) -> list[Entry]:
        """These recipients are a wallet's, each with its label: its payments are followed from now on."""

    async def review(self) -> list[Entry]:
        """Let those expire whose time has come, and confirm those that are deep enough by now."""

    async def put(self, payment: Expected) -> Expected:
        """Keep a payment as it is given; the one of this ``payment_id``, unchanged, if there is one."""


class MessageStore(Protocol):
    """Messages that clients left for all; they go, with their entries in the log, when their time has come."""

    async def keep(
        self, new: KeptMessage, notice: Notice, bounds: tuple[int, int]
    ) -> tuple[KeptMessage, Outcome, list[Entry]]:
        """Keep a message and log what is told of it, all or nothing; what is now under its id, what was done, what is told.

        ``bounds`` are how many may be kept of one author, and of all.
        """

    async def message(self, message_id: str, now: float) -> KeptMessage | None:
        """The message of this id, if its time has not come."""

    async def messages(self, now: float) -> list[KeptMessage]:
        """Those whose time has not come, in the order of the log."""


class Store(Protocol):
    """One database behind its ports."""

    @property
    def index(self) -> IndexStore: ...
    @property
    def wallets(self) -> WalletStore: ...
    @property
    def log(self) -> LogStore: ...
    @property
    def access(self) -> AccessStore: ...
    @property
    def payments(self) -> PaymentStore: ...
    @property
    def messages(self) -> MessageStore: ...

    async def meta(self, key: str) -> str | None:
        """A small fact kept with the data (network, genesis hash, relay id)."""

    async def set_meta(self, key: str, value: str) -> None:
        """Keep a small fact."""

    def condition(self) -> str | None:
        """None while writes succeed, else why the last one failed (disk full, locked)."""

    async def close(self) -> None:
        """Flush and close; nothing may be called afterwards."""


class Meter(Protocol):
    """Counts and times what happens; the measures are in :mod:`sdkrelay.domain.measure`, labels in the order named there."""

    def count(self, measure: Counter, *labels: str, by: int = 1) -> None:
        """It happened, so many times more."""

    def time(self, measure: Timing, seconds: float, *labels: str) -> None:
        """It happened, and took so long."""

    def follow(self, measure: Gauge, value: Callable[[], float | None]) -> None:
        """Ask for this value whenever the metrics are read; None without a sample."""

    def total(self, measure: Counter, **labels: str) -> int:
        """What was counted under these labels since the process began, all others together."""

    def mean(self, measure: Timing, **labels: str) -> float | None:
        """The mean in seconds since the process began; None if it never happened."""


@frozen
class MachineReading:
    """What the operating system says now: of this process, the processor seconds it has used and the bytes it holds in memory
    (resident); of the host, how full the file system of the data is (percent), and the bytes its network interfaces but
    loopback have sent and received. None where the system does not tell.
    """

    cpu_seconds: float
    memory_bytes: int
    disk_percent: float | None
    network_bytes: int | None


class MachineReader(Protocol):
    """The process and the host."""

    def read(self) -> MachineReading:
        """The figures at this moment."""


@frozen
class LogRecord:
    """A line of the log: ``at`` seconds since the epoch, the level's name, and where it was written (line None if unknown)."""

    at: float
    level: str
    message: str
    module: str
    line: int | None
    sync_type: str | None = None


class LogKeeper(Protocol):
    """The last lines of the log."""

    def records(self) -> Sequence[LogRecord]:
        """Those still kept, oldest first."""


class Document(Protocol):
    """A JSON object too large to be held as a whole."""

    def members(self) -> AsyncIterator[tuple[str, Any]]:
        """Its members from the first on, each time this is called; the items of lists one by one under the list's name.

        Problem VALIDATION_ERROR for what is no JSON object, or holds a single item beyond all bounds.
        """


class Caller(Protocol):
    """Who asks: one conversation, whatever its door; over HTTP it lasts for one request and hears nothing afterwards."""

    @property
    def session_id(self) -> str:
        """A name that no other conversation has."""

    @property
    def secure(self) -> bool:
        """Whether nobody in between can read along: loopback or TLS."""

    @property
    def greeted(self) -> bool:
        """Whether the handshake was accepted (over HTTP: always)."""

    @property
    def wallet_ids(self) -> frozenset[str]:
        """The wallets whose payments it may see."""

    def hold(self, wallet_id: str) -> None:
        """It has proved that it may see this wallet."""

    def release(self, wallet_id: str) -> None:
        """It may not see this wallet any more."""

    def greet(self) -> None:
        """The handshake is accepted."""

    def speak(self, version: str | None) -> None:
        """From the present answer on, say everything as this version of the protocol has it."""

    @property
    def encrypted(self) -> bool:
        """Whether the messages themselves are encrypted, whatever carries them."""

    def encrypt(self, channel: Channel) -> None:
        """Once the present request is answered, say and take everything through this channel only."""

    @property
    def principal(self) -> Principal | None:
        """Who it is, once proved; None for somebody unknown."""

    def identify(self, principal: Principal | None) -> None:
        """It has proved who it is, or (None) what it had proved holds no more."""

    @property
    def approach(self) -> Approach:
        """How it came."""

    def refuse(self, reason: str) -> None:
        """Close the conversation, with 1008, once the present request is answered."""

    def tell(self, message: Message) -> None:
        """Send a further message, after what was said so far; without effect once the conversation has ended."""

    def push(self, news: News | Bulletin) -> None:
        """Send news, written once for all who hear it; without effect once the conversation has ended."""

    async def room(self) -> None:
        """Until the other side has taken most of what it was told; long answers wait here between their parts."""

    def beside(self, name: str, coroutine: Coroutine[Any, Any, None]) -> Task:
        """Run it once the present request is answered; cancelled when the conversation ends."""

    def at_end(self, action: Callable[[], None]) -> None:
        """Call this when the conversation ends, however it ends."""
