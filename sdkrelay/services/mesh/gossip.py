"""Passes each new record on at once to the relays that are connected: for speed only, the comparison finds what this misses.

So every queue here may overflow, every acknowledgement may be lost, and nothing waits for a relay that is away.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec
from attrs import define, field
from twisted.logger import Logger

from ...domain.measure import MESH_RECORDS
from ...domain.problem import Problem
from ...domain.record import Record
from ...messages.mesh.records import BATCH, HOPS, Records, RecordsAck, RecordsAcked
from ...messages.native.relays import SyncMessage
from ...ports import Caller, Cancelled, Event, Task, Unavailable
from ..router import handles
from .exchange import Around
from .intake import BATCH_BYTES, Intake, RecordSet, Seen
from .link import Link, Links

log = Logger()

#: Up to so many relays all are told; of more than that, only so many.
ALL, SOME = 8, 6
#: Bytes of records that may wait for one relay; what comes then is left to the comparison.
WAITING = 4_000_000
#: Seconds within which a batch is acknowledged, and how often it is sent.
ACKNOWLEDGED, ATTEMPTS = 10.0, 2


@define(eq=False)
class _Peer:
    """A connected relay: what it has seen, and what waits to be told to it, each with how many relays it has passed."""

    link: Link
    changed: Event
    seen: Seen = field(factory=Seen)
    waiting: deque[tuple[Record, int]] = field(factory=deque)
    size: int = 0
    task: Task | None = None

    def offer(self, record: Record, hops: int) -> bool:
        """Let it wait to be told; False if there is no room."""
        size = weight(record)
        if self.size + size > WAITING:
            return False
        self.waiting.append((record, hops))
        self.size += size
        self.seen.add([record.record_id])
        return True

    def batch(self) -> tuple[list[Record], int]:
        """The next records to be told together: those that have passed as many relays as the first."""
        records: list[Record] = []
        hops, room = self.waiting[0][1], BATCH_BYTES
        while self.waiting and self.waiting[0][1] == hops and len(records) < BATCH:
            size = weight(self.waiting[0][0])
            room -= size
            if records and room < 0:
                break
            records.append(self.waiting.popleft()[0])
            self.size -= size
        return records, hops


class Gossip:
    """Answers ``records``, and tells new records to other relays; ``relay_id`` is this relay's own."""

    def __init__(self, links: Links, records: RecordSet, intake: Intake, around: Around) -> None:
        self._links = links
        self._intake = intake
        self._around = around
        self._peers: dict[Link, _Peer] = {}
        self._arriving: dict[bytes, int] = {}
        links.subscribe(self._up, self._down)
        records.on_stored(self._stored)

    @handles(Records)
    async def receive(self, request: Records, caller: Caller) -> RecordsAck:
        """Keep what is pushed; acknowledged once it is on the disk."""
        link = self._links.link_of(caller)
        records = await self._intake.read(link, request.records)
        record_ids = [record.record_id for record in records]
        self.has(link, record_ids)
        self._arriving.update(dict.fromkeys(record_ids, request.hops))
        try:
            taken = await self._intake.take(link, records)
        finally:
            for record_id in record_ids:
                self._arriving.pop(record_id, None)
        return RecordsAck(accepted=len(taken.accepted), refused=len(request.records) - len(taken.accepted))

    def has(self, link: Link, record_ids: Sequence[bytes]) -> None:
        """The relay of this link has these: they are not told to it again."""
        if link in self._peers:
            self._peers[link].seen.add(record_ids)

    def _stored(self, records: Sequence[Record], source: str | None) -> None:
        """New records are on the disk: on to those who may not have them."""
        chosen = [peer for peer in self._chosen() if peer.link.relay_id != source]
        for record in records:
            hops = self._arriving.get(record.record_id, 0) + 1
            for peer in chosen if hops <= HOPS else ():
                if record.record_id not in peer.seen and not peer.offer(record, hops):
                    self._count("dropped", 1)
        for peer in chosen:
            peer.changed.set()

    def _chosen(self) -> list[_Peer]:
        """All who are connected if they are few, else some of them, others each time."""
        peers = list(self._peers.values())
        if len(peers) <= ALL:
            return peers
        start = int.from_bytes(self._around.entropy.bytes(4), "big") % len(peers)
        return (peers[start:] + peers[:start])[:SOME]

    def _up(self, link: Link) -> None:
        peer = self._peers[link] = _Peer(link, self._around.tasks.event())
        peer.task = self._around.tasks.start(f"records for {link.relay_id}", self._tell_all(peer))

    def _down(self, link: Link) -> None:
        peer = self._peers.pop(link, None)
        if peer is not None and peer.task is not None:
            peer.task.cancel()

    async def _tell_all(self, peer: _Peer) -> None:
        """Batch after batch, one at a time: what comes meanwhile makes the next one larger."""
        while True:
            await peer.changed.wait()
            while peer.waiting:
                await peer.link.room()
                records, hops = peer.batch()
                told = await self._tell(peer, records, hops)
                self._count("pushed", told)
                self._count("lost", len(records) - told)

    async def _tell(self, peer: _Peer, records: Sequence[Record], hops: int) -> int:
        """How many of them were acknowledged; whatever fails, the next are told."""
        try:
            return await (self._push(peer.link, records, hops) if peer.link.reconciles else self._say(peer, records))
        except Cancelled:
            raise
        except Exception:
            log.failure("records could not be told to relay {relay}", relay=peer.link.relay_id)
            return 0

    async def _push(self, link: Link, records: Sequence[Record], hops: int) -> int:
        """How many of them were acknowledged; what was not is tried once more, and then left to the comparison."""
        texts = await self._intake.texts(records)
        for _ in range(ATTEMPTS):
            try:
                answer = await link.ask(Records(records=tuple(texts), hops=hops), ACKNOWLEDGED)
            except (Unavailable, Problem):
                if link.ended:
                    break
            else:
                return min(answer.accepted, len(records)) if isinstance(answer, RecordsAcked) else 0
        return 0

    async def _say(self, peer: _Peer, records: Sequence[Record]) -> int:
        """The same for a relay that knows the documented messages only."""
        return sum([await self._say_one(peer.link, record) for record in records if record.kind == "message"])

    async def _say_one(self, link: Link, record: Record) -> bool:
        left = int(record.expires_at - self._around.clock.now())
        if left < 1:
            return False
        content = msgspec.json.decode(record.content)
        message = SyncMessage(message_id=record.message_id, content=content, ttl=left)
        for _ in range(ATTEMPTS):
            try:
                await link.ask(message, ACKNOWLEDGED)
            except (Unavailable, Problem):
                if link.ended:
                    break
            else:
                return True
        return False

    def _count(self, way: str, count: int) -> None:
        if count:
            self._around.meter.count(MESH_RECORDS, way, by=count)


def weight(record: Record) -> int:
    """About how many characters a record is in a message."""
    return (len(record.content) + 700) * 4 // 3
