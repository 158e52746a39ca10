"""EVENT: every one gets exactly one OK, with the right word, and only what is fit is stored and told."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.model import Limits
from sdkrelay.domain.nostr.event import Event
from tests.support.nostr_relay import ALICE, BOB, URL, NostrRelay, Visitor

NOW = 1_700_000_000


class PublishingCase(SynchronousTestCase):
    """A relay and a client."""

    def relay(self, limits: Limits | None = None, **settings: Any) -> Visitor:
        """A client of a relay with these settings."""
        relay = NostrRelay(limits, **settings)
        self.addCleanup(relay.close)
        return relay.visitor()

    def assertRefused(self, client: Visitor, event: Event, beginning: str) -> None:
        """The one OK is false and begins so; the event is not served."""
        [answer] = client.send("EVENT", event)
        self.assertEqual(answer[:3], ["OK", event.id, False])
        self.assertTrue(answer[3].startswith(beginning), answer[3])
        self.assertEqual(client.send("REQ", "x", {"ids": [event.id]}), [["EOSE", "x"]])
        client.send("CLOSE", "x")

    def assertTaken(self, client: Visitor, event: Event) -> None:
        """The one OK is true."""
        self.assertEqual(client.send("EVENT", event), [["OK", event.id, True, ""]])


class OkTests(PublishingCase):
    """What is said."""

    def test_stored_and_served_to_the_letter(self) -> None:
        """The event comes back with its seven fields."""
        client, event = self.relay(), ALICE.event(content="grüße\n\u2028", tags=(("t", "x"), ()))
        self.assertTaken(client, event)
        found = client.send("REQ", "a", {"ids": [event.id]})
        self.assertEqual(found, [["EVENT", "a", json.loads(event.encoded())], ["EOSE", "a"]])

    def test_again_is_a_duplicate(self) -> None:
        """True, with the word for it."""
        client, event = self.relay(), ALICE.event()
        self.assertTaken(client, event)
        self.assertEqual(client.send("EVENT", event), [["OK", event.id, True, "duplicate: already have this event"]])

    def test_an_older_version_is_refused(self) -> None:
        """As a duplicate, and of two of the same second the lower id stays."""
        client = self.relay()
        first, second = sorted((ALICE.event(0, name, at=NOW) for name in "ab"), key=lambda event: event.id)
        self.assertTaken(client, second)
        self.assertTaken(client, first)
        [answer] = client.send("EVENT", second)
        self.assertEqual(answer, ["OK", second.id, False, "duplicate: have a newer version"])

    def test_a_wrong_id_and_a_wrong_signature(self) -> None:
        """Invalid, and nothing is stored."""
        client, event, other = self.relay(), ALICE.event(content="a"), ALICE.event(content="b")
        self.assertRefused(client, Event(other.id, *_rest(event)), "invalid: id")
        self.assertRefused(client, Event(event.id, *_rest(event)[:-1], other.sig), "invalid: the signature")

    def test_what_was_deleted_does_not_come_back(self) -> None:
        """Also when the deletion came first; and a deletion cannot be deleted."""
        client, event = self.relay(), ALICE.event(content="regret")
        deletion = ALICE.event(5, tags=(("e", event.id),))
        self.assertTaken(client, deletion)
        self.assertRefused(client, event, "blocked: deleted")
        self.assertTaken(client, ALICE.event(5, tags=(("e", deletion.id),)))
        self.assertRefused(client, event, "blocked: deleted")

    def test_who_asked_to_be_forgotten(self) -> None:
        """Their earlier events are gone and refused; with another relay's URL nothing happens."""
        client, event = self.relay(), ALICE.event(content="old", at=NOW - 10)
        self.assertTaken(client, event)
        self.assertTaken(client, ALICE.event(62, tags=(("relay", "wss://other.example"),)))
        self.assertEqual(len(client.send("REQ", "x", {"ids": [event.id]})), 2)
        self.assertTaken(client, ALICE.event(62, content="now", tags=(("relay", URL + "/"),)))
        self.assertRefused(client, event, "blocked: its author")


class RulesTests(PublishingCase):
    """What is refused before any signature is looked at."""

    def test_lengths(self) -> None:
        """Content in characters and tags up to the limit, and one more is refused."""
        client = self.relay(content_characters=5, tags=2)
        self.assertTaken(client, ALICE.event(content="é" * 5, tags=(("a", "1"), ("b", "2"))))
        self.assertRefused(client, ALICE.event(content="é" * 6), "invalid: content")
        self.assertRefused(client, ALICE.event(tags=(("a",), ("b",), ("c",))), "invalid: an event has at most 2 tags")

    def test_times(self) -> None:
        """Ahead and ago up to the limit."""
        client = self.relay(future_seconds=10, past_seconds=10)
        for seconds in (10, -10):
            self.assertTaken(client, ALICE.event(at=NOW + seconds))
        self.assertRefused(client, ALICE.event(at=NOW + 11), "invalid: created_at")
        self.assertRefused(client, ALICE.event(at=NOW - 11), "invalid: created_at")

    def test_expired(self) -> None:
        """On arrival, or not a number."""
        client = self.relay()
        self.assertTaken(client, ALICE.event(tags=(("expiration", str(NOW + 5)),)))
        self.assertRefused(client, ALICE.event(tags=(("expiration", str(NOW)),)), "invalid: the event has expired")
        self.assertRefused(client, ALICE.event(tags=(("expiration", "soon"),)), "invalid: expiration")

    def test_an_authentication_is_not_published(self) -> None:
        """Neither stored nor told."""
        self.assertRefused(self.relay(), ALICE.event(22242), "invalid: an authentication")

    def test_protected(self) -> None:
        """Taken from its author only, once that is proved; nor does a repost carry it."""
        client, event = self.relay(), ALICE.event(tags=(("-",),))
        self.assertRefused(client, event, "auth-required:")
        client.prove(BOB)
        self.assertRefused(client, event, "restricted:")
        author = client.relay.visitor()
        author.prove(ALICE)
        self.assertTaken(author, event)
        self.assertRefused(client, BOB.event(6, event.encoded().decode()), "blocked:")

    def test_work(self) -> None:
        """Bits that were aimed at."""
        client = self.relay(work=4)
        events = (ALICE.event(tags=(("nonce", str(number), "4"),)) for number in range(1_000))
        worked = next(event for event in events if event.id[0] == "0")
        self.assertTaken(client, worked)
        self.assertRefused(client, ALICE.event(content="idle"), "pow: difficulty")

    def test_rates(self) -> None:
        """Of an address, of a key, and of an address and a kind; others are not affected."""
        client = self.relay(events_per_minute=3, key_events_per_minute=2, kind_events_per_minute={"7": 1})
        for number in range(2):
            self.assertTaken(client, ALICE.event(content=str(number)))
        self.assertRefused(client, ALICE.event(content="third"), "rate-limited: try again")
        self.assertRefused(client, BOB.event(content="fourth"), "rate-limited:")
        other = client.relay.visitor("198.51.100.1")
        self.assertTaken(other, BOB.event(7))
        self.assertRefused(other, BOB.event(7, "again"), "rate-limited:")

    def test_exempt_networks_are_not_counted(self) -> None:
        """As the settings say."""
        client = self.relay(Limits(exempt=("192.0.2.0/24",)), events_per_minute=1, key_events_per_minute=1)
        for number in range(5):
            self.assertTaken(client, ALICE.event(content=str(number)))


class TroubleTests(PublishingCase):
    """What is no event, and a store that fails."""

    def test_malformed_events_are_answered_by_id(self) -> None:
        """OK false where an id can be read, else NOTICE; the connection goes on."""
        client, event = self.relay(), ALICE.event()
        [answer] = client.send("EVENT", json.loads(event.encoded()) | {"kind": "1"})
        self.assertEqual(answer[:3], ["OK", event.id, False])
        for frame in (b'["EVENT",{}]', b'["EVENT"]', b"[", b"[" * 3_000, b'["HELLO"]', b"[1]"):
            [notice] = client.send_raw(frame)
            self.assertEqual(notice[0], "NOTICE", frame)
        self.assertTaken(client, event)

    def test_too_large_is_answered(self) -> None:
        """With the id, if one can be read."""
        client, event = self.relay(message_bytes=2_000), ALICE.event(content="x" * 3_000)
        [answer] = client.send("EVENT", event)
        self.assertEqual(answer, ["OK", event.id, False, "invalid: a message has at most 2000 bytes"])
        [notice] = client.send("REQ", "x" * 3_000, {})
        self.assertEqual(notice[0], "NOTICE")

    def test_a_store_that_is_away(self) -> None:
        """Error, and the relay goes on when it is back."""
        client = self.relay()
        client.relay.time.tasks.start("closing", client.relay.parts.store.close())
        [answer] = client.send("EVENT", ALICE.event())
        self.assertEqual(answer[2:], [False, "error: the events are not open"])
        client.relay.time.tasks.start("opening", client.relay.parts.store.open())
        self.assertTaken(client, ALICE.event())


def _rest(event: Event) -> tuple[Any, ...]:
    return event.pubkey, event.created_at, event.kind, event.tags, event.content, event.sig
