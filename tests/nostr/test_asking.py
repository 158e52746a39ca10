"""REQ, COUNT, CLOSE, AUTH and who is shown what: stored events, EOSE, live ones, without a gap and once each."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.nostr.event import Event
from tests.support.nostr_relay import ALICE, BOB, CAROL, URL, NostrRelay, Visitor

NOW = 1_700_000_000


class AskingCase(SynchronousTestCase):
    """A relay and clients."""

    def relay(self, **settings: Any) -> Visitor:
        """A client of a relay with these settings."""
        relay = NostrRelay(key_events_per_minute=10_000, events_per_minute=10_000, **settings)
        self.addCleanup(relay.close)
        return relay.visitor()

    def publish(self, client: Visitor, *events: Event) -> None:
        """All of them, taken."""
        for event in events:
            [answer] = client.relay.visitor("203.0.113.9").send("EVENT", event)
            self.assertTrue(answer[2], answer)

    def ids(self, frames: list[Any], name: str) -> list[str]:
        """The events sent for a subscription, as the frames come."""
        return [frame[2]["id"] for frame in frames if frame[:2] == ["EVENT", name]]


class SubscriptionTests(AskingCase):
    """REQ and CLOSE."""

    def test_stored_then_live(self) -> None:
        """The newest first, by id within a second, each once; EOSE; then what is published."""
        client = self.relay()
        events = [ALICE.event(content=str(number), at=NOW - number % 3) for number in range(6)]
        self.publish(client, *events)
        frames = client.send("REQ", "a", {"kinds": [1]}, {"authors": [ALICE.pubkey]})
        expected = [event.id for event in sorted(events, key=lambda event: (-event.created_at, event.id))]
        self.assertEqual(self.ids(frames, "a"), expected)
        self.assertEqual(frames[-1], ["EOSE", "a"])
        self.publish(client, fresh := BOB.event())
        self.assertEqual(client.heard(), [["EVENT", "a", json.loads(fresh.encoded())]])

    def test_limits_of_filters(self) -> None:
        """Each has its own; 0 gives nothing stored; none has more than the most; what is left out by default too."""
        client = self.relay(default_limit=3, max_limit=4)
        self.publish(client, *(ALICE.event(content=str(number), at=NOW - number) for number in range(6)))
        for members, count in (({"limit": 2}, 2), ({"limit": 0}, 0), ({}, 3), ({"limit": 100}, 4)):
            self.assertEqual(len(self.ids(client.send("REQ", "a", members), "a")), count, members)

    def test_another_req_of_the_name_replaces_the_first(self) -> None:
        """At once: nothing more for the old filters."""
        client = self.relay()
        client.send("REQ", "a", {"kinds": [1]})
        client.send("REQ", "a", {"kinds": [7]})
        self.publish(client, ALICE.event(1), ALICE.event(7))
        self.assertEqual([frame[2]["kind"] for frame in client.heard()], [7])

    def test_close_is_silent(self) -> None:
        """And can be said again; the name can be used again."""
        client = self.relay()
        client.send("REQ", "a", {})
        self.assertEqual(client.send("CLOSE", "a") + client.send("CLOSE", "a") + client.send("CLOSE", "never"), [])
        self.publish(client, ALICE.event())
        self.assertEqual(client.heard(), [])
        self.assertEqual(client.send("REQ", "a", {"kinds": [7]}), [["EOSE", "a"]])

    def test_what_is_asked_wrongly_is_closed(self) -> None:
        """With the reason's word, and without EOSE."""
        client = self.relay(filters=2)
        wrong: list[tuple[list[Any], str]] = [
            (["a"], "invalid:"),
            (["", {}], "invalid:"),
            (["x" * 65, {}], "invalid:"),
            (["a", {"ids": ["ab"]}], "invalid:"),
            (["a", {"kinds": ["1"]}], "invalid:"),
            (["a", {"since": -1}], "invalid:"),
            (["a", {"colour": "red"}], "unsupported:"),
            (["a", {"#foo": ["x"]}], "unsupported:"),
            (["a", {}, {}, {}], "invalid:"),
        ]
        for parts, word in wrong:
            [[verb, name, reason]] = client.send("REQ", *parts)
            self.assertEqual((verb, name), ("CLOSED", parts[0]))
            self.assertTrue(reason.startswith(word), reason)

    def test_too_many_subscriptions(self) -> None:
        """The third of two is closed; one that replaces another is not too many."""
        client = self.relay(subscriptions=2)
        for name in ("a", "b", "a"):
            self.assertEqual(client.send("REQ", name, {}), [["EOSE", name]])
        [[verb, name, _]] = client.send("REQ", "c", {})
        self.assertEqual((verb, name), ("CLOSED", "c"))

    def test_closed_is_the_end_of_the_name(self) -> None:
        """Whatever the reason was: the older subscription of the name is told nothing more, and the name can be used again."""
        client = self.relay(filters=1)
        for refused in ([{"kinds": ["x"]}], [{}, {}], []):
            client.send("REQ", "a", {"kinds": [1]})
            self.assertEqual(client.send("REQ", "a", *refused)[0][0], "CLOSED")
            self.publish(client, ALICE.event(content=str(refused)))
            self.assertEqual(client.heard(), [])
        self.assertEqual(client.send("REQ", "a", {"limit": 0}), [["EOSE", "a"]])

    def test_an_empty_list_matches_nothing(self) -> None:
        """Neither stored nor live."""
        client = self.relay()
        self.publish(client, ALICE.event())
        self.assertEqual(client.send("REQ", "a", {"kinds": []}), [["EOSE", "a"]])
        self.publish(client, ALICE.event(content="2"))
        self.assertEqual(client.heard(), [])

    def test_hints(self) -> None:
        """Where they are switched on EOSE says whether all was sent."""
        client = self.relay(hints=True, max_limit=2)
        self.publish(client, *(ALICE.event(content=str(number), at=NOW - number) for number in range(3)))
        self.assertEqual(client.send("REQ", "a", {})[-1], ["EOSE", "a", ["more"]])
        self.assertEqual(client.send("REQ", "a", {"since": NOW})[-1], ["EOSE", "a", ["finish"]])

    def test_ephemeral(self) -> None:
        """Told at once, never stored, never old."""
        client = self.relay()
        client.send("REQ", "a", {})
        self.publish(client, event := ALICE.event(20_001))
        self.assertEqual(self.ids(client.heard(), "a"), [event.id])
        self.assertEqual(client.send("REQ", "b", {}), [["EOSE", "b"]])
        [answer] = client.send("EVENT", ALICE.event(20_001, at=NOW - 61))
        self.assertFalse(answer[2])

    def test_expired_events_are_not_served(self) -> None:
        """From the second on at which they end; who listened had them."""
        client = self.relay()
        client.send("REQ", "a", {})
        self.publish(client, event := ALICE.event(tags=(("expiration", str(NOW + 10)),)))
        self.assertEqual(self.ids(client.heard(), "a"), [event.id])
        client.relay.time.advance(10)
        self.assertEqual(client.send("REQ", "b", {}), [["EOSE", "b"]])
        self.assertEqual(client.send("COUNT", "c", {}), [["COUNT", "c", {"count": 0}]])

    def test_what_is_published_while_stored_events_are_sent(self) -> None:
        """Follows after EOSE, once."""
        client = self.relay()
        stored = [ALICE.event(content=str(number), at=NOW - number) for number in range(250)]
        self.publish(client, *stored)
        client.full = True
        frames = client.send("REQ", "a", {})
        self.publish(client, fresh := BOB.event())
        client.full = False
        client.relay.time.advance(2)
        frames += client.heard()
        self.assertEqual(self.ids(frames, "a"), [event.id for event in stored] + [fresh.id])
        self.assertEqual(frames[-2], ["EOSE", "a"])

    def test_too_much_published_meanwhile(self) -> None:
        """The subscription is closed with the reason, and nothing is left out in silence."""
        client = self.relay()
        client.relay.parts.limits = client.relay.parts.limits.__class__(early=2)
        self.publish(client, *(ALICE.event(content=str(number), at=NOW - number) for number in range(150)))
        client.full = True
        client.send("REQ", "a", {})
        self.publish(client, *(BOB.event(content=str(number)) for number in range(3)))
        client.full = False
        client.relay.time.advance(2)
        self.assertEqual(client.heard()[-1][:2], ["CLOSED", "a"])

    def test_leaving_cancels(self) -> None:
        """A query that runs, and all subscriptions, end with the connection."""
        client = self.relay()
        self.publish(client, *(ALICE.event(content=str(number), at=NOW - number) for number in range(150)))
        client.full = True
        client.send("REQ", "a", {})
        client.leave()
        self.assertEqual(len(client.relay.parts.live.index), 0)

    def test_scrapers(self) -> None:
        """Where the policy is on, a filter that asks for too much is closed with its score."""
        client = self.relay(scraper_score=2)
        [[verb, _, reason]] = client.send("REQ", "a", {"kinds": [1]})
        self.assertEqual((verb, reason.startswith("restricted: "), "score 1" in reason), ("CLOSED", True, True))
        for members in ({"ids": ["ab" * 32]}, {"kinds": [1], "authors": ["ab" * 32]}):
            self.assertEqual(client.send("REQ", "a", members), [["EOSE", "a"]])


class PrivacyTests(AskingCase):
    """AUTH, and what is shown to whom it is for only."""

    def wrap(self) -> Event:
        """A gift wrap for Alice."""
        return CAROL.event(1059, "sealed", (("p", ALICE.pubkey),))

    def test_gift_wraps(self) -> None:
        """Only to whom they are for: stored, live, counted, reconciled, by id or mixed with others."""
        client, event = self.relay(), self.wrap()
        self.publish(client, event, note := BOB.event())
        asked = {"ids": [event.id]}
        self.assertEqual(client.send("REQ", "a", asked), [["EOSE", "a"]])
        self.assertEqual(client.send("COUNT", "c", asked), [["COUNT", "c", {"count": 0}]])
        self.assertEqual(self.ids(client.send("REQ", "b", {"kinds": [1059, 1]}), "b"), [note.id])
        client.prove(BOB)
        self.assertEqual(client.send("REQ", "a", asked), [["EOSE", "a"]])
        client.prove(ALICE)
        self.assertEqual(self.ids(client.send("REQ", "a", asked), "a"), [event.id])
        self.assertEqual(client.send("COUNT", "c", asked), [["COUNT", "c", {"count": 1}]])

    def test_live_gift_wraps(self) -> None:
        """Told to their recipient only."""
        client = self.relay()
        recipient = client.relay.visitor()
        recipient.prove(ALICE)
        for one in (client, recipient):
            one.send("REQ", "a", {})
        self.publish(client, event := self.wrap())
        self.assertEqual((client.heard(), self.ids(recipient.heard(), "a")), ([], [event.id]))

    def test_filters_for_gift_wraps_alone(self) -> None:
        """Are closed for who has proved nothing, and for who asks for those of others."""
        client = self.relay()
        for verb in ("REQ", "COUNT"):
            [[closed, _, reason]] = client.send(verb, "a", {"kinds": [1059]})
            self.assertEqual((closed, reason.startswith("auth-required: ")), ("CLOSED", True))
        client.prove(BOB)
        [[_, _, reason]] = client.send("REQ", "a", {"kinds": [1059], "#p": [ALICE.pubkey]})
        self.assertTrue(reason.startswith("restricted: "))

    def test_auth_is_checked(self) -> None:
        """Kind, time, challenge, relay and signature; what is wrong gets OK false and proves nothing."""
        client = self.relay()
        client.send("CLOSE", "x")
        good = (("relay", URL + "/"), ("challenge", client.challenges[0]))
        wrong = [
            ALICE.event(1, tags=good),
            ALICE.event(22242, tags=good, at=NOW - 601),
            ALICE.event(22242, tags=(good[0], ("challenge", "other"))),
            ALICE.event(22242, tags=(("relay", "wss://other.example"), good[1])),
        ]
        for event in wrong:
            self.assertEqual(client.send("AUTH", event)[0][:3], ["OK", event.id, False])
        event = ALICE.event(22242, tags=good)
        self.assertEqual(client.send("AUTH", event), [["OK", event.id, True, ""]])

    def test_auth_required(self) -> None:
        """Where the settings say so nothing is taken or shown without."""
        client = self.relay(auth_required=True)
        event = ALICE.event()
        self.assertTrue(client.send("EVENT", event)[0][3].startswith("auth-required: "))
        for verb in ("REQ", "COUNT"):
            self.assertTrue(client.send(verb, "a", {})[0][2].startswith("auth-required: "))
        [refused] = client.send("NEG-OPEN", "n", {}, "61")
        self.assertEqual((refused[0], refused[2].startswith("auth-required: ")), ("NEG-ERR", True))
        client.prove(BOB)
        self.assertEqual(client.send("EVENT", event)[0][2], True)


class CountTests(AskingCase):
    """COUNT, search, and reconciliation."""

    def test_count(self) -> None:
        """Distinct events of all filters, with registers for one filter of one tag."""
        client = self.relay()
        self.publish(client, *(ALICE.event(7, str(number), (("e", "ab" * 32),)) for number in range(3)))
        self.assertEqual(client.send("COUNT", "c", {"kinds": [7]}, {}), [["COUNT", "c", {"count": 3}]])
        [[_, _, figures]] = client.send("COUNT", "c", {"#e": ["ab" * 32]})
        self.assertEqual((figures["count"], len(figures["hll"])), (3, 512))

    def test_search(self) -> None:
        """Finds words; live events match too."""
        client = self.relay()
        self.publish(client, event := ALICE.event(content="Silent payments"), ALICE.event(content="other"))
        self.assertEqual(self.ids(client.send("REQ", "s", {"search": "silent language:en"}), "s"), [event.id])
        self.publish(client, fresh := BOB.event(content="a silent one"), BOB.event(content="loud"))
        self.assertEqual(self.ids(client.heard(), "s"), [fresh.id])

    def test_what_is_off_is_unsupported(self) -> None:
        """And not named in the relay's description."""
        client = self.relay(search=False, count=False, reconcile=False)
        self.assertTrue(client.send("REQ", "s", {"search": "x"})[0][2].startswith("unsupported: "))
        self.assertTrue(client.send("COUNT", "s", {})[0][2].startswith("unsupported: "))
        self.assertTrue(client.send("NEG-OPEN", "s", {}, "61")[0][2].startswith("unsupported: "))

    def test_reconciling(self) -> None:
        """The ids of both sides are compared; names are their own; what is not open is an error."""
        client = self.relay()
        self.publish(client, event := ALICE.event())
        [[verb, name, message]] = client.send("NEG-OPEN", "n", {}, "6100000200")
        self.assertEqual((verb, name, event.id in message), ("NEG-MSG", "n", True))
        self.assertEqual(client.send("NEG-CLOSE", "n"), [])
        [[verb, _, reason]] = client.send("NEG-MSG", "n", "6100000200")
        self.assertEqual((verb, reason.startswith("closed: ")), ("NEG-ERR", True))

    def test_hostile_reconciling(self) -> None:
        """Another version is answered with ours, nonsense with an error."""
        client = self.relay()
        self.assertEqual(client.send("NEG-OPEN", "n", {}, "62ff"), [["NEG-MSG", "n", "61"]])
        for message in ("61ff", "6100000263", "zz", ""):
            [answer] = client.send("NEG-OPEN", "n", {}, message)
            self.assertEqual(answer[:2], ["NEG-ERR", "n"], message)

    def test_too_many_requests(self) -> None:
        """Each kind of question is refused in its own way."""
        client = self.relay(requests_per_minute=1)
        client.send("REQ", "a", {})
        for verb, rest, answer in (
            ("REQ", [{}], "CLOSED"),
            ("COUNT", [{}], "CLOSED"),
            ("NEG-OPEN", [{}, "61"], "NEG-ERR"),
        ):
            [[told, _, reason]] = client.send(verb, "b", *rest)
            self.assertEqual((told, reason.startswith("rate-limited: ")), (answer, True))
