"""What services may expect of any store of records, as a suite that each variant of it is put through."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from attrs import evolve

from sdkrelay.crypto.schnorr import xonly
from sdkrelay.domain.clock import reading
from sdkrelay.domain.notification import Topic
from sdkrelay.domain.record import REMEMBERED, Outcome, Record, Sort, winner
from tests.storage.contract import StoreCase

NOW = 1_700_000_000
SECRET = b"\x07" * 32
BOUNDS = (2, 3)
SYNC = frozenset({Topic.SYNC})


def made(hlc: int = 0, **fields: Any) -> Record:
    """A signed message that lives for a minute, made so many ticks after NOW."""
    plain = Record(Sort.MESSAGE, "r", xonly(SECRET), "user:alice", "m1", b'{"a":1}', reading(NOW * 1000, hlc), 60)
    return evolve(plain, **fields).signed(SECRET, bytes(32))


class RecordContract(StoreCase):
    """Records and their entries."""

    async def outcomes(self: Any, *records: Record, now: float = NOW) -> list[Outcome]:
        """Put them in one batch; what became of each."""
        return [stored.outcome for stored in await self.store.records.put(records, now)]

    async def leave(self: Any, record: Record) -> Outcome:
        """Leave one of the relay's own."""
        return (await self.store.records.leave(record, NOW, BOUNDS)).outcome

    async def told(self: Any) -> list[int]:
        """The numbers in the log."""
        return [entry.number for entry in await self.store.log.read(0, SYNC, frozenset(), 100)]

    async def test_a_record_is_kept_with_its_entry(self: Any) -> None:
        """It comes back as it was, with the number of the entry that tells of it; the same again changes nothing."""
        self.store = await self.opened()
        stored = await self.store.records.leave(made(), NOW, BOUNDS)
        self.assertEqual((stored.outcome, [stored.number]), (Outcome.KEPT, await self.told()))
        self.assertEqual(await self.store.records.get([made().record_id, bytes(32)]), [made()])
        again = await self.store.records.leave(made(5), NOW, BOUNDS)
        self.assertEqual((again.record, again.outcome, again.number), (made(), Outcome.SAME, stored.number))
        self.assertEqual(await self.outcomes(made()), [Outcome.SAME])

    async def test_a_batch(self: Any) -> None:
        """Each is answered in its place; what comes twice is kept once; facts about payments tell nothing."""
        self.store = await self.opened()
        batch = [made(), made(), made(1, message_id="m2"), made(kind=Sort.PAYMENT), made(ttl=1)]
        expected = [Outcome.KEPT, Outcome.SAME, Outcome.KEPT, Outcome.KEPT, Outcome.EXPIRED]
        self.assertEqual(await self.outcomes(*batch, now=NOW + 1), expected)
        self.assertEqual(len(await self.told()), 2)
        self.assertEqual(len(await self.store.records.summary(NOW)), 3)
        self.assertEqual(await self.store.records.latest(), made(1).hlc)

    async def test_every_order_ends_alike(self: Any) -> None:
        """Whatever the order of arrival, one by one or at once, the same counts, and the log tells of it alone."""
        several = [made(1), made(3, content=b'{"a":2}'), made(2, author="user:bob"), made(4, author="user:bob")]
        for order in permutations(several):
            self.store = await self.opened()
            await self.outcomes(*order[:1])
            await self.outcomes(*order[1:3])
            await self.outcomes(*order[3:])
            self.assertEqual(await self.store.records.counting(NOW), [winner(several)])
            self.assertEqual(await self.store.records.named("m1", NOW), several[1])
            self.assertEqual(len(await self.told()), 1)

    async def test_who_meets_whom_is_said(self: Any) -> None:
        """What replaces names what it replaced, what is beaten names what beat it, and the same content meets nothing."""
        self.store = await self.opened()
        first, second, same = made(2), made(3, content=b"{}"), made(1, content=b"{}")
        seen = [(await self.store.records.put([each], NOW))[0] for each in (first, second, same, made(4, author="b"))]
        self.assertEqual(
            [each.outcome for each in seen], [Outcome.KEPT, Outcome.REPLACED, Outcome.KEPT, Outcome.BEATEN]
        )
        self.assertEqual([each.other for each in seen], [None, first, None, second])
        self.assertEqual([len(each.entries) for each in seen], [1, 1, 0, 0])

    async def test_nobody_replaces_anothers(self: Any) -> None:
        """One of the relay's own under somebody else's name leaves nothing behind."""
        self.store = await self.opened()
        await self.leave(made())
        stored = await self.store.records.leave(made(5, author="user:bob"), NOW, BOUNDS)
        self.assertEqual((stored.outcome, stored.other), (Outcome.TAKEN, made()))
        self.assertEqual(len(await self.store.records.summary(NOW)), 1)

    async def test_bounds_of_one_and_of_all(self: Any) -> None:
        """Two of an author, three of the relay's own; others' do not count. What is refused leaves nothing behind."""
        self.store = await self.opened()
        await self.outcomes(*(made(message_id=f"o{number}", author=str(number), origin="other") for number in range(4)))
        outcomes = [
            await self.leave(made(message_id=f"m{number}", author=author)) for number, author in enumerate("aaabb")
        ]
        self.assertEqual(outcomes, [Outcome.KEPT, Outcome.KEPT, Outcome.FULL, Outcome.KEPT, Outcome.FULL])
        self.assertEqual(len(await self.told()), 7)

    async def test_what_is_over_goes_and_is_remembered(self: Any) -> None:
        """With its entry; its name is free for anybody at once, and it cannot come back for as long as it lived and more."""
        self.store, over = await self.opened(), NOW + 60
        await self.outcomes(made())
        self.assertEqual(await self.outcomes(made(author="user:bob", ttl=200), now=over), [Outcome.KEPT])
        self.assertEqual((await self.store.records.expire(over, 10)).gone, ((NOW * 1000, made().record_id),))
        self.assertEqual(len(await self.told()), 1)
        self.assertEqual(await self.store.records.unknown([made().record_id, b"\x01" * 32]), [b"\x01" * 32])
        self.assertEqual(await self.outcomes(made(), now=NOW), [Outcome.EXPIRED])
        await self.store.records.expire(over + 60 + REMEMBERED, 0)
        self.assertEqual(await self.outcomes(made(), now=NOW), [Outcome.REPLACED])

    async def test_what_was_replaced_counts_again_when_its_replacement_is_over(self: Any) -> None:
        """It is told again, as it is on a relay that never heard of the replacement; nothing else is."""
        self.store, over = await self.opened(), NOW + 60
        first, replacement = made(ttl=200), made(1, content=b'{"a":2}')
        await self.outcomes(first, made(2, message_id="m2", ttl=200), replacement)
        expired = await self.store.records.expire(over, 10)
        self.assertEqual(expired.gone, ((NOW * 1000, replacement.record_id),))
        self.assertEqual(await self.store.records.named("m1", over), first)
        self.assertEqual([each.number for each in expired.entries], (await self.told())[-1:])

    async def test_what_is_said_again_for_longer_is_told_with_its_new_end(self: Any) -> None:
        """Nobody hears it a second time, but who asks later learns until when it is kept."""
        self.store = await self.opened()
        await self.outcomes(made())
        (again,) = await self.store.records.put([made(1, ttl=600)], NOW)
        (entry,) = await self.store.log.read(0, SYNC, frozenset(), 10)
        self.assertEqual((again.entries, b'"expires_at":1700000600' in entry.body), ((), True))
