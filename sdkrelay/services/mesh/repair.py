"""Finds and exchanges what two relays do not both have, whatever was lost on the way: the truth behind the quick push.

Whoever begins a comparison drives it to its end: it asks frame by frame, and fetches what it lacks and gives what the other
lacks while it asks for the next frame. The other side only answers and remembers nothing, so a comparison can be cut anywhere and
begun again at any time, and nobody can hold one open.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence

from attrs import define, field
from twisted.logger import Logger

from ...domain.measure import MESH_RECORDS, SYNC_ERRORS, SYNC_REQUESTS, SYNC_RESPONSES
from ...domain.problem import Problem, invalid
from ...domain.reconcile import Reconciler
from ...domain.record import Record
from ...messages.mesh.reconcile import SyncAnswered
from ...messages.mesh.records import BATCH, FetchedRecords, FetchRecords, Records, RecordsAcked, RecordsFetched
from ...messages.native.relays import Sync, SyncPayload
from ...ports import Caller, Cancelled, Compute, Task, Unavailable
from ..router import handles
from .exchange import Around
from .gossip import Gossip
from .history import Exchange, History
from .intake import Intake, RecordSet
from .link import Link, Links

log = Logger()

#: Bytes of a frame.
FRAME = 60_000
#: Seconds of silence after which a comparison is given up.
SILENCE = 30.0
#: Seconds between two comparisons with some relay, and the part of them by which that varies.
ROUND, VARIES = 30.0, 0.2
#: After so many differences a comparison ends and another begins, which bounds what one remembers.
DIFFERENCES = 50_000
#: So many frames in a row that show no difference are no comparison any more.
EMPTY = 64
#: So many records may have gone while they were compared.
OWED = 1_000
#: So many differences at most are moved before it is asked for more.
NEXT = 10_000
#: So many batches are on the way at the same time.
AHEAD = 4


@define(eq=False)
class _Course:
    """One comparison as it goes: how far it is, what it has moved, and what the other side claimed and did not deliver."""

    link: Link
    session: str
    exchange: Exchange
    frame: bytes | None = None
    is_moving: bool = False
    latency: float | None = None
    size: int = 0
    empty: int = 0
    found: int = 0
    moved: int = 0
    undelivered: set[bytes] = field(factory=set)


class _Broken(Exception):
    """The other side does not go on as it should; the message says how."""


class Repair:
    """Compares and repairs, with each link at its beginning and with some relay every half minute; answers for both sides."""

    def __init__(
        self, relay_id: str, links: Links, records: RecordSet, intake: Intake, gossip: Gossip, history: History,
        compute: Compute, around: Around,
    ) -> None:  # fmt: skip
        self._relay_id = relay_id
        self._links = links
        self._records = records
        self._intake = intake
        self._gossip = gossip
        self._history = history
        self._compute = compute
        self._around = around
        self._running: dict[Link, Task] = {}
        self._owed: dict[Link, set[bytes]] = {}
        self._rounds: Task | None = None
        self.most, self.owed = DIFFERENCES, OWED
        links.subscribe(self._up, self._down)

    def start(self) -> None:
        """Begin to compare with some relay every half minute."""
        self._rounds = self._around.tasks.start("comparisons", self._compare_by_turns())

    async def stop(self) -> None:
        """Begin no more, and end those that run."""
        for task in [self._rounds, *self._running.values()]:
            if task is not None:
                task.cancel()
                await task.wait()

    def force(self, link: Link) -> None:
        """Compare with this relay now, unless that is being done."""
        if link.reconciles and link not in self._running and not link.ended:
            name = f"comparison with {link.relay_id}"
            self._running[link] = self._around.tasks.start(name, self._whole(link))
            self._around.tasks.start(f"end of the {name}", self._forget_when_done(link, self._running[link]))

    async def respond(self, link: Link, raw: Mapping[str, object]) -> SyncPayload:
        """The answer to a frame of a comparison that the other side began. Problem VALIDATION_ERROR for garbage."""
        session, frame = raw.get("session"), raw.get("frame")
        if not isinstance(session, str) or not 0 < len(session) <= 64:
            raise self._garbage(link, "session", "the name of a comparison")
        try:
            answer = await self._compute.run(Reconciler(self._records.sealed(), FRAME).respond, decoded(frame))
        except ValueError:
            raise self._garbage(link, "frame", "a negentropy frame, in base64") from None
        return SyncPayload(session=session, frame=encoded(answer))

    @handles(FetchRecords)
    async def fetch(self, request: FetchRecords, caller: Caller) -> FetchedRecords:
        """Give records away: as many of those asked for as fit into a message, once the other side has taken what it was told."""
        link = self._links.link_of(caller)
        await link.room()
        asked = [bytes.fromhex(record_id) for record_id in request.record_ids]
        held = await self._records.get(asked)
        texts = await self._intake.texts(held)
        self._gossip.has(link, [record.record_id for record in held[: len(texts)]])
        self._count("given", len(texts))
        gone = set(asked).difference(record.record_id for record in held)
        return FetchedRecords(records=tuple(texts), gone=tuple(record_id.hex() for record_id in gone))

    def _garbage(self, link: Link, name: str, expected: str) -> Problem:
        link.blame("a frame of a comparison that is none")
        return invalid(f"payload.{name}", expected)

    def _up(self, link: Link) -> None:
        """One of the two begins: the one with the lower name."""
        if self._relay_id < link.relay_id:
            self.force(link)

    def _down(self, link: Link) -> None:
        self._owed.pop(link, None)
        if link in self._running:
            self._running[link].cancel()

    async def _forget_when_done(self, link: Link, task: Task) -> None:
        await task.wait()
        del self._running[link]

    async def _compare_by_turns(self) -> None:
        while True:
            chance = int.from_bytes(self._around.entropy.bytes(4), "big") / 2**32
            await self._around.tasks.sleep(ROUND * (1 + VARIES * (2 * chance - 1)))
            able = [link for link in self._links.all() if link.reconciles]
            if able:
                self.force(able[int.from_bytes(self._around.entropy.bytes(4), "big") % len(able)])

    async def _whole(self, link: Link) -> None:
        """Comparisons until one finds no more than it can move."""
        while await self._once(link):
            continue

    async def _once(self, link: Link) -> bool:
        """One comparison, which history and meter show; whether there is more to find."""
        around = self._around
        course = _Course(
            link, around.name("s"), self._history.begin("ReconcileSync", link.relay_id, around.name("msg"))
        )
        link.standing.sync_requests += 1
        try:
            await self._compare(course)
        except Cancelled:
            self._failed(course, "the link ended")
            raise
        except (_Broken, Problem, Unavailable) as error:
            self._failed(course, error.code.value if isinstance(error, Problem) else str(error))
            self._blame(course, error)
            return False
        except Exception:
            log.failure("a comparison with relay {relay} failed", relay=link.relay_id)
            self._failed(course, "internal error")
            return False
        link.standing.sync_responses += 1
        self._history.succeed(course.exchange, course.size, course.latency)
        self._judge(course)
        return course.found >= self.most and course.moved > 0

    async def _compare(self, course: _Course) -> None:
        reconciler = Reconciler(self._records.sealed(), FRAME)
        course.frame = await self._compute.run(reconciler.initiate)
        have, need = list[bytes](), list[bytes]()
        while course.frame is not None and course.found < self.most:
            # What some frames showed is moved while the next ones are asked for.
            moving = self._move(course, have, need)
            have, need = [], []
            await self._around.tasks.gather(moving, self._look(course, reconciler, have, need))
        await self._move(course, have, need)

    async def _move(self, course: _Course, have: Sequence[bytes], need: Sequence[bytes]) -> None:
        course.is_moving = True
        await self._exchange(course, have, need)
        course.is_moving = False

    async def _look(self, course: _Course, reconciler: Reconciler, have: list[bytes], need: list[bytes]) -> None:
        """Ask one frame at least, and more while something is moved, but not for more than can be moved next."""
        await self._step(course, reconciler, have, need)
        while course.is_moving and course.frame is not None and len(have) + len(need) < NEXT:
            await self._step(course, reconciler, have, need)

    async def _step(self, course: _Course, reconciler: Reconciler, have: list[bytes], need: list[bytes]) -> None:
        """Ask one frame; what the answer shows is added to ``have`` and ``need``, and the next frame to the course."""
        answer = await self._ask(course, course.frame or b"")
        try:
            course.frame, ours, theirs = await self._compute.run(reconciler.proceed, answer)
        except ValueError:
            raise _Broken("a frame of a comparison that is none") from None
        course.empty = 0 if ours or theirs else course.empty + 1
        if course.empty > EMPTY:
            raise _Broken("a comparison that does not end")
        course.found += len(ours) + len(theirs)
        have.extend(ours)
        need.extend(theirs)

    async def _ask(self, course: _Course, frame: bytes) -> bytes:
        """The other side's answer to a frame."""
        around = self._around
        payload = {"session": course.session, "frame": encoded(frame)}
        request = Sync(
            sync_type="ReconcileSync", relay_id=self._relay_id, payload=payload, message_id=around.name("msg")
        )
        around.meter.count(SYNC_REQUESTS)
        asked = around.clock.monotonic()
        answer = await course.link.ask(request, SILENCE)
        course.latency = course.latency or around.clock.monotonic() - asked
        around.meter.count(SYNC_RESPONSES)
        if not isinstance(answer, SyncAnswered) or answer.payload.get("session") != course.session:
            raise _Broken("an answer to another comparison")
        told = answer.payload.get("frame")
        course.size += len(told) if isinstance(told, str) else 0
        try:
            return decoded(told)
        except ValueError:
            raise _Broken("a frame of a comparison that is none") from None

    async def _exchange(self, course: _Course, have: Sequence[bytes], need: Sequence[bytes]) -> None:
        """Move what one frame showed, in batches, a few of them on the way at a time."""
        self._gossip.has(course.link, need)
        wanted = await self._records.unknown(need) if self._records.room else []
        fetches, gifts = batches(wanted), batches(have)
        await self._around.tasks.gather(*[self._fetch_all(course, fetches) for _ in range(AHEAD)])
        await self._around.tasks.gather(*[self._give_all(course, gifts) for _ in range(AHEAD)])

    async def _fetch_all(self, course: _Course, fetches: Iterator[list[bytes]]) -> None:
        for wanted in fetches:
            while wanted:
                wanted = await self._fetch_some(course, wanted)

    async def _fetch_some(self, course: _Course, wanted: list[bytes]) -> list[bytes]:
        """Fetch some of these records; those to ask for again, because they did not fit into the message."""
        request = FetchRecords(record_ids=tuple(record_id.hex() for record_id in wanted))
        answer = await course.link.ask(request, SILENCE)
        if not isinstance(answer, RecordsFetched):
            raise _Broken("no records in an answer to fetch_records")
        read = await self._intake.read(course.link, answer.records)
        asked = set(wanted)
        records = [record for record in read if record.record_id in asked]
        if len(records) < len(read):
            course.link.blame("records that were not asked for")
        taken = await self._intake.take(course.link, records, wanted=True)
        course.moved += len(taken.accepted)
        self._count("taken", len(taken.accepted))
        left = asked.difference(record.record_id for record in records)
        gone = left.intersection(map(bytes.fromhex, answer.gone))
        gone = gone if records or gone else left
        self._owe(course, gone)
        return sorted(left - gone)

    def _owe(self, course: _Course, gone: set[bytes]) -> None:
        course.undelivered |= gone
        if len(course.undelivered) > self.owed:
            raise _Broken(f"more than {self.owed} records that it says it has and does not deliver")

    async def _give_all(self, course: _Course, gifts: Iterator[list[bytes]]) -> None:
        for record_ids in gifts:
            records = await self._records.get(record_ids)
            while records:
                given, accepted = await self._give_some(course, records)
                if not accepted:
                    return  # It is full, or refuses them: the next would fare alike, and another comparison tries again.
                records = records[given:]

    async def _give_some(self, course: _Course, records: Sequence[Record]) -> tuple[int, int]:
        """Give the first of these records, as many as fit into a message; how many that were, and how many were accepted."""
        texts = await self._intake.texts(records)
        self._gossip.has(course.link, [record.record_id for record in records[: len(texts)]])
        answer = await course.link.ask(Records(records=tuple(texts)), SILENCE)
        accepted = min(answer.accepted, len(texts)) if isinstance(answer, RecordsAcked) else 0
        course.moved += accepted
        self._count("given", accepted)
        return len(texts), accepted

    def _judge(self, course: _Course) -> None:
        """What it claimed to have and did not deliver may have expired meanwhile; claimed again, it is a lie."""
        again = self._owed.get(course.link, set()) & course.undelivered
        self._owed[course.link] = course.undelivered
        if again:
            course.link.blame(f"{len(again)} records that it says it has, again, and does not deliver")

    def _failed(self, course: _Course, why: str) -> None:
        self._around.meter.count(SYNC_ERRORS)
        self._history.fail(course.exchange, why)

    def _blame(self, course: _Course, error: Exception) -> None:
        """Somebody who lost the link or is busy is not to blame."""
        if isinstance(error, _Broken):
            course.link.blame(str(error))
        elif isinstance(error, Unavailable) and not course.link.ended:
            course.link.blame("silence in the middle of a comparison")

    def _count(self, way: str, count: int) -> None:
        if count:
            self._around.meter.count(MESH_RECORDS, way, by=count)


def batches(record_ids: Sequence[bytes]) -> Iterator[list[bytes]]:
    """At most 500 at a time; one iterator may be shared by those who fetch beside each other."""
    return (list(record_ids[start : start + BATCH]) for start in range(0, len(record_ids), BATCH))


def encoded(frame: bytes) -> str:
    """A frame as it stands in JSON."""
    return b64encode(frame).decode()


def decoded(text: object) -> bytes:
    """The frame in base64 text; ValueError for all else, and for more than a frame may have."""
    if not isinstance(text, str) or len(text) > 4 * (FRAME // 3 + 1):
        raise ValueError("a frame is base64, of 60,000 bytes at most")
    return b64decode(text, validate=True)
