"""Every number that NIP-11 states is the enforced one, and whatever one connection can make the relay hold is bounded."""

from __future__ import annotations

import json
from typing import Any

from attrs import evolve

from sdkrelay.messages.nostr.client import LONGEST_NAME
from tests.support.nostr_relay import ALICE, BOB, Visitor

from .test_asking import NOW, AskingCase


class StatedTests(AskingCase):
    """Each number of ``limitation``, and one more."""

    def stated(self, client: Visitor) -> dict[str, Any]:
        """What the relay says of its limits."""
        document = client.relay.parts.about.document()
        limitation: dict[str, Any] = json.loads(document.encoded())["limitation"]
        return limitation

    def test_the_longest_message(self) -> None:
        """Bytes of a frame."""
        client = self.relay(message_bytes=2_000)
        most = self.stated(client)["max_message_length"]
        frame = b'["CLOSE","a"]'
        self.assertEqual(client.send_raw(frame + b" " * (most - len(frame))), [])
        [notice] = client.send_raw(frame + b" " * (most - len(frame) + 1))
        self.assertEqual(notice, ["NOTICE", f"invalid: a message has at most {most} bytes"])

    def test_the_most_subscriptions(self) -> None:
        """At a time."""
        client = self.relay(subscriptions=3)
        most = self.stated(client)["max_subscriptions"]
        verbs = [client.send("REQ", str(number), {})[-1][0] for number in range(most + 1)]
        self.assertEqual(verbs, ["EOSE"] * most + ["CLOSED"])

    def test_the_limits_of_filters(self) -> None:
        """The most events of one filter, and how many without a limit."""
        client = self.relay(default_limit=2, max_limit=4)
        self.publish(client, *(ALICE.event(content=str(number), at=NOW - number) for number in range(6)))
        stated = self.stated(client)
        for asked, key in (({}, "default_limit"), ({"limit": stated["max_limit"] + 1}, "max_limit")):
            self.assertEqual(len(self.ids(client.send("REQ", "a", asked), "a")), stated[key])

    def test_the_longest_name(self) -> None:
        """In characters, not bytes."""
        client = self.relay()
        most = self.stated(client)["max_subid_length"]
        self.assertEqual(most, LONGEST_NAME)
        self.assertEqual(client.send("REQ", "é" * most, {}), [["EOSE", "é" * most]])
        self.assertEqual(client.send("REQ", "é" * (most + 1), {})[0][0], "CLOSED")

    def test_tags_and_content(self) -> None:
        """Tags by number, content by characters."""
        client = self.relay(tags=3, content_characters=7)
        stated = self.stated(client)
        tags, content = stated["max_event_tags"], stated["max_content_length"]
        for more, taken in ((0, True), (1, False)):
            for event in (ALICE.event(tags=(("x", "1"),) * (tags + more)), ALICE.event(content="€" * (content + more))):
                self.assertEqual(client.send("EVENT", event)[0][2], taken)

    def test_times(self) -> None:
        """Seconds ahead and ago."""
        client = self.relay(future_seconds=5, past_seconds=7)
        stated = self.stated(client)
        ahead, ago = stated["created_at_upper_limit"], stated["created_at_lower_limit"]
        for seconds, taken in ((ahead, True), (ahead + 1, False), (-ago, True), (-ago - 1, False)):
            self.assertEqual(client.send("EVENT", ALICE.event(at=NOW + seconds))[0][2], taken, seconds)
        self.assertNotIn("created_at_lower_limit", self.stated(self.relay()))

    def test_work(self) -> None:
        """Bits; committed to, and really there."""
        client = self.relay(work=2)
        bits = self.stated(client)["min_pow_difficulty"]
        events = [ALICE.event(tags=(("nonce", str(number), str(bits)),)) for number in range(60)]
        for event in events:
            self.assertEqual(client.send("EVENT", event)[0][2], event.id[0] in "0123", event.id)
        lucky = next(
            event for event in (ALICE.event(content=str(number)) for number in range(60)) if event.id[0] == "0"
        )
        self.assertIn("pow: the nonce tag", client.send("EVENT", lucky)[0][3])

    def test_what_is_demanded(self) -> None:
        """AUTH, and who may write."""
        self.assertEqual(self.stated(self.relay(auth_required=True))["auth_required"], True)
        client = self.relay()
        self.assertEqual(self.stated(client)["restricted_writes"], False)
        client.relay.time.tasks.start("allowing", client.relay.parts.lists.enter("allowed_pubkeys", BOB.pubkey))
        self.assertEqual(self.stated(client)["restricted_writes"], True)
        self.assertTrue(client.send("EVENT", ALICE.event())[0][3].startswith("restricted: "))


class HeldTests(AskingCase):
    """What is not stated, and yet bounded."""

    def narrowed(self, **limits: Any) -> Visitor:
        """A client of a relay with these inner limits."""
        client = self.relay()
        parts = client.relay.parts
        parts.limits = evolve(parts.limits, **limits)
        return client.relay.visitor()

    def test_values_of_filters(self) -> None:
        """Of one question, and of all subscriptions of a connection."""
        client = self.narrowed(values=10, held_values=25)
        many = [{"kinds": list(range(5))}, {"kinds": list(range(5, 10))}]
        self.assertEqual(client.send("REQ", "a", *many), [["EOSE", "a"]])
        for verb in ("REQ", "COUNT"):
            self.assertIn("invalid: filters have at most 10", client.send(verb, "x", *many, {"#t": ["y"]})[0][2])
        self.assertEqual(client.send("REQ", "b", *many), [["EOSE", "b"]])
        self.assertIn("rate-limited: ", client.send("REQ", "c", *many)[0][2])
        self.assertEqual(client.send("REQ", "b", *many), [["EOSE", "b"]])

    def test_words_of_a_search(self) -> None:
        """More are no search."""
        client = self.relay()
        words = " ".join(f"word{number}" for number in range(65))
        self.assertIn("invalid: a search", client.send("REQ", "a", {"search": words})[0][2])
        self.assertEqual(client.send("REQ", "a", {"search": words.rpartition(" ")[0]}), [["EOSE", "a"]])

    def test_bytes_that_wait_for_stored_events(self) -> None:
        """Of all subscriptions of a connection together; what goes beyond is closed, not left out in silence."""
        client = self.narrowed(early_bytes=5_000)
        self.publish(client, *(ALICE.event(content=str(number), at=NOW - number) for number in range(150)))
        client.full = True
        for name in "ab":
            client.send("REQ", name, {"kinds": [1]})
        self.publish(client, *(BOB.event(content=str(number) * 1_000) for number in range(3)))
        client.full = False
        client.relay.time.advance(5)
        closed = [frame[1] for frame in client.heard() if frame[0] == "CLOSED"]
        self.assertEqual(closed, ["a", "b"])
        self.assertEqual(client.send("REQ", "a", {"limit": 0}), [["EOSE", "a"]])

    def test_large_events_are_sent_a_few_at_a_time(self) -> None:
        """So that what waits for a client that reads stays far below what cuts one that does not."""
        client = self.relay(message_bytes=300_000, content_characters=100_000)
        self.publish(client, *(ALICE.event(content="x" * 65_000, at=NOW - number) for number in range(10)))
        client.full = True
        client.send("REQ", "a", {"kinds": [1]})
        self.assertLessEqual(sum(map(len, client.frames)), 300_000)
        client.full, frames = False, []
        for _ in range(5):
            client.relay.time.advance(1)
            frames += client.heard()
        self.assertEqual(frames[-1], ["EOSE", "a"])

    def test_large_questions_cost_more(self) -> None:
        """One for every 500 values, so that none is had for the price of another."""
        client = self.relay(requests_per_minute=12)
        many = {"kinds": list(range(4_999))}
        self.assertEqual(client.send("REQ", "a", many), [["EOSE", "a"]])
        self.assertEqual(client.send("REQ", "b", many)[0][2][:13], "rate-limited:")
        self.assertEqual(client.send("REQ", "c", {"limit": 0}), [["EOSE", "c"]])

    def test_what_is_refused_unread_slows_down(self) -> None:
        """Its sender alone is not read for a second; nothing is lost."""
        client = self.relay(requests_per_minute=2)
        other = client.relay.visitor("198.51.100.7")
        self.assertEqual([client.send("HELLO")[0][0] for _ in range(3)], ["NOTICE"] * 3)
        self.assertEqual(client.send("CLOSE", "x") + client.send("HELLO"), [])
        self.assertEqual(other.send("HELLO")[0][0], "NOTICE")
        client.relay.time.advance(1)
        self.assertEqual([frame[0] for frame in client.heard()], ["NOTICE"])

    def test_counts_on_their_way(self) -> None:
        """Whoever has too many is read no further until some are answered."""
        client = self.narrowed(running=2)
        client.relay.delays = iter([1.0] * 100)
        for number in range(4):
            client.send("COUNT", str(number), {})
        self.assertEqual(len(client.beside_tasks), 2)
        for _ in range(20):
            client.relay.time.advance(1)
        self.assertEqual([frame[1] for frame in client.heard()], ["0", "1", "2", "3"])
