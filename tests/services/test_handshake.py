"""Opening a conversation and proving which wallets one has."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.services.handshake import CAPABILITIES
from tests.support.conversation import Relay, say


class HandshakeTests(SynchronousTestCase):
    """What the first answer says."""

    def setUp(self) -> None:
        """A relay that knows two wallets."""
        self.relay = Relay()
        self.relay.register("one", "two")
        self.session, self.wire = self.relay.session()

    def test_the_answer_says_who_we_are_and_what_is_offered(self) -> None:
        """All documented fields, and nothing offered that is not there."""
        say(self.session, "handshake", client_id="c", version="1.0.0", capabilities=["sync", "notifications", "health"])
        (answer,) = self.wire.said()
        for field in ("type", "status", "relay_id", "version", "server_version", "session_id", "timestamp", "position"):
            self.assertIn(field, answer)
        self.assertEqual(answer["capabilities"], list(CAPABILITIES))
        self.assertEqual((answer["status"], answer["subscriptions"]), ("accepted", ["notifications", "health", "sync"]))

    def test_tokens_in_the_handshake_are_taken_as_far_as_they_are_known(self) -> None:
        """The answer lists the wallets now held."""
        say(self.session, "handshake", wallet_tokens=["two", "unknown"], network="regtest")
        self.assertEqual(self.wire.said()[0]["wallet_ids"], ["two"])

    def test_tokens_can_be_given_later(self) -> None:
        """They add to what is held."""
        say(self.session, "handshake", wallet_tokens=["two"])
        say(self.session, "authenticate", wallet_tokens=["one"], id="a")
        answer = self.wire.said()[-1]
        self.assertEqual((answer["type"], answer["wallet_ids"], answer["id"]), ("authenticated", ["one", "two"], "a"))

    def test_an_unknown_token_is_refused_with_all_others(self) -> None:
        """Its place is named, the token is not repeated, and none of them is taken."""
        say(self.session, "handshake")
        say(self.session, "authenticate", wallet_tokens=["one", "guessed"])
        error = self.wire.said()[-1]
        self.assertEqual((error["error_code"], error["details"]["field"]), ("AUTH_REQUIRED", "wallet_tokens[1]"))
        self.assertNotIn("guessed", str(error))
        self.assertEqual(self.session.wallet_ids, frozenset())

    def test_a_handshake_may_be_repeated(self) -> None:
        """It adds subscriptions and wallets."""
        say(self.session, "handshake", capabilities=["silent_payments"])
        say(self.session, "handshake", capabilities=["notifications"], wallet_tokens=["one"])
        answer = self.wire.said()[-1]
        self.assertEqual(
            (answer["subscriptions"], answer["wallet_ids"]), (["notifications", "payments", "blocks"], ["one"])
        )
