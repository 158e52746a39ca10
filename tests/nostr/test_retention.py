"""What is not kept: what has expired, what is too old for its kind, what is too much; deletions stay."""

from __future__ import annotations

from typing import Any

from sdkrelay.services.nostr.retention import Bounds, Keeper
from tests.support.nostr_relay import ALICE, NostrRelay
from tests.support.stores import now

from .test_asking import NOW, AskingCase

DAY = 86_400


class RetentionTests(AskingCase):
    """Rounds of the keeper."""

    def kept(self, relay: NostrRelay) -> list[str]:
        """The contents of what is stored, the newest first."""
        frames = relay.visitor().send("REQ", "a", {})
        return [frame[2]["content"] for frame in frames if frame[0] == "EVENT"]

    def round(self, relay: NostrRelay, **bounds: Any) -> int:
        """How many went."""
        keeper = Keeper(relay.parts.store, Bounds(**bounds), relay.time.tasks, relay.time)
        gone: list[int] = []

        async def once() -> None:
            gone.append(await keeper.round())

        relay.time.tasks.start("keeping", once())
        for _ in range(10):
            relay.time.advance(0.1)
        return gone[0]

    def test_by_kind_and_age(self) -> None:
        """Days of one kind say nothing of another."""
        client = self.relay()
        for kind, days in ((1, 3), (1, 1), (7, 3)):
            self.publish(client, ALICE.event(kind, f"{kind} {days}", at=NOW - days * DAY))
        self.assertEqual(self.round(client.relay, days={1: 2}), 1)
        self.assertEqual(sorted(self.kept(client.relay)), ["1 1", "7 3"])

    def test_what_has_expired(self) -> None:
        """Goes by the relay's own round, every minute."""
        client = self.relay()
        self.publish(client, ALICE.event(tags=(("expiration", str(NOW + 30)),)), ALICE.event(content="stays"))
        for _ in range(3):
            client.relay.time.advance(61)
        self.assertEqual(now(client.relay.parts.store.figures()).events, 1)

    def test_by_number_and_bytes(self) -> None:
        """The oldest go first, deletions excepted."""
        client = self.relay()
        self.publish(client, ALICE.event(5, "deletion", (("e", "ab" * 32),), at=NOW - 99))
        self.publish(client, *(ALICE.event(content=str(number), at=NOW - number) for number in range(6)))
        self.assertEqual(self.round(client.relay, events=4), 3)
        self.assertEqual(self.kept(client.relay), ["0", "1", "2", "deletion"])
        figures = now(client.relay.parts.store.figures())
        self.assertGreater(self.round(client.relay, bytes=figures.bytes // 2), 0)
        self.assertIn("deletion", self.kept(client.relay))

    def test_from_the_settings(self) -> None:
        """A relay does so by itself."""
        client = self.relay(max_events=2)
        self.publish(client, *(ALICE.event(content=str(number), at=NOW - number) for number in range(5)))
        for _ in range(3):
            client.relay.time.advance(61)
        self.assertEqual(self.kept(client.relay), ["0", "1"])
