"""What services may expect of any store of messages left for all, as a suite that each variant of it is put through."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from sdkrelay.domain.deposit import KeptMessage, Outcome
from sdkrelay.domain.notification import Kind, Notice, SyncMessageData, Topic
from tests.storage.contract import StoreCase

NOW = 1_700_000_000
FIRST = KeptMessage("m1", "user:alice", b'{"a":1}', NOW, NOW + 60)
BOUNDS = (2, 3)
SYNC = frozenset({Topic.SYNC})


def notice(message: KeptMessage) -> Notice:
    """What is told of it."""
    data = SyncMessageData(message_id=message.message_id, content={}, timestamp=NOW, expires_at=message.expires_at)
    return Notice(Kind.SYNC_MESSAGE, Topic.SYNC, data)


class MessageContract(StoreCase):
    """Messages and their entries."""

    async def keep(self: Any, message: KeptMessage) -> tuple[KeptMessage, Outcome, int]:
        """Keep it; how many entries were logged."""
        kept, outcome, entries = await self.store.messages.keep(message, notice(message), BOUNDS)
        return kept, outcome, len(entries)

    async def test_a_message_is_kept_with_its_entry(self: Any) -> None:
        """It comes back with the number of the entry that tells of it."""
        self.store = await self.opened()
        kept, outcome, _ = await self.keep(FIRST)
        (entry,) = await self.store.log.read(0, SYNC, frozenset(), 10)
        self.assertEqual((kept, outcome), (evolve(FIRST, number=entry.number), Outcome.KEPT))
        self.assertEqual(await self.store.messages.messages(NOW), [kept])

    async def test_the_same_again_changes_nothing(self: Any) -> None:
        """Whoever says it, the first is what is kept."""
        self.store = await self.opened()
        kept, _, _ = await self.keep(FIRST)
        again = await self.keep(evolve(FIRST, author="user:bob", expires_at=NOW + 99))
        self.assertEqual(again, (kept, Outcome.SAME, 0))

    async def test_an_author_replaces_its_own(self: Any) -> None:
        """The earlier content is gone, and its entry too."""
        self.store = await self.opened()
        await self.keep(FIRST)
        kept, outcome, logged = await self.keep(evolve(FIRST, content=b'{"a":2}'))
        self.assertEqual((outcome, logged), (Outcome.REPLACED, 1))
        self.assertEqual([message.content for message in await self.store.messages.messages(NOW)], [b'{"a":2}'])
        numbers = [entry.number for entry in await self.store.log.read(0, SYNC, frozenset(), 10)]
        self.assertEqual(numbers, [kept.number])

    async def test_nobody_replaces_anothers(self: Any) -> None:
        """What was there stays, and is what comes back."""
        self.store = await self.opened()
        kept, _, _ = await self.keep(FIRST)
        self.assertEqual(await self.keep(evolve(FIRST, author="user:bob", content=b"{}")), (kept, Outcome.TAKEN, 0))

    async def test_bounds_of_one_and_of_all(self: Any) -> None:
        """Two of an author, three of all; what is refused leaves nothing behind."""
        self.store = await self.opened()
        outcomes = []
        for number, author in enumerate(("a", "a", "a", "b", "b")):
            outcomes.append((await self.keep(evolve(FIRST, message_id=f"m{number}", author=author)))[1])
        self.assertEqual(outcomes, [Outcome.KEPT, Outcome.KEPT, Outcome.FULL, Outcome.KEPT, Outcome.FULL])
        self.assertEqual(len(await self.store.log.read(0, SYNC, frozenset(), 10)), 3)

    async def test_what_is_over_makes_room(self: Any) -> None:
        """With the next message it goes, with its entry; its id is free for anybody."""
        self.store = await self.opened()
        await self.keep(evolve(FIRST, expires_at=NOW))
        self.assertEqual(await self.store.messages.messages(NOW), [])
        kept, outcome, _ = await self.keep(evolve(FIRST, author="user:bob", content=b"{}"))
        self.assertEqual((outcome, await self.store.messages.messages(NOW)), (Outcome.KEPT, [kept]))
        self.assertEqual(len(await self.store.log.read(0, SYNC, frozenset(), 10)), 1)
