"""The greeting between relays, with those that are none: each is refused, counted and shown, and clients stay clients."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.schnorr import xonly
from sdkrelay.domain.chain import Network
from sdkrelay.services.mesh.proving import Dialled
from sdkrelay.session.session import REFUSED
from tests.support.conversation import ListWire, say
from tests.support.greeting import GreetedRelay, Stranger
from tests.support.stores import now

OTHER = b"another token than the mesh's, as long as it"


class AnsweringTests(SynchronousTestCase):
    """Whoever dials this relay."""

    def setUp(self) -> None:
        """A relay with a token."""
        self.relay = GreetedRelay()

    def assertRefused(self, wire: ListWire, words: str) -> None:
        """The conversation ends, nobody is linked, and the reason is shown."""
        self.assertEqual([code for code, _ in wire.closed], [REFUSED])
        self.assertEqual(self.relay.mesh.links.all(), ())
        self.assertIn(words, self.relay.reasons[0])

    def test_a_relay_with_token_and_key_is_linked(self) -> None:
        """It is welcomed, and what it can do is known."""
        _, wire = Stranger().links(self.relay)
        link = self.relay.mesh.links.get("relay-b")
        assert link is not None
        self.assertEqual(wire.said()[0]["status"], "accepted")
        self.assertEqual((link.reconciles, link.key, link.dialled), (True, xonly(b"\x08" * 32), False))
        self.assertEqual(self.relay.reasons, [])

    def test_another_token_is_refused(self) -> None:
        """After its proof, with a word."""
        _, wire = Stranger(token=OTHER).links(self.relay)
        self.assertEqual(wire.said()[0]["status"], "rejected")
        self.assertRefused(wire, "token")

    def test_another_network_is_refused(self) -> None:
        """And another first block, whatever the network is called."""
        _, wire, answer = Stranger(network=Network.SIGNET).greets(self.relay)
        self.assertEqual(answer["status"], "rejected")
        self.assertRefused(wire, "network")
        _, wire, _ = Stranger().greets(self.relay, genesis_hash="00" * 32)
        self.assertRefused(wire, "network")

    def test_the_name_of_another_relay_is_refused(self) -> None:
        """The first key of a name stays."""
        now(self.relay.mesh.books.pins.pin("relay-b", xonly(b"\x09" * 32)))
        _, wire, _ = Stranger().greets(self.relay)
        self.assertRefused(wire, "another key")

    def test_the_key_of_another_relay_is_refused(self) -> None:
        """Naming a key is not having it."""
        stranger = Stranger()
        session, wire, answer = stranger.greets(self.relay, key=xonly(b"\x09" * 32).hex())
        say(session, "relay_proof", **stranger.proof(answer["relay"]))
        self.assertRefused(wire, "not the key")

    def test_two_processes_of_one_name_and_key_do_not_take_turns(self) -> None:
        """The newer run takes the place of the older one, as after a restart; then the older one does not come back."""
        Stranger().links(self.relay)
        newer = Stranger()
        newer.ours = replace(newer.ours, boot_id="boot-c")
        newer.links(self.relay)
        Stranger().greets(self.relay)
        self.assertEqual([link.boot_id for link in self.relay.mesh.links.all()], ["boot-c"])
        self.assertIn("data_dir copied", self.relay.reasons[0])

    def test_ourselves_are_refused(self) -> None:
        """By our name, and by our key under another name."""
        for name, secret in (("relay-under-test", b"\x08" * 32), ("relay-b", b"\x07" * 32)):
            _, wire, _ = Stranger(name, secret).greets(self.relay)
            self.assertRefused(wire, "itself")

    def test_an_old_proof_is_refused(self) -> None:
        """It was made over another nonce of ours."""
        stranger = Stranger()
        session, _, answer = stranger.greets(self.relay)
        old = stranger.proof(answer["relay"])
        session.ended()
        session, wire, _ = stranger.greets(self.relay)
        say(session, "relay_proof", **old)
        self.assertRefused(wire, "token")

    def test_our_own_proof_is_refused(self) -> None:
        """It says whose it is."""
        session, wire, answer = Stranger(token=OTHER).greets(self.relay)
        say(session, "relay_proof", **{name: answer["relay"][name] for name in ("proof", "signature")})
        self.assertRefused(wire, "token")

    def test_our_nonce_sent_back_is_refused(self) -> None:
        """Nobody draws the same 32 bytes."""
        session, wire, greeting = self.relay.dials()
        stranger = Stranger()
        answer = stranger.answers(greeting)
        answer["relay"]["nonce"] = greeting["nonce"]
        say(session, "handshake_response", **answer)
        self.assertRefused(wire, "nonce")

    def test_a_slow_proof_is_refused(self) -> None:
        """The greeting has ten seconds."""
        stranger = Stranger()
        session, wire, answer = stranger.greets(self.relay)
        self.relay.time.advance(11)
        say(session, "relay_proof", **stranger.proof(answer["relay"]))
        self.assertRefused(wire, "too long")

    def test_one_that_goes_in_the_middle_is_counted(self) -> None:
        """And nothing of it is left."""
        session, _, _ = Stranger().greets(self.relay)
        session.ended()
        self.assertIn("ended in the middle", self.relay.reasons[0])
        self.assertEqual(self.relay.mesh.greeter._begun, {})

    def test_who_refuses_are_counted_once_each(self) -> None:
        """The same stranger again is the same line, with a higher count."""
        for _ in range(3):
            Stranger(token=OTHER).links(self.relay)
        (refused,) = self.relay.mesh.books.refusals.last()
        self.assertEqual((refused.count, refused.relay_id), (3, "relay-b"))

    def test_a_relay_without_a_token_takes_no_relays(self) -> None:
        """Whoever greets it is a client as ever."""
        relay = GreetedRelay(token=None)
        session, wire, answer = Stranger().greets(relay)
        say(session, "ping", id="p")
        self.assertEqual((answer["status"], "relay" in answer, wire.said()[0]["id"]), ("accepted", False, "p"))
        self.assertEqual((relay.mesh.links.all(), wire.closed), ((), []))


class ClientsTests(SynchronousTestCase):
    """What is for relays is for nobody else."""

    def codes(self, *messages: dict[str, Any]) -> list[str]:
        """How a client is refused."""
        session, wire = GreetedRelay().greeted()
        for message in messages:
            say(session, message["type"], **message)
        return [said["error_code"] for said in wire.said()]

    def test_answers_that_nobody_asked_for_are_refused(self) -> None:
        """A client is no relay that was dialled."""
        response = {"type": "handshake_response", "status": "accepted", "relay_id": "relay-b"}
        welcome = {"type": "relay_welcome", "status": "accepted"}
        self.assertEqual(self.codes(response, welcome), ["FORBIDDEN", "FORBIDDEN"])

    def test_a_proof_without_a_greeting_is_refused(self) -> None:
        """There is nothing that it could be made over."""
        proof = {"type": "relay_proof", "proof": "00" * 32, "signature": "00" * 64}
        self.assertEqual(self.codes(proof), ["FORBIDDEN"])

    def test_what_relays_say_is_refused(self) -> None:
        """Until the proof a relay is a client."""
        self.assertEqual(self.codes({"type": "pong", "relay_id": "relay-b"}), ["AUTH_REQUIRED"])


class DiallingTests(SynchronousTestCase):
    """Whoever this relay dials."""

    def setUp(self) -> None:
        """A relay that has dialled."""
        self.relay = GreetedRelay()
        self.session, self.wire, self.greeting = self.relay.dials()

    def assertHungUp(self, words: str) -> None:
        """There is no link, the line hears why, and it is shown."""
        ((refused, name),) = self.relay.outcomes
        self.assertEqual((self.wire.closed[0][0], name, self.relay.mesh.links.all()), (REFUSED, None, ()))
        self.assertIn(words, str(refused))
        self.assertIn(words, self.relay.reasons[0])

    def test_one_that_proves_and_welcomes_is_linked(self) -> None:
        """Our proof goes out only after its own has held."""
        say(self.session, "handshake_response", **Stranger().answers(self.greeting))
        self.assertEqual([message["type"] for message in self.wire.said()], ["relay_proof"])
        say(self.session, "relay_welcome", status="accepted")
        self.assertEqual(self.relay.outcomes, [(None, "relay-b")])
        self.assertEqual([link.dialled for link in self.relay.mesh.links.all()], [True])
        self.relay.time.advance(60)
        self.assertEqual(self.relay.reasons, [])

    def test_an_ordinary_relay_is_hung_up_on(self) -> None:
        """It has shown no token, and gets no proof of ours."""
        say(self.session, "handshake_response", status="accepted", relay_id="relay-b", capabilities=[])
        self.assertEqual(self.wire.said(), [])
        self.assertHungUp("no mesh token")

    def test_another_token_gets_no_proof(self) -> None:
        """It could be used to guess ours."""
        say(self.session, "handshake_response", **Stranger(token=OTHER).answers(self.greeting))
        self.assertEqual(self.wire.said(), [])
        self.assertHungUp("token is another")

    def test_silence_is_hung_up_on(self) -> None:
        """After ten seconds."""
        self.relay.time.advance(9)
        self.assertEqual(self.wire.closed, [])
        self.relay.time.advance(1)
        self.assertHungUp("too long")

    def test_a_lost_connection_is_a_failure(self) -> None:
        """In the middle of the greeting."""
        self.session.ended()
        self.assertIn("ended in the middle", str(self.relay.outcomes[0][0]))

    def test_a_welcome_before_the_proof_is_refused(self) -> None:
        """Nobody is taken for a relay who has proved nothing."""
        say(self.session, "relay_welcome", status="accepted")
        self.assertHungUp("another order")

    def test_a_worse_conversation_is_given_up(self) -> None:
        """The other one dialled too, and its name is the lower one: whoever was welcomed last, its conversation stays."""
        say(self.session, "handshake_response", **Stranger().answers(self.greeting))
        Stranger().links(self.relay)
        say(self.session, "relay_welcome", status="accepted")
        self.assertEqual([link.dialled for link in self.relay.mesh.links.all()], [False])
        self.assertEqual(self.relay.outcomes, [(None, "relay-b")])

    def test_a_second_answer_is_refused(self) -> None:
        """Even a good one."""
        say(self.session, "handshake_response", **Stranger().answers(self.greeting))
        say(self.session, "handshake_response", **Stranger().answers(self.greeting))
        self.assertHungUp("another order")

    def test_a_rejection_is_told_with_its_reason(self) -> None:
        """In the other side's words."""
        say(self.session, "handshake_response", status="rejected", relay_id="relay-b", reason="we are full")
        self.assertHungUp("we are full")


class SlowDisk:
    """A store that does not write before the test says so."""

    def __init__(self, relay: GreetedRelay) -> None:
        self.event = relay.time.tasks.event()
        relay.mesh.books.pins._store = self  # type: ignore[assignment]

    async def set_meta(self, name: str, value: str) -> None:
        """Wait."""
        await self.event.wait()


class CutTests(SynchronousTestCase):
    """A conversation that ends while the other's key is written down."""

    def setUp(self) -> None:
        """A relay with a slow disk."""
        self.relay = GreetedRelay()
        self.disk = SlowDisk(self.relay)

    def assertCut(self) -> None:
        """The disk is done: there is no link and was none, and the refusal is counted once."""
        self.disk.event.set()
        self.relay.time.settle()
        self.assertEqual((self.relay.mesh.links.all(), len(self.relay.reasons)), ((), 1))
        self.assertEqual(self.relay.mesh.greeter._begun, {})
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_one_that_was_dialled_goes(self) -> None:
        """The line hears of it once."""
        session, _, greeting = self.relay.dials()
        say(session, "handshake_response", **Stranger().answers(greeting))
        say(session, "relay_welcome", status="accepted")
        session.ended()
        self.assertCut()
        self.assertEqual(len(self.relay.outcomes), 1)

    def test_one_that_is_gone_before_the_greeting(self) -> None:
        """The line hears of it, and nothing waits for an answer."""
        session, _ = self.relay.session()
        session.ended()
        heard: list[Any] = []
        self.relay.mesh.greeter.begin(session, Dialled("ws://b:8090", False, lambda *how: heard.append(how)))
        self.assertCut()
        self.assertEqual((len(heard), self.relay.time.reactor.getDelayedCalls()), (1, []))

    def test_one_that_was_dialled_takes_too_long(self) -> None:
        """It is hung up on, and not linked afterwards."""
        session, wire, greeting = self.relay.dials()
        say(session, "handshake_response", **Stranger().answers(greeting))
        say(session, "relay_welcome", status="accepted")
        self.relay.time.advance(10)
        self.assertCut()
        self.assertEqual([code for code, _ in wire.closed], [REFUSED])

    def test_one_that_dialled_goes(self) -> None:
        """It is not told of as a relay that was connected."""
        session, _ = Stranger().links(self.relay)
        session.ended()
        self.assertCut()


class LinkedTests(SynchronousTestCase):
    """Relays that were taken, and misbehave."""

    def test_garbage_is_counted(self) -> None:
        """Each is an offence, and ten in a minute end the conversation."""
        relay = GreetedRelay()
        session, wire = Stranger().links(relay)
        standing = relay.mesh.books.standings.of("relay-b")
        for _ in range(10):
            session.receive(b"garbage")
        self.assertEqual(([code for code, _ in wire.closed], standing.offences), ([1002], 10))
        self.assertIn("no message", str(standing.offence))

    def test_relays_have_an_allowance_of_their_own(self) -> None:
        """That of clients does not hold for them."""
        relay = GreetedRelay(clients=60)
        session, wire = Stranger().links(relay)
        wire.said()
        for _ in range(200):
            say(session, "ping")
        self.assertEqual({said["type"] for said in wire.said()} - {"ping"}, {"pong"})

    def test_a_flood_ends_the_link_and_is_not_taken_back_at_once(self) -> None:
        """Beyond its allowance a relay is refused, and to blame."""
        relay = GreetedRelay(relays=60)
        session, _ = Stranger().links(relay)
        for _ in range(200):
            say(session, "ping")
        relay.time.settle()
        session.ended()
        standing = relay.mesh.books.standings.of("relay-b")
        self.assertEqual((relay.mesh.links.all(), standing.offences), ((), 20))
        self.assertTrue(relay.mesh.links.is_shunned("relay-b", relay.time.monotonic() + 59))
        self.assertFalse(relay.mesh.links.is_shunned("relay-b", relay.time.monotonic() + 61))
