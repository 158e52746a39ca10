"""Who is dialled, when it is told that a relay is not reached, and which links two relays keep."""

from __future__ import annotations

from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.peer import Peer, peer_id
from sdkrelay.services.mesh.dialling import State
from sdkrelay.services.mesh.link import Links, Proven
from tests.support.conversation import say
from tests.support.greeting import GreetedRelay, Stranger
from tests.support.rostered import ListDialler

ADDRESS = "ws://b:8090"
PEER = Peer(id=peer_id(ADDRESS), address=ADDRESS, description="", added_at=0)


class DiallingTests(SynchronousTestCase):
    """One relay that knows another by its address."""

    def setUp(self) -> None:
        """It dials."""
        self.relay = GreetedRelay()
        self.mesh, self.dialler = self.relay.mesh, ListDialler()
        self.mesh.dialling.go(self.dialler)
        self.mesh.roster.add([PEER])
        self.line = self.dialler.lines[ADDRESS]

    def state(self) -> State:
        """How the other one stands."""
        return self.mesh.dialling.state(PEER.id)

    def link(self) -> None:
        """The line opens, and the other one proves what it should."""
        session, wire, _ = self.relay.dials()
        wire.sent.clear()
        self.session, greeter = session, self.mesh.greeter
        del greeter._begun[session.session_id]
        self.line.opens(session)
        (handshake,) = wire.said()
        say(session, "handshake_response", **Stranger().answers(handshake["relay"]))
        say(session, "relay_welcome", status="accepted")

    def test_a_greeted_relay_is_connected_and_not_dialled(self) -> None:
        """The pause is short again, and its name is known."""
        self.link()
        self.assertEqual((self.state(), self.line.resets, self.line.watch.wanted()), (State.CONNECTED, 1, False))
        self.assertEqual(self.mesh.dialling.relay_id(PEER.id), "relay-b")

    def test_a_relay_that_goes_is_dialled_soon(self) -> None:
        """And its standing says since when it is away."""
        self.link()
        self.relay.time.advance(5)
        self.session.ended()
        standing = self.mesh.dialling.standing(PEER.id)
        self.assertEqual((self.line.agains, self.line.watch.wanted()), (1, True))
        self.assertEqual(standing.away_since, self.relay.time.now())

    def test_a_failure_is_told_once_after_some_attempts(self) -> None:
        """Dialling goes on; from then on it is shown as disconnected."""
        states = []
        for _ in range(5):
            states.append(self.state())
            self.line.watch.failed("connection refused")
        self.assertEqual(states, [State.CONNECTING] * 3 + [State.DISCONNECTED] * 2)
        self.assertEqual(self.mesh.failures, [(PEER.id, 3)])
        self.assertEqual(self.mesh.dialling.standing(PEER.id).error, "connection refused")

    def test_a_removed_relay_is_hung_up_on(self) -> None:
        """And dialled no more."""
        self.link()
        self.mesh.roster.unwanted = frozenset({PEER.id})
        self.mesh.roster.add([])
        self.assertEqual((self.line.stopped, self.mesh.links.all()), (True, ()))

    def test_nothing_is_kept_of_who_is_forgotten(self) -> None:
        """The attempt that was under way still fails."""
        self.mesh.roster.add([])
        self.line.watch.failed("stopped")
        self.assertEqual((self.mesh.books.standings._known, self.mesh.failures), ({}, []))

    def test_found_relays_are_dialled_while_links_are_left(self) -> None:
        """The named one always."""
        other = Peer(id=peer_id("ws://c:8090"), address="ws://c:8090", description="", added_at=0)
        self.mesh.dialling._manners = type(self.mesh.dialling._manners)(lambda: 0, lambda: 3, _tell, _tell)
        self.mesh.dialling.follow([PEER], [other])
        self.assertEqual((self.line.watch.wanted(), self.dialler.lines[other.address].watch.wanted()), (True, False))

    def test_where_a_linked_relay_says_to_be_is_dialled(self) -> None:
        """However many links there are: it makes no other, and until then its address is told to nobody."""
        other = Peer(id=peer_id("ws://c:8090"), address="ws://c:8090", description="", added_at=0)
        self.mesh.dialling._manners = type(self.mesh.dialling._manners)(lambda: 0, lambda: 3, _tell, _tell)
        self.mesh.dialling.follow([PEER], [other])
        watch = self.dialler.lines[other.address].watch
        stranger = Stranger("relay-c")
        stranger.ours = replace(stranger.ours, address="c")
        self.assertEqual((watch.wanted(), self.mesh.dialling.verified(other.id)), (False, False))
        stranger.links(self.relay)
        self.assertTrue(watch.wanted())


class LinksTests(SynchronousTestCase):
    """Of two conversations with one relay, which one stays."""

    def admitted(self, ours: str, held: bool, new: bool, boot: str = "b") -> bool:
        """Whether a new conversation is kept; ``held`` and ``new`` say whether this relay dialled them."""
        relay = GreetedRelay()
        relay.mesh.links.relay_id = ours
        Stranger("m").links(relay)
        link = relay.mesh.links.all()[0]
        link._proven = Proven("m", b"", "b", None, True, held)
        links: Links = relay.mesh.links
        return links.admits(Proven("m", b"", boot, None, True, new))

    def test_the_lower_name_decides(self) -> None:
        """On both ends alike."""
        self.assertTrue(self.admitted("a", held=False, new=True))
        self.assertFalse(self.admitted("z", held=False, new=True))
        self.assertFalse(self.admitted("a", held=True, new=False))
        self.assertTrue(self.admitted("z", held=True, new=False))

    def test_of_the_same_side_the_newer_one_stays(self) -> None:
        """The older one is dead, whoever has not noticed."""
        self.assertTrue(self.admitted("a", held=True, new=True))
        self.assertTrue(self.admitted("a", held=True, new=False, boot="another run"))


def _tell(name: str, attempts: int) -> None:
    """Of no interest."""
