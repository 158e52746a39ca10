"""What is kept, described from the services' side: every method is one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from attrs import frozen

from ..domain.access import AccessToken, User
from ..domain.chain import BlockHash, BlockId, IndexedBlock
from ..domain.expected import Expected
from ..domain.notification import Entry, Notice, Topic
from ..domain.record import Outcome, Record
from ..domain.wallet import Output, SealedWallet


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

    async def digests(self, heights: Sequence[int]) -> list[tuple[BlockId, bytes]]:
        """The blocks indexed at these heights (a few dozen at most), ascending, each with its digest."""


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

    async def number_before(self, at: int) -> int:
        """The number after which all that was told from this time on (seconds since the epoch) stands."""

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

    async def conclude(self, payment: Expected) -> list[Entry]:
        """Keep a payment as facts of other relays have it, and log what is told if its state changed.

        One that belongs to a wallet here, or to another creator, stays as it is: what is found here counts.
        """


@frozen
class Stored:
    """What became of one record: ``record`` is what is kept of it, ``number`` its entry in the log if it has one, else 0.

    ``entries`` are to be told. ``other`` is the record that counted before, or that counts instead.
    """

    record: Record
    outcome: Outcome
    number: int = 0
    entries: tuple[Entry, ...] = ()
    other: Record | None = None


@frozen
class Expired:
    """Records that are no more, milliseconds and id of each, and what is to be told of those that count in their places."""

    gone: tuple[tuple[int, bytes], ...] = ()
    entries: tuple[Entry, ...] = ()


class RecordStore(Protocol):
    """Signed records, each with the entry of the log that tells of it while it counts; every method is one transaction."""

    async def put(self, records: Sequence[Record], now: float) -> list[Stored]:
        """Keep records of other relays, decide what counts under each name, and log what is told; one answer each, in order."""

    async def leave(self, record: Record, now: float, bounds: tuple[int, int]) -> Stored:
        """Keep one of this relay's own; nothing is kept of what is said again, is under another's name, or is too many.

        ``bounds`` are how many may be kept of one author, and of this relay's own.
        """

    async def get(self, record_ids: Sequence[bytes]) -> list[Record]:
        """Those of them that are kept, in any order."""

    async def counting(self, now: float) -> list[Record]:
        """The messages that count and whose time has not come, in the order of the log."""

    async def named(self, message_id: str, now: float) -> Record | None:
        """The message that counts under a name, if its time has not come."""

    async def facts(self, payment_id: str, now: float) -> list[Record]:
        """The records about a payment whose time has not come, in any order."""

    async def unknown(self, record_ids: Sequence[bytes]) -> list[bytes]:
        """Those of them that are neither kept nor remembered as expired, in their order."""

    async def summary(self, now: float) -> list[tuple[int, bytes]]:
        """Milliseconds and id of all records whose time has not come, in any order."""

    async def latest(self) -> int:
        """The highest reading of the clock in any record; 0 without one."""

    async def expire(self, now: float, limit: int) -> Expired:
        """Let records go whose time has come, at most so many, with their entries; what they had replaced counts again.

        Their ids are remembered for as long as they lived, and ten minutes.
        """

    async def unsigned(self, limit: int) -> list[Record]:
        """Messages of earlier releases that nobody has signed yet."""

    async def sign(self, signed: Sequence[tuple[Record, Record]]) -> None:
        """Keep the second of each pair in place of the first, which was unsigned; its entry stays."""


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
    def records(self) -> RecordStore: ...

    async def meta(self, key: str) -> str | None:
        """A small fact kept with the data (network, genesis hash, relay id)."""

    async def set_meta(self, key: str, value: str) -> None:
        """Keep a small fact."""

    def condition(self) -> str | None:
        """None while writes succeed, else why the last one failed (disk full, locked)."""

    async def close(self) -> None:
        """Flush and close; nothing may be called afterwards."""
