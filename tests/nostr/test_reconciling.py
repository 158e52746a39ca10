"""NEG-OPEN and what follows under pressure: names, bounds, idleness, and what happens while a set is being sealed."""

from __future__ import annotations

from itertools import repeat
from typing import Any

from attrs import evolve

from tests.support.nostr_relay import ALICE, BOB, Visitor

from .test_asking import NOW, AskingCase

ALL = "6100000200"


class NegentropyTests(AskingCase):
    """Three events."""

    def opened(self, **limits: Any) -> Visitor:
        """A client of a relay with these limits."""
        client = self.relay()
        parts = client.relay.parts
        parts.limits = evolve(parts.limits, **limits)
        self.publish(client, *(ALICE.event(content=str(number), at=NOW - number) for number in range(3)))
        return client

    def test_names(self) -> None:
        """Apart from those of subscriptions; opening again begins anew."""
        client = self.opened()
        client.send("REQ", "n", {})
        first = client.send("NEG-OPEN", "n", {}, ALL)
        self.publish(client, event := BOB.event())
        self.assertEqual(self.ids(client.heard(), "n"), [event.id])
        second = client.send("NEG-OPEN", "n", {}, ALL)
        self.assertEqual([event.id in frames[0][2] for frames in (first, second)], [False, True])

    def test_too_many_records(self) -> None:
        """The cap is the fourth element; up to it all is well."""
        client = self.opened(reconcile_records=3)
        self.assertEqual(client.send("NEG-OPEN", "n", {}, ALL)[0][0], "NEG-MSG")
        self.publish(client, BOB.event())
        expected = [["NEG-ERR", "n", "blocked: this query is too big", 3]]
        self.assertEqual(client.send("NEG-OPEN", "n", {}, ALL), expected)
        self.assertEqual(client.send("NEG-MSG", "n", ALL)[0][2][:7], "closed:")

    def test_too_many_of_one_connection(self) -> None:
        """Also while the sets of the first ones are not there yet."""
        client = self.opened(reconciliations=2)
        client.relay.delays = repeat(0.1)
        frames = [frame for name in "abc" for frame in client.send("NEG-OPEN", name, {}, ALL)]
        for _ in range(9):
            client.relay.time.advance(1)
        verbs = {frame[1]: frame[0] for frame in frames + client.heard()}
        self.assertEqual(verbs, {"a": "NEG-MSG", "b": "NEG-MSG", "c": "NEG-ERR"})

    def test_too_many_of_all(self) -> None:
        """What all connections hold together is bounded; who leaves makes room."""
        first = self.opened(reconcile_held=5)
        second = first.relay.visitor("198.51.100.7")
        self.assertEqual(first.send("NEG-OPEN", "n", {}, ALL)[0][0], "NEG-MSG")
        self.assertEqual(second.send("NEG-OPEN", "n", {}, ALL)[0][2][:6], "error:")
        first.leave()
        self.assertEqual(second.send("NEG-OPEN", "n", {}, ALL)[0][0], "NEG-MSG")

    def test_idleness(self) -> None:
        """Is the end of it, whoever asks next."""
        client = self.opened(reconcile_idle=10.0)
        client.send("NEG-OPEN", "n", {}, ALL)
        client.relay.time.advance(9)
        self.assertEqual(client.send("NEG-MSG", "n", ALL)[0][0], "NEG-MSG")
        client.relay.time.advance(10)
        self.assertEqual(client.send("NEG-MSG", "n", ALL)[0][2][:7], "closed:")
        self.assertEqual(len(client.relay.parts.means.held), 0)

    def test_closed_while_it_is_sealed(self) -> None:
        """Nothing is answered and nothing is kept."""
        client = self.opened()
        client.relay.delays = repeat(0.1)
        client.send("NEG-OPEN", "n", {}, ALL)
        client.send("NEG-CLOSE", "n")
        for _ in range(9):
            client.relay.time.advance(1)
        self.assertEqual((client.heard(), len(client.relay.parts.means.held)), ([], 0))

    def test_limits_and_expiry_hold_in_the_set(self) -> None:
        """A limit takes the newest; what has ended is left out."""
        client = self.opened()
        ending = BOB.event(tags=(("expiration", str(NOW + 5)),))
        self.publish(client, ending)
        newest = client.send("NEG-OPEN", "n", {"limit": 1, "authors": [ALICE.pubkey]}, ALL)[0][2]
        self.assertEqual(len(newest), len(client.send("NEG-OPEN", "n", {"ids": [ending.id]}, ALL)[0][2]))
        client.relay.time.advance(5)
        self.assertNotIn(ending.id, client.send("NEG-OPEN", "n", {}, ALL)[0][2])

    def test_what_a_search_finds_is_not_reconciled(self) -> None:
        """Said by NEG-ERR."""
        self.assertEqual(self.opened().send("NEG-OPEN", "n", {"search": "x"}, ALL)[0][2][:12], "unsupported:")

    def test_shutdown(self) -> None:
        """Subscriptions and reconciliations hear that the relay stops."""
        client = self.opened()
        client.send("REQ", "a", {})
        client.send("NEG-OPEN", "n", {}, ALL)
        client.conversation.farewell()
        told = [(frame[0], frame[1], frame[2][:6]) for frame in client.heard()]
        self.assertEqual(told, [("CLOSED", "a", "error:"), ("NEG-ERR", "n", "error:")])
