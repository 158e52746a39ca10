"""Two relays joined: what one of both lacks is found and exchanged, and what is new follows, without an echo."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.model import Limits
from sdkrelay.domain.measure import NOSTR_STREAMED
from sdkrelay.domain.nostr.event import Event
from tests.support.nostr_joined import Line, ids, stream, to_relay
from tests.support.nostr_relay import ALICE, BOB, CAROL, NostrRelay

EXEMPT = Limits(exempt=("192.0.2.0/24",))


class Pair(SynchronousTestCase):
    """Two relays on one clock; the first dials the second."""

    def join(self, direction: str = "both", wanted: str = "{}", **settings: Any) -> None:
        """Make both, and a stream that does not run yet; the settings are those of the relay that is dialled."""
        self.here = NostrRelay(EXEMPT)
        self.there = NostrRelay(EXEMPT, time=self.here.time, **settings)
        self.line = Line(to_relay(self.there))
        self.stream = stream(self.here, direction, wanted)
        self.addCleanup(self.end)

    def end(self) -> None:
        """End all three."""
        self.here.time.tasks.start("stopping", self.stream.stop())
        self.here.time.settle()
        self.here.close()
        self.there.close()

    def go(self) -> None:
        """Dial, and let both do what they have to."""
        if self.line.watch is None:
            self.stream.start(self.line)
        self.settle()

    def settle(self, seconds: float = 0) -> None:
        """Let time pass, and all that follows from it happen."""
        self.here.time.advance(seconds)
        self.here.time.settle(300)

    def put(self, relay: NostrRelay, *events: Event) -> None:
        """Publish events at a relay."""
        visitor = relay.visitor("192.0.2.9")
        for event in events:
            self.assertTrue(visitor.send("EVENT", event)[0][2], event)
        visitor.leave()
        self.settle()

    def assertSame(self) -> None:
        """Both relays hold the same."""
        self.assertEqual(ids(self.here), ids(self.there))


class BothWaysTests(Pair):
    """Reconciliation, then live."""

    def test_what_is_stored_is_exchanged(self) -> None:
        """Each side gets what it lacked, and only that."""
        self.join()
        common = ALICE.event(content="common")
        self.put(self.here, common, ALICE.event(content="here"))
        self.put(self.there, common, BOB.event(content="there"))
        self.go()
        self.assertSame()
        self.assertEqual((self.stream.exchange.tally.received, self.stream.exchange.tally.sent), (1, 1))
        self.assertEqual(self.line.wire.verbs().count("EVENT"), 1)

    def test_what_is_new_follows_at_once(self) -> None:
        """An event published at either is at the other without another comparison."""
        self.join()
        self.go()
        compared = self.line.wire.verbs().count("NEG-OPEN")
        self.put(self.here, ALICE.event(content="here"))
        self.put(self.there, BOB.event(content="there"))
        self.assertSame()
        self.assertEqual(len(ids(self.here)), 2)
        self.assertEqual(self.line.wire.verbs().count("NEG-OPEN"), compared)

    def test_nothing_is_echoed(self) -> None:
        """What came from there is not sent back."""
        self.join()
        self.go()
        self.put(self.there, BOB.event(content="there"))
        self.settle(600)
        self.assertNotIn("EVENT", self.line.wire.verbs())

    def counts(self, direction: str) -> tuple[int, int]:
        """How many events each side has in the end that had one in the beginning."""
        self.join(direction)
        self.put(self.here, ALICE.event(content="here"))
        self.put(self.there, BOB.event(content="there"))
        self.go()
        return len(ids(self.here)), len(ids(self.there))

    def test_up_takes_nothing(self) -> None:
        """Only the other relay has both."""
        self.assertEqual(self.counts("up"), (1, 2))

    def test_down_gives_nothing(self) -> None:
        """Only this relay has both."""
        self.assertEqual(self.counts("down"), (2, 1))

    def test_the_filter_decides(self) -> None:
        """What it does not match stays where it is, stored or new."""
        self.join(wanted='{"kinds": [7]}')
        self.put(self.here, ALICE.event(content="note"), ALICE.event(7, "+"))
        self.go()
        self.put(self.here, ALICE.event(content="later"), ALICE.event(7, "later"))
        self.assertEqual(len(ids(self.there)), 2)

    def test_after_a_cut_both_compare_again(self) -> None:
        """What happened while the line was down is exchanged once it is up."""
        self.join()
        self.go()
        self.line.wire.cut()
        self.put(self.here, ALICE.event(content="here"))
        self.put(self.there, BOB.event(content="there"))
        self.line.dial()
        self.settle()
        self.assertSame()
        self.assertEqual(len(ids(self.here)), 2)

    def test_now_and_then_they_compare(self) -> None:
        """An event that no side told is found by the next comparison."""
        self.join()
        self.go()
        before = self.line.wire.verbs().count("NEG-OPEN")
        self.settle(301)
        self.assertEqual(self.line.wire.verbs().count("NEG-OPEN"), before + 1)


class PrivacyTests(Pair):
    """What is not for others."""

    def test_private_protected_and_expired_events_stay(self) -> None:
        """Gift wraps, events of their author's only, and what has expired are never sent up, stored or new."""
        self.join("up")
        wrap = ALICE.event(1059, "sealed", (("p", BOB.pubkey),))
        brief = ALICE.event(content="brief", tags=(("expiration", "1700000010"),))
        visitor = self.here.visitor()
        visitor.prove(CAROL)
        self.assertTrue(visitor.send("EVENT", CAROL.event(content="mine", tags=(("-",),)))[0][2])
        self.put(self.here, wrap, brief)
        self.settle(20)
        self.go()
        visitor.send("EVENT", CAROL.event(content="mine too", tags=(("-",),)))
        self.put(self.here, ALICE.event(1059, "another", (("p", BOB.pubkey),)))
        self.assertNotIn("EVENT", self.line.wire.verbs())

    def test_its_challenge_is_answered(self) -> None:
        """A relay that takes and shows nothing without AUTH gets the identity key's signature, and is asked again."""
        self.join(auth_required=True)
        self.put(self.here, ALICE.event(content="here"))
        self.go()
        self.assertIn("AUTH", self.line.wire.verbs())
        self.assertEqual(self.stream.exchange.tally.sent, 1)


class ConvergenceTests(Pair):
    """What one side does not want."""

    def test_a_deletion_here_reaches_the_other(self) -> None:
        """An event that is deleted here is answered by its deletion, though that is not in the filter."""
        self.join(wanted='{"kinds": [1]}')
        event = ALICE.event(content="regretted")
        self.put(self.there, event)
        self.put(self.here, ALICE.event(5, tags=(("e", event.id),), at=1_700_000_001))
        self.go()
        self.assertSame()
        self.assertNotIn(event.id, ids(self.there))

    def test_a_deletion_there_reaches_us(self) -> None:
        """An event that is deleted there is refused, and its deletion fetched."""
        self.join(wanted='{"kinds": [1]}')
        event = ALICE.event(content="regretted")
        self.put(self.here, event)
        self.put(self.there, ALICE.event(5, tags=(("e", event.id),), at=1_700_000_001))
        self.go()
        self.assertSame()
        self.assertNotIn(event.id, ids(self.here))

    def test_no_round_repeats_what_was_refused(self) -> None:
        """What the rules here do not take is not asked for again."""
        self.join("down", work=0)
        self.here.parts.limits = self.here.parts.limits.__class__(content=3)
        self.put(self.there, BOB.event(content="too long"))
        self.go()
        asked = self.line.wire.verbs().count("REQ")
        self.settle(301)
        self.assertEqual(self.line.wire.verbs().count("REQ"), asked)
        self.assertEqual(self.here.world.meter.total(NOSTR_STREAMED, direction="down", outcome="invalid"), 1)

    def test_what_only_its_author_may_publish_is_asked_for_once(self) -> None:
        """A protected event of the other relay is not taken here, in no round (NIP-70)."""
        self.join("down")
        visitor = self.there.visitor()
        visitor.prove(CAROL)
        self.assertTrue(visitor.send("EVENT", CAROL.event(content="mine", tags=(("-",),)))[0][2])
        self.go()
        asked = self.line.wire.verbs().count("REQ")
        self.settle(301)
        self.assertEqual((ids(self.here), self.line.wire.verbs().count("REQ")), (set(), asked))

    def test_new_versions_replace_old_ones_everywhere(self) -> None:
        """Of a profile both keep the newest, whichever had it."""
        self.join()
        self.put(self.here, ALICE.event(0, "old"), BOB.event(0, "new", at=1_700_000_005))
        self.put(self.there, ALICE.event(0, "new", at=1_700_000_005), BOB.event(0, "old"))
        self.go()
        self.settle(301)
        self.assertSame()
        self.assertEqual(len(ids(self.here)), 2)


class PlainTests(Pair):
    """A relay that does not reconcile."""

    def test_all_is_asked_for_and_offered(self) -> None:
        """Both have everything in the end, page by page."""
        self.join(reconcile=False, max_limit=2, default_limit=2)
        self.put(self.here, *(ALICE.event(content=f"here {n}", at=1_699_990_000 + n) for n in range(5)))
        self.put(self.there, *(BOB.event(content=f"there {n}", at=1_699_990_000 + n) for n in range(7)))
        self.go()
        self.assertEqual(len(ids(self.here)), 12)
        self.assertEqual(self.stream.exchange.tally.sent, 5)

    def test_the_next_time_is_about_what_is_new(self) -> None:
        """The second time asks since the first, with an hour to spare."""
        self.join(reconcile=False)
        self.go()
        self.settle(301)
        since = [
            frame[2].get("since") for frame in self.line.wire.sent if frame[0] == "REQ" and "limit" not in frame[2]
        ]
        self.assertEqual(since, [None, 1_700_000_000 - 3_600])
