"""Which other relays are known, and what this one says of itself."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.tuning import Fallback
from sdkrelay.domain.peer import normalised
from sdkrelay.domain.problem import Code, Problem
from sdkrelay.messages.rest.node import Connections
from sdkrelay.messages.rest.relays import AddRelay, GetRelay, GetRelays, RelayTraffic, RemoveRelay
from sdkrelay.services.mesh.link import Link, Proven
from sdkrelay.services.mesh.refusals import Reason, Refused
from tests.support.conversation import say
from tests.support.related import RelatedRelay
from tests.support.stores import now
from tests.support.tasks import EPOCH


class AddressTests(SynchronousTestCase):
    """How an address is written."""

    def test_one_relay_has_one_address(self) -> None:
        """Scheme, port and case are filled in; secure ones stay secure."""
        for written, address in (
            ("Relay2.Example.com", "ws://relay2.example.com:8090"),
            ("ws://relay2.example.com/", "ws://relay2.example.com:8090"),
            ("wss://relay2.example.com:443", "wss://relay2.example.com:443"),
            ("sdk_relay_1:8090", "ws://sdk_relay_1:8090"),
            ("[2001:DB8::1]:9", "ws://[2001:db8::1]:9"),
        ):
            self.assertEqual(normalised(written), address)

    def test_what_is_no_address_of_a_relay(self) -> None:
        """Credentials, paths, other schemes, ports out of range, line ends."""
        for written in (
            "", "ws://", "http://a:1", "ws://user:secret@a:1", "ws://a:1/path", "a:0", "a:65536", "a:99999", "a b", "a?x=1",
            "a\r\nHost: b", "ws://[::1", "ws://\u00e9:1",
        ):  # fmt: skip
            self.assertRaises(ValueError, normalised, written)


class KnownRelayTests(SynchronousTestCase):
    """Adding, listing, removing."""

    def setUp(self) -> None:
        """A relay that knows no other."""
        self.relay = RelatedRelay()

    def refused(self, code: Code, request: AddRelay | GetRelay | RemoveRelay) -> Problem:
        """The refusal of a request."""
        problem = self.assertRaises(Problem, self.relay.ask, request)
        self.assertEqual(problem.code, code)
        return problem

    def test_nothing_is_known_at_first(self) -> None:
        """The list is empty and all counts are zero."""
        answer = self.relay.ask(GetRelays())
        self.assertEqual((answer.relays, answer.total), ((), 0))
        self.assertEqual((answer.healthy, answer.warning, answer.critical), (0, 0, 0))

    def test_a_relay_is_added(self) -> None:
        """It was never heard: only what the operator said is known, all else is null, and it is not connected."""
        added = self.relay.ask(AddRelay(address="NewRelay.example.com", description="Nouveau relais"))
        (item,) = self.relay.ask(GetRelays()).relays
        self.assertEqual((added.relay_id, added.status), (None, "disconnected"))
        self.assertEqual((item.id, item.address), (added.id, "ws://newrelay.example.com:8090"))
        self.assertEqual((item.description, item.status, item.capabilities), ("Nouveau relais", "disconnected", ()))
        unknown = (item.relay_id, item.health, item.version, item.uptime, item.last_seen, item.connections)
        self.assertEqual(unknown, (None,) * 6)
        self.assertEqual(item.metrics, RelayTraffic(sync_requests=0, sync_responses=0, avg_latency=None))

    def test_it_is_known_after_a_restart(self) -> None:
        """And counted as known, not as connected."""
        added = self.relay.ask(AddRelay(address="a:1"))
        again = self.relay.again()
        self.assertEqual([peer.id for peer in again.peers], [added.id])
        self.assertEqual((again.mesh().known, again.mesh().connections), (1, 0))

    def test_an_address_is_added_once(self) -> None:
        """However it is written; the conflict names the one that is there."""
        added = self.relay.ask(AddRelay(address="a:8090"))
        self.assertEqual(self.refused(Code.CONFLICT, AddRelay(address="ws://A")).details["id"], added.id)

    def test_bad_addresses_are_refused(self) -> None:
        """The error does not repeat what may be credentials."""
        problem = self.refused(Code.VALIDATION_ERROR, AddRelay(address="ws://user:hunter2@a:1"))
        self.assertNotIn("hunter2", f"{problem} {problem.details}")

    def test_too_many_are_refused(self) -> None:
        """A bound is a bound."""
        self.relay = RelatedRelay(most=2)
        for name in ("a", "b"):
            self.relay.ask(AddRelay(address=name))
        self.refused(Code.LIMIT_EXCEEDED, AddRelay(address="c"))

    def test_who_was_refused_is_for_those_who_have_a_role(self) -> None:
        """They are shown with their addresses, and may be anybody."""
        self.relay.rostered.books.refusals.note(Refused(Reason.TOKEN), "192.0.2.7", "x")
        self.assertEqual([each.address for each in self.relay.ask(GetRelays()).refused], ["192.0.2.7"])
        session, _ = self.relay.greeted()
        self.assertEqual(now(self.relay.dispatch.answer(GetRelays(), session)).refused, ())

    def test_lists_are_filtered_and_cut(self) -> None:
        """By connection or health; the total is of all that match."""
        for name in ("a", "b", "c"):
            self.relay.ask(AddRelay(address=name))
        some = self.relay.ask(GetRelays(status="disconnected", limit=2))
        self.assertEqual((len(some.relays), some.total), (2, 3))
        for word in ("connected", "connecting", "healthy", "critical"):
            self.assertEqual(self.relay.ask(GetRelays(status=word)).total, 0)

    def test_a_relay_is_removed_for_good(self) -> None:
        """Once."""
        added = self.relay.ask(AddRelay(address="a"))
        removed = self.relay.ask(RemoveRelay(relay_id=added.id))
        self.assertEqual((removed.status, removed.relay_id), ("removed", added.id))
        self.assertEqual((self.relay.relays.peers, self.relay.again().peers), ((), ()))
        self.refused(Code.NOT_FOUND, RemoveRelay(relay_id=added.id))

    def test_the_key_of_a_relay_that_lost_its_own_is_forgotten(self) -> None:
        """It is not known, for it is refused; then it may come with another one, and there is nothing more to forget."""
        pins = self.relay.rostered.books.pins
        now(pins.pin("relay-b", b"k" * 32))
        self.assertEqual(self.relay.ask(RemoveRelay(relay_id="relay-b")).relay_id, "relay-b")
        self.assertTrue(now(pins.pin("relay-b", b"n" * 32)))
        now(pins.forget("relay-b"))
        self.refused(Code.NOT_FOUND, RemoveRelay(relay_id="relay-b"))

    def test_one_relay_is_shown(self) -> None:
        """What it says of itself is null while it said nothing."""
        added = self.relay.ask(AddRelay(address="a"))
        shown = self.relay.ask(GetRelay(relay_id=added.id))
        self.assertEqual((shown.connection, shown.status, shown.configuration), ("disconnected", None, None))
        self.assertEqual((shown.metrics.error_count, shown.metrics.success_rate), (0, None))
        self.refused(Code.NOT_FOUND, GetRelay(relay_id="nobody"))

    def test_an_address_that_nobody_dialled_is_not_passed_on(self) -> None:
        """A linked relay may say that it is anywhere; its address is shown, and told once it was greeted there."""
        mesh, address = self.relay.rostered, "ws://elsewhere:8090"
        proven = Proven("relay-b", bytes(32), "boot-b", address, True, False)
        session, _ = self.relay.greeted()
        mesh.links.join(Link(proven, session, mesh.books.standings.of("relay-b"), self.relay.time.tasks), session)
        shown = {item.address for item in self.relay.ask(GetRelays()).relays}
        asking, heard = self.relay.greeted()
        say(asking, "discovery")
        self.assertEqual((shown, heard.said()[0]["relays"]), ({address}, []))

    def test_discovery_lists_them(self) -> None:
        """With the relay's own name, and whom to turn to if that is set."""
        added = self.relay.ask(AddRelay(address="a"))
        session, wire = self.relay.greeted()
        say(session, "discovery", id="d")
        self.relay.fallback = Fallback(primary_relay="relay-2")
        say(session, "discovery")
        first, second = wire.said()
        self.assertEqual(first["relays"], [{"id": added.id, "address": "ws://a:8090", "capabilities": []}])
        self.assertEqual((first["relay_id"], first["id"], "fallback" in first), ("relay-under-test", "d", False))
        self.assertEqual(second["fallback"]["primary_relay"], "relay-2")


class ItselfTests(SynchronousTestCase):
    """This relay under its own name."""

    def test_it_shows_its_own_condition(self) -> None:
        """As it is now: the node goes away, clients come, and it shows."""
        relay = RelatedRelay()
        own = GetRelay(relay_id="relay-under-test")
        before = relay.ask(own)
        relay.chain.away, relay.connected = "it is gone", Connections(websocket=3, http=0)
        relay.time.advance(7)
        after = relay.ask(own)
        self.assertEqual((before.health, after.health), ("healthy", "warning"))
        self.assertEqual((before.status.bitcoin_connected, after.status.bitcoin_connected), (True, False))
        self.assertEqual((before.connections, after.connections), (0, 3))
        self.assertEqual((before.uptime, after.uptime, after.last_seen), (0, 7, int(EPOCH) + 7))
        self.assertEqual((after.connection, after.configuration.sync_interval), ("self", 30))

    def test_its_metrics_count_what_was_asked(self) -> None:
        """Nothing at first; then each sync message."""
        relay = RelatedRelay()
        own = GetRelay(relay_id="relay-under-test")
        self.assertIsNone(relay.ask(own).metrics.success_rate)
        session, _ = relay.greeted()
        say(session, "sync", sync_type="StateSync")
        metrics = relay.ask(own).metrics
        self.assertEqual((metrics.sync_requests, metrics.sync_responses, metrics.success_rate), (1, 1, 100.0))
