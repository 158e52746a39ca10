"""Payments between relays: says as facts what this relay finds of them, and concludes from others' facts how they stand here.

What is to be looked at is a set of names: it may be looked at twice, or once more after a restart, and nothing changes by that.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from twisted.logger import Logger

from ...domain.chain import BlockHash, display
from ...domain.expected import Expected
from ...domain.facts import Fact, Mined, content_of, facts_of, standing
from ...domain.notification import Entry, Kind
from ...domain.record import LONGEST_LIFE, Record, Sort
from ...ports import Cancelled, Clock, Store, Task, Tasks, Unavailable
from ..hub import Hub
from ..records import RecordService

log = Logger()

#: Payments read at a time, and seconds until what failed is tried again.
PAGE, RETRY = 200, 5.0
#: A block that is so deep is not looked at again.
SETTLED = 200
_CHAIN = frozenset({Kind.BLOCK_MINED, Kind.BLOCK_DISCONNECTED})


class PaymentFacts:
    """Follows the log and the records, from :meth:`start` to :meth:`stop`."""

    def __init__(self, store: Store, records: RecordService, hub: Hub, tasks: Tasks, clock: Clock) -> None:
        self._store = store
        self._records = records
        self._hub = hub
        self._tasks = tasks
        self._clock = clock
        self._due: dict[str, None] = {}
        self._open: set[str] = set()
        self._changed = tasks.event()
        self._task: Task | None = None

    def start(self) -> None:
        """Look at all payments once, then at those that change."""
        self._hub.on_entry.append(self._entered)
        self._records.on_stored(self._stored)
        self._task = self._tasks.start("payments of the mesh", self._run())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await self._task.wait()

    def look(self, payment_id: str) -> None:
        """Something about this payment may be new."""
        self._due[payment_id] = None
        self._changed.set()

    def _entered(self, entry: Entry) -> None:
        if entry.kind is Kind.PAYMENT_UPDATE:
            self.look(msgspec.json.decode(entry.body)["payment_id"])
        elif entry.kind in _CHAIN:
            for payment_id in self._open:
                self.look(payment_id)

    def _stored(self, records: Sequence[Record], source: str | None) -> None:
        for record in records:
            if record.kind is Sort.PAYMENT and source is not None:
                self.look(record.message_id)

    async def _run(self) -> None:
        while not await self._looked_at_all():
            await self._tasks.sleep(RETRY)
        while True:
            await self._changed.wait()
            while self._due:
                payment_id = next(iter(self._due))
                del self._due[payment_id]
                await self._try(payment_id)

    async def _looked_at_all(self) -> bool:
        """Let all payments be looked at; False if they cannot be read now."""
        after, full = 0, True
        try:
            while full:
                page = await self._store.payments.payments(after, PAGE, None)
                for payment in page:
                    self.look(payment.payment_id)
                full = len(page) == PAGE
                after = page[-1].number if page else after
        except Unavailable as away:
            log.warn("payments of the mesh have to wait: {reason}", reason=str(away))
            return False
        return True

    async def _try(self, payment_id: str) -> None:
        try:
            await self._settle(payment_id)
        except Cancelled:
            raise
        except Unavailable as away:
            log.warn("a payment of the mesh has to wait: {reason}", reason=str(away))
            await self._tasks.sleep(RETRY)
            self.look(payment_id)
        except Exception:
            log.failure("a payment of the mesh could not be concluded")

    async def _settle(self, payment_id: str) -> None:
        """Say what is known here and not said yet, then conclude from all that was said."""
        facts = await self._facts(payment_id)
        payment = await self._store.payments.payment(payment_id)
        if payment is not None and payment.creator is not None:
            await self._say(payment, facts)
            facts = await self._facts(payment_id)
        concluded = await self._concluded(facts)
        if concluded is not None:
            await self._hub.publish(await self._store.payments.conclude(concluded))

    async def _facts(self, payment_id: str) -> list[Fact]:
        held = await self._store.records.facts(payment_id, self._clock.now())
        return [fact for fact in map(_read, held) if fact is not None]

    async def _say(self, payment: Expected, facts: Sequence[Fact]) -> None:
        """Facts are said once, whoever says them; what was concluded from others' facts is none of ours to say."""
        author = payment.creator or ""
        said = {content_of(fact.said) for fact in facts if fact.author == author}
        named = any(fact.author == author for fact in facts)
        for new in facts_of(payment, display)[int(named) :] if payment.wallet_id or not named else ():
            content = content_of(new)
            if content not in said:
                await self._records.publish(Sort.PAYMENT, author, payment.payment_id, content, LONGEST_LIFE)

    async def _concluded(self, facts: Sequence[Fact]) -> Expected | None:
        heights = {fact.said.block_height for fact in facts if isinstance(fact.said, Mined)}
        hashes: dict[int, BlockHash | None] = {height: await self._store.index.hash_at(height) for height in heights}
        tip = await self._store.index.tip()
        height = 0 if tip is None else tip.height
        payment = standing(facts, hashes.get, height, self._clock.now())
        if payment is not None:
            settled = payment.block is not None and payment.confirmations(height) > SETTLED
            (self._open.discard if settled else self._open.add)(payment.payment_id)
        return payment


def _read(record: Record) -> Fact | None:
    """The fact in a record; None for what is none."""
    try:
        return Fact.of(record)
    except ValueError:
        return None
