"""Pings: what they measure, when a relay that answers none is cut, and when a link is doubted."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.services.mesh.link import Link
from tests.support.conversation import say
from tests.support.greeting import GreetedRelay, Stranger


class KeepingCase(SynchronousTestCase):
    """A relay with a link."""

    def setUp(self) -> None:
        """The other side has dialled; its name is the lower one."""
        self.relay = GreetedRelay()
        self.session, self.wire = Stranger("relay-0").links(self.relay)
        self.standing = self.link.standing

    @property
    def link(self) -> Link:
        """The only link."""
        (link,) = self.relay.mesh.links.all()
        return link

    def pings(self) -> list[dict[str, Any]]:
        """Those sent since this was asked last."""
        return [said for said in self.wire.said() if said["type"] == "ping"]

    def answer(self, kind: str = "pong", **fields: Any) -> None:
        """The other side answers the ping."""
        (ping,) = self.pings()
        say(self.session, kind, id=ping["id"], **fields)


class PingTests(KeepingCase):
    """What happens by itself."""

    def test_every_half_minute_one_goes_out(self) -> None:
        """The first at once."""
        self.answer()
        self.relay.time.advance(29)
        self.assertEqual(self.pings(), [])
        self.relay.time.advance(1)
        self.assertEqual(len(self.pings()), 1)

    def test_the_answer_is_measured(self) -> None:
        """As the way there and back, and when it came."""
        self.relay.time.advance(0.25)
        self.answer()
        self.assertEqual((self.standing.latency, self.standing.last_seen), (0.25, self.relay.time.now()))

    def test_a_refusal_is_an_answer_too(self) -> None:
        """The link stays, and nothing was measured."""
        for _ in range(4):
            self.answer("error", error_code="RATE_LIMITED")
            self.relay.time.advance(30)
        self.assertIsNone(self.standing.latency)
        self.assertFalse(self.link.ended)

    def test_who_answers_none_is_cut_after_a_minute(self) -> None:
        """Not a second before."""
        self.relay.time.advance(30)
        self.relay.time.advance(29)
        self.assertFalse(self.link.ended)
        self.relay.time.advance(1)
        self.assertEqual(self.relay.mesh.links.all(), ())
        self.assertIn("2 pings", self.wire.closed[0][1])

    def test_no_pings_go_out_after_the_end(self) -> None:
        """Nothing is left that runs."""
        self.answer()
        self.session.ended()
        self.relay.time.advance(60)
        self.assertEqual(self.pings(), [])


class DoubtTests(KeepingCase):
    """The other side has lost the link, which nobody could tell this one."""

    def setUp(self) -> None:
        """This relay's link is one that it has dialled itself, and that is dead since."""
        super().setUp()
        self.session.ended()
        self.session, self.wire, greeting = self.relay.dials()
        stranger = Stranger("relay-z")
        say(self.session, "handshake_response", **stranger.answers(greeting))
        say(self.session, "relay_welcome", status="accepted")
        self.answer()

    def dial(self) -> dict[str, Any]:
        """The other side dials as if there were no link; what it is told in the end."""
        _, wire = Stranger("relay-z").links(self.relay)
        return wire.said()[0]

    def test_a_dead_link_makes_room_at_once(self) -> None:
        """It does not take the minute of two pings."""
        self.assertEqual(self.dial()["status"], "connected")
        self.relay.time.advance(10)
        self.assertEqual(self.relay.mesh.links.all(), ())
        self.assertEqual(self.dial()["status"], "accepted")

    def test_a_link_that_answers_stays(self) -> None:
        """Both have dialled at the same time, that is all."""
        self.dial()
        self.dial()
        self.answer()
        self.relay.time.advance(10)
        self.assertFalse(self.link.ended)
