"""Relays that are found through others: bounded, and believed only once they were dialled."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.conversation import say
from tests.support.greeting import GreetedRelay, Stranger


class DiscoveryTests(SynchronousTestCase):
    """A relay that is told of others."""

    def setUp(self) -> None:
        """With a link to one that knows them."""
        self.relay = GreetedRelay()
        self.session, self.wire = Stranger().links(self.relay)
        self.discovery = self.relay.mesh.discovery

    def answer(self, *addresses: str) -> None:
        """The linked relay answers who it knows."""
        (asked,) = [said for said in self.wire.said() if said["type"] == "discovery"]
        relays = [{"id": f"relay-{number}", "address": address} for number, address in enumerate(addresses)]
        say(self.session, "discovery_response", id=asked["id"], relay_id="relay-b", relays=relays)

    def test_a_linked_relay_is_asked_whom_it_knows(self) -> None:
        """What it names is known, normalised, and nobody's name is believed."""
        self.answer("C:8090", "wss://d:443")
        self.assertEqual([peer.address for peer in self.discovery.found], ["ws://c:8090", "wss://d:443"])
        self.assertIsNone(self.relay.mesh.dialling.relay_id(self.discovery.found[0].id))

    def test_addresses_that_are_none_are_an_offence(self) -> None:
        """The rest is taken."""
        self.answer("http://c/", "c")
        self.assertEqual([peer.address for peer in self.discovery.found], ["ws://c:8090"])
        self.assertEqual(self.relay.mesh.books.standings.of("relay-b").offences, 1)

    def test_no_more_are_known_than_there_is_room_for(self) -> None:
        """Sixty-four, by whoever they are named."""
        self.answer(*(f"host-{number}" for number in range(200)))
        self.assertEqual(len(self.discovery.found), 64)

    def test_the_bucket_empties_and_fills_slowly(self) -> None:
        """A thousand at once, then one in ten seconds."""
        names = (f"host-{number}" for number in range(3000))
        for name in names:
            self.discovery.take([name])
            self.discovery._found.clear()
            if self.discovery._left < 1:
                break
        self.discovery.take([next(names)])
        self.assertEqual(self.discovery.found, ())
        self.relay.time.advance(11)
        self.discovery.take([next(names)])
        self.assertEqual(len(self.discovery.found), 1)

    def test_who_is_never_reached_goes(self) -> None:
        """After eight attempts, and makes room."""
        self.answer("c")
        (peer,) = self.discovery.found
        for attempts in range(1, 9):
            self.discovery.missed(peer.id, attempts)
        self.assertEqual(self.discovery.found, ())
