"""Known relays and messages left for all, taken out of one relay and into another."""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.problem import Problem
from sdkrelay.messages.catalog import encode
from sdkrelay.messages.rest.relays import AddRelay
from sdkrelay.services.archive import Outcome, Section
from sdkrelay.services.archived_relations import MessageSection, RelaySection
from tests.support.conversation import say
from tests.support.related import RelatedRelay
from tests.support.stores import now


async def listed(section: Section) -> list[Any]:
    """All items as they are read again from JSON."""
    return [msgspec.json.decode(encode(item)) async for item in section.items(None)]


class SectionTests(SynchronousTestCase):
    """One relay gives, another takes."""

    def setUp(self) -> None:
        """The first knows a relay, and keeps a message."""
        self.giver, self.taker = RelatedRelay(), RelatedRelay()
        self.giver.ask(AddRelay(address="a", description="first"))
        session, _ = self.giver.greeted()
        say(session, "sync_message", message_id="m", content={"a": 1}, ttl=60)

    def sections(self, relay: RelatedRelay) -> list[Section]:
        """Both."""
        return [RelaySection(relay.relays), MessageSection(relay.records, relay.time)]

    def taken(self) -> list[Outcome]:
        """What became of all items of the giver."""
        pairs = zip(self.sections(self.giver), self.sections(self.taker), strict=True)
        return [now(into.take(item, None))[0] for out, into in pairs for item in now(listed(out))]

    def test_what_was_taken_in_is_given_out_again(self) -> None:
        """Equal in both relays; subscribers of the other hear the message; once more changes nothing."""
        _, wire = self.taker.greeted("sync")
        self.assertEqual(self.taken(), [Outcome.IMPORTED] * 2)
        given = [now(listed(section)) for section in self.sections(self.giver)]
        self.assertEqual([now(listed(section)) for section in self.sections(self.taker)], given)
        self.assertEqual([told["data"]["message_id"] for told in wire.said()], ["m"])
        self.assertEqual(self.taken(), [Outcome.SKIPPED] * 2)

    def test_what_is_there_otherwise_stays(self) -> None:
        """Both are conflicts, and nothing changes."""
        self.taker.ask(AddRelay(address="a", description="other"))
        session, _ = self.taker.greeted()
        say(session, "sync_message", message_id="m", content={"a": 2})
        before = [now(listed(section)) for section in self.sections(self.taker)]
        self.assertEqual(self.taken(), [Outcome.CONFLICT] * 2)
        self.assertEqual([now(listed(section)) for section in self.sections(self.taker)], before)

    def test_what_is_over_is_not_taken(self) -> None:
        """A message whose time has come while it travelled is skipped."""
        self.taker.time.advance(61)
        self.assertEqual(self.taken(), [Outcome.IMPORTED, Outcome.SKIPPED])

    def test_hostile_items(self) -> None:
        """Each is a Problem that names a field and repeats nothing."""
        relays, messages = self.sections(self.taker)
        good = {"message_id": "m", "author": "user:a", "content": {}, "received_at": 1, "expires_at": 2}
        hostile: list[tuple[Section, Any]] = [
            (relays, None), (relays, {"address": "http://x/hunter2", "description": "", "added_at": 1}),
            (relays, {"address": "a", "description": "", "added_at": -1}), (messages, []),
            (messages, {**good, "author": "hunter2"}), (messages, {**good, "expires_at": 10**15}),
            (messages, {**good, "content": "hunter2"}),
        ]  # fmt: skip
        for section, item in hostile:
            problem = self.assertRaises(Problem, now, section.check(item, None))
            self.assertIn("field", problem.details)
            self.assertNotIn("hunter2", f"{problem} {problem.details}")
