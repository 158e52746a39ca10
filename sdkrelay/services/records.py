"""Keeps what relays have in common: takes messages of clients, signs them, takes records of other relays, and tells what counts.

A message is acknowledged once its record is on the disk with its entry in the log. The set of ids that other relays compare
theirs with is kept in memory, and changes with each commit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from attrs import frozen
from msgspec import UNSET
from twisted.logger import Logger

from ..crypto.schnorr import xonly
from ..domain.canonical import NotCanonical, canonical
from ..domain.clock import HybridClock, is_ahead, reading
from ..domain.items import Items, ItemSet
from ..domain.measure import MESSAGES_SYNCED
from ..domain.notification import Topic
from ..domain.problem import Code, Problem, invalid
from ..domain.record import Outcome, Record, Sort, verify
from ..messages.bulletin import Bulletin
from ..messages.native.relays import ConflictDetected, SyncAck, SyncMessage
from ..ports import Caller, Cancelled, Clock, Compute, Entropy, Meter, Store, Stored, Task, Tasks, Unavailable
from .commits import Commits
from .hub import Hub
from .router import handles

log = Logger()

#: How often, in seconds, records go whose time has come, and how many in one transaction.
SWEEP_EVERY, SWEEP = 30.0, 2_000
#: So many messages of an earlier release are signed at a time.
BATCH = 500
#: Who is told of new records after their commit, with the relay they came from: None for a client's.
Listener = Callable[[Sequence[Record], str | None], None]


@frozen
class Bounds:
    """How many messages may be kept of one author, and of all left with this relay; and how many bytes of JSON one may have.

    ``strangers`` is how many there may be for one of somebody without a token to be kept, so that they leave room for the
    others; ``others`` how many records for one of another relay to be.
    """

    author: int = 1_000
    all: int = 100_000
    size: int = 65_536
    strangers: int = 50_000
    others: int = 2_000_000


@frozen
class Signer:
    """Who signs: the relay's name, and its 32 secret bytes."""

    relay_id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Signer({self.relay_id})"


@frozen
class Around:
    """What the service needs of the world."""

    clock: Clock
    entropy: Entropy
    meter: Meter
    compute: Compute
    tasks: Tasks


class RecordService:
    """Answers ``sync_message``, and is the set of records for the mesh."""

    def __init__(self, store: Store, hub: Hub, signer: Signer, around: Around, bounds: Bounds | None = None) -> None:
        self._store = store
        self._hub = hub
        self._signer = signer
        self._key = xonly(signer.secret)
        self._around = around
        self._bounds = bounds or Bounds()
        self._hybrid = HybridClock()
        self._commits = Commits(lambda records: store.records.put(records, self._now), self._taken, around.tasks)
        self._items = ItemSet()
        self._listeners: list[Listener] = []
        self._sweeper: Task | None = None

    async def start(self) -> None:
        """Sign what an earlier release left unsigned, learn what is kept, and begin to let go what is over."""
        records, now = self._store.records, self._now
        while unsigned := await records.unsigned(BATCH):
            await records.sign([(old, self._adopted(old)) for old in unsigned])
        self._hybrid.witness(await records.latest(), now)
        self._items = ItemSet(await records.summary(now))
        self._sweeper = self._around.tasks.start("records", self._sweep_on())

    async def stop(self) -> None:
        """Let go no more."""
        sweeper, self._sweeper = self._sweeper, None
        if sweeper is not None:
            sweeper.cancel()
            await sweeper.wait()

    def on_stored(self, told: Listener) -> None:
        """Call this with each batch of new records after its commit, and the relay it came from (None for a client's)."""
        self._listeners.append(told)

    @handles(SyncMessage)
    async def keep(self, request: SyncMessage, caller: Caller) -> SyncAck | ConflictDetected:
        """Acknowledged, or a conflict with somebody else's; LIMIT_EXCEEDED when there are too many, TOO_LARGE for a big one."""
        author = f"user:{caller.principal.name}" if caller.principal else f"session:{caller.session_id}"
        content = self._content(request)
        hlc = self._hybrid.tick(self._now)
        limits = (self._bounds.author, self._bounds.all if caller.principal else self._bounds.strangers)
        stored = await self._leave(self._signed(author, request.message_id, content, hlc, request.ttl), limits)
        if stored.outcome is Outcome.FULL:
            message = f"at most {limits[0]} messages of one author are kept, and {limits[1]} in all"
            raise Problem(Code.LIMIT_EXCEEDED, message, limit=limits[0])
        if stored.outcome is Outcome.TAKEN:
            return _conflict(stored)
        if stored.outcome is Outcome.REPLACED:
            caller.tell(_conflict(stored))
        return self._acknowledged(stored)

    async def accept(self, records: Sequence[Record], source: str) -> list[bytes]:
        """Keep records of the relay ``source``, durably; the ids of those that are kept now, or were until they expired.

        Refused are those that their origin has not signed, that were made too far ahead of our time, or that are too many.
        """
        now = self._now
        timely = [record for record in records if not is_ahead(record.hlc, now)]
        good = await self._around.compute.run(_verified, timely[: self.room])
        if not good:
            return []
        self._hybrid.witness(max(record.hlc for record in good), now)
        await self._commits.put(good, source)
        return [record.record_id for record in good]

    async def _taken(self, stored: Sequence[Stored], source: str) -> None:
        """Say what records of another relay changed."""
        await self._tell(stored, source)
        for each in stored:
            if each.other is not None:
                await self._hub.broadcast(Topic.SYNC, Bulletin(_conflict(each), self._now))

    async def publish(self, sort: Sort, author: str, name: str, content: bytes, ttl: int) -> Record:
        """Keep a fact of the relay's own that is no message: ``content`` is canonical JSON; durable when this returns."""
        record = self._signed(author, name, content, self._hybrid.tick(self._now), ttl, sort)
        await self._tell(await self._store.records.put([record], self._now), None)
        return record

    def sealed(self) -> Items:
        """The ids of all that is kept now, each with its time in milliseconds; cheap, and never changed afterwards."""
        return self._items.seal()

    async def unknown(self, record_ids: Sequence[bytes]) -> list[bytes]:
        """Those that are neither kept nor remembered to have expired."""
        return await self._store.records.unknown(record_ids)

    async def get(self, record_ids: Sequence[bytes]) -> list[Record]:
        """Those that are kept."""
        return await self._store.records.get(record_ids)

    async def live(self) -> list[Record]:
        """The messages that count and whose time has not come."""
        return await self._store.records.counting(self._now)

    async def restore(self, author: str, name: str, content: bytes, made_at: int, expires_at: int) -> Outcome:
        """Keep a message as it was kept elsewhere; TAKEN if there is another content under its name, whoever's.

        ``content`` is canonical JSON, times are seconds since the epoch.
        """
        held = await self._store.records.named(name, self._now)
        if held is not None:
            return Outcome.SAME if held.content == content else Outcome.TAKEN
        hlc = min(reading(made_at * 1000), self._hybrid.tick(self._now))
        record = self._signed(author, name, content, hlc, expires_at - made_at)
        return (await self._leave(record, (self._bounds.all, self._bounds.all))).outcome

    @property
    def room(self) -> int:
        """How many records of other relays would still be kept."""
        return max(0, self._bounds.others - len(self._items))

    @property
    def _now(self) -> float:
        return self._around.clock.now()

    async def _leave(self, record: Record, limits: tuple[int, int]) -> Stored:
        stored = await self._store.records.leave(record, self._now, limits)
        await self._tell([stored], None)
        return stored

    async def _tell(self, stored: Sequence[Stored], source: str | None) -> None:
        """Say what a commit changed: to the set in memory, to who passes records on, and to who follows."""
        new = [each.record for each in stored if each.outcome in _NEW]
        self._items.add_all((record.milliseconds, record.record_id) for record in new)
        entries = sorted((entry for each in stored for entry in each.entries), key=lambda entry: entry.number)
        self._around.meter.count(MESSAGES_SYNCED, by=len(new) if source else len(entries))
        for listener in self._listeners if new else ():
            listener(new, source)
        await self._hub.publish(entries)

    def _acknowledged(self, stored: Stored) -> SyncAck:
        return SyncAck(
            message_id=stored.record.message_id,
            expires_at=stored.record.expires_at,
            position=self._hub.position_of(stored.number),
            duplicate=True if stored.outcome is Outcome.SAME else UNSET,
        )

    def _content(self, request: SyncMessage) -> bytes:
        try:
            content = canonical(request.content)
        except NotCanonical as reason:
            raise invalid("content", f"JSON with a canonical form ({reason})") from None
        if len(content) > self._bounds.size:
            expected = f"at most {self._bounds.size} bytes of JSON"
            raise Problem(Code.TOO_LARGE, f"content: expected {expected}", field="content", expected=expected)
        return content

    def _signed(self, author: str, name: str, content: bytes, hlc: int, ttl: int, sort: Sort = Sort.MESSAGE) -> Record:
        record = Record(sort, self._signer.relay_id, self._key, author, name, content, hlc, ttl)
        return record.signed(self._signer.secret, self._around.entropy.bytes(32))

    def _adopted(self, old: Record) -> Record:
        """A message of an earlier release, as this relay signs it."""
        return self._signed(old.author, old.message_id, recanonical(old.content), old.hlc, old.ttl)

    async def _sweep_on(self) -> None:
        while True:
            await self._around.tasks.sleep(SWEEP_EVERY)
            try:
                await self.sweep()
            except Unavailable as reason:
                log.warn("what is over stays for now: {reason}", reason=str(reason))
            except Cancelled:
                raise
            except Exception:
                log.failure("what is over could not go")

    async def sweep(self) -> None:
        """Let all go whose time has come, and tell what counts again in its place."""
        count = SWEEP
        while count == SWEEP:
            expired = await self._store.records.expire(self._now, SWEEP)
            for milliseconds, record_id in expired.gone:
                self._items.discard(milliseconds, record_id)
            await self._hub.publish(expired.entries)
            count = len(expired.gone)


#: What makes a record part of the set.
_NEW = frozenset({Outcome.KEPT, Outcome.REPLACED, Outcome.BEATEN})


def recanonical(content: bytes) -> bytes:
    """JSON of an earlier release in its canonical form; whole numbers that have none become strings."""
    return canonical(json.loads(content, parse_int=_exact))


def _exact(digits: str) -> int | str:
    return int(digits) if len(digits) <= 16 else digits


def _verified(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if verify(record)]


def _conflict(stored: Stored) -> ConflictDetected:
    """Two contents met under one name: which counts, and which does not."""
    if stored.other is None:
        raise ValueError("a record that met no other is no conflict")
    won = stored.outcome is Outcome.REPLACED
    winner, loser = (stored.record, stored.other) if won else (stored.other, stored.record)
    return ConflictDetected(
        message_id=winner.message_id,
        resolution="keep_latest" if winner.author == loser.author else "keep_first",
        winner=winner.record_id.hex(),
        loser=loser.record_id.hex(),
    )
