"""A conversation that is encrypted from its handshake on, and what somebody in between may try."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.channel import SCHEME, Channel, client_channel, public_key
from sdkrelay.session.session import Session
from tests.support.conversation import ListWire, Relay, say
from tests.support.stores import ROOT, block_notice, now

CLIENT = bytes([9]) * 32
OFFER = {"scheme": SCHEME, "public_key": b64encode(public_key(CLIENT)).decode()}
KEYS = {"scan_private_key": "11" * 32, "spend_public_key": "02" + "22" * 32}


def agreed(answer: dict[str, Any]) -> Channel:
    """The client's end after this handshake response."""
    ours, identity = (b64decode(answer["encryption"][name]) for name in ("public_key", "identity_key"))
    return client_channel(CLIENT, ours, identity, answer["session_id"])


class EncryptedTests(SynchronousTestCase):
    """A session over an open connection from elsewhere, after a handshake with ``encryption``."""

    def setUp(self) -> None:
        """Keys are agreed."""
        self.relay = Relay()
        self.session, self.wire = self.relay.session(secure=False)
        self.channel = self.greet(self.session, self.wire)

    def greet(self, session: Session, wire: ListWire) -> Channel:
        """Shake hands; the client's end."""
        say(session, "handshake", capabilities=["notifications"], encryption=OFFER)
        (answer,) = wire.said()
        return agreed(answer)

    def frame(self, channel: Channel, kind: str, **fields: Any) -> bytes:
        """A message in its envelope."""
        iv, data = channel.seal(json.dumps({"type": kind, **fields}).encode())
        words = {"type": "encrypted_message", "encryption": "AES-256-GCM"}
        return json.dumps({**words, "iv": b64encode(iv).decode(), "data": b64encode(data).decode()}).encode()

    def say(self, kind: str, **fields: Any) -> None:
        """Let an encrypted message come in."""
        self.session.receive(self.frame(self.channel, kind, **fields))

    def heard(self) -> list[dict[str, Any]]:
        """What the relay said, opened."""
        said = self.wire.said()
        self.assertEqual({(each["type"], each["encryption"]) for each in said}, {("encrypted_message", "AES-256-GCM")})
        return [json.loads(self.channel.open(b64decode(each["iv"]), b64decode(each["data"]))) for each in said]

    def assert_cut(self, wire: ListWire | None = None) -> None:
        """The one refusal in clear, and 1008."""
        wire = wire or self.wire
        self.assertEqual([each["error_code"] for each in wire.said()], ["DECRYPTION_FAILED"])
        self.assertEqual([code for code, _ in wire.closed], [1008])

    def test_answers_and_refusals_are_encrypted(self) -> None:
        """So are errors about what was inside, and the conversation goes on."""
        self.say("ping", id="1")
        self.say("no_such_thing", id="2")
        self.say("subscribe", id="3")
        pong, unknown, invalid = self.heard()
        self.assertEqual((pong["type"], pong["id"]), ("pong", "1"))
        self.assertEqual((unknown["error_code"], unknown["id"]), ("UNKNOWN_TYPE", "2"))
        self.assertEqual((invalid["error_code"], invalid["id"]), ("VALIDATION_ERROR", "3"))

    def test_news_are_encrypted(self) -> None:
        """What all others hear in clear."""
        entries = now(self.relay.store.wallets.settle([], [block_notice(ROOT)]))
        now(self.relay.hub.publish(entries))
        (told,) = self.heard()
        self.assertEqual((told["type"], told["notification_type"]), ("notification", "block_disconnected"))

    def test_private_keys_are_taken(self) -> None:
        """The conversation is protected, though the connection is not."""
        self.say("register_wallet", **KEYS)
        self.assertEqual(self.heard()[0]["type"], "wallet_registered")

    def test_no_handshake_and_no_envelope_inside(self) -> None:
        """Both are refused, and the conversation goes on."""
        self.say("handshake", id="1")
        self.say("encrypted_message", id="2", iv="A" * 16, data="")
        self.say("ping")
        first, second, pong = self.heard()
        self.assertEqual([first["error_code"], second["error_code"]], ["VALIDATION_ERROR"] * 2)
        self.assertEqual(pong["type"], "pong")

    def test_messages_in_clear_end_it(self) -> None:
        """Anybody in between could have sent them; a ping and a second handshake are no exceptions."""
        for kind in ("ping", "handshake", "subscribe"):
            session, wire = self.relay.session(secure=False)
            self.greet(session, wire)
            say(session, kind)
            self.assert_cut(wire)

    def test_replays_end_it(self) -> None:
        """A frame that was seen before does not open again, and nothing after it is answered."""
        frame = self.frame(self.channel, "ping")
        self.session.receive(frame)
        self.heard()
        self.session.receive(frame)
        self.session.receive(self.frame(self.channel, "ping"))
        self.assert_cut()

    def test_reordered_messages_end_it(self) -> None:
        """The second cannot come first."""
        _, second = self.frame(self.channel, "ping"), self.frame(self.channel, "ping")
        self.session.receive(second)
        self.assert_cut()

    def test_frames_of_another_session_end_it(self) -> None:
        """Even of the same client with the same key."""
        session, wire = self.relay.session(secure=False)
        self.session.receive(self.frame(self.greet(session, wire), "ping"))
        self.assert_cut()

    def test_hostile_envelopes_end_it(self) -> None:
        """Whatever is wrong with one, the answer is the same and says nothing of why."""
        whole = json.loads(self.frame(self.channel, "ping"))
        for wrong in (
            {"data": "not base64"}, {"data": ""}, {"data": "A" * 900_000}, {"data": None}, {"data": "\u00e9"},
            {"iv": "AAAA"}, {"iv": "/" * 16}, {"iv": 7}, {"encryption": "none"}, {"type": "ping"}, {"type": None},
        ):  # fmt: skip
            session, wire = self.relay.session(secure=False)
            self.greet(session, wire)
            session.receive(json.dumps({**whole, **wrong}).encode())
            self.assert_cut(wire)

    def test_bytes_that_are_no_message_end_it(self) -> None:
        """Not JSON, not UTF-8, nested too deeply."""
        for frame in (b"", b"{", b"\xff", b'{"type":"encrypted_message","data":' + b"[" * 10_000, b"[]"):
            session, wire = self.relay.session(secure=False)
            self.greet(session, wire)
            session.receive(frame)
            self.assert_cut(wire)


class AgreementTests(SynchronousTestCase):
    """Handshakes that ask for encryption, or should have."""

    def setUp(self) -> None:
        """A relay with one session."""
        self.relay = Relay()
        self.session, self.wire = self.relay.session(secure=False)

    def test_the_answer_is_in_clear_and_shows_the_identity(self) -> None:
        """A client that knows the key can tell this relay from another; each conversation has a fresh second one."""
        say(self.session, "handshake", encryption=OFFER)
        first = self.wire.said()[0]["encryption"]
        session, wire = self.relay.session(secure=False)
        say(session, "handshake", encryption=OFFER)
        second = wire.said()[0]["encryption"]
        self.assertEqual(first["identity_key"], b64encode(public_key(bytes(range(1, 33)))).decode())
        self.assertEqual((first["scheme"], first["identity_key"]), (SCHEME, second["identity_key"]))
        self.assertNotEqual(first["public_key"], second["public_key"])

    def test_bad_offers_leave_the_conversation_closed(self) -> None:
        """Points of small order, other sizes, other schemes."""
        for offer in (
            {**OFFER, "public_key": b64encode(bytes(32)).decode()}, {**OFFER, "public_key": "AAAA"},
            {**OFFER, "public_key": "é" * 44}, {**OFFER, "scheme": "none"}, {"scheme": SCHEME}, "x",
        ):  # fmt: skip
            say(self.session, "handshake", encryption=offer)
            self.assertEqual(self.wire.said()[0]["error_code"], "VALIDATION_ERROR")
        self.assertFalse(self.session.greeted)

    def test_an_envelope_without_agreed_keys_closes(self) -> None:
        """DECRYPTION_FAILED, then 1008; before a handshake it is refused as everything is."""
        say(self.session, "encrypted_message", iv="A" * 16, data="")
        say(self.session, "handshake")
        say(self.session, "encrypted_message", iv="A" * 16, data="")
        codes = [each.get("error_code") for each in self.wire.said()]
        self.assertEqual(codes, ["HANDSHAKE_REQUIRED", None, "DECRYPTION_FAILED"])
        self.assertEqual([code for code, _ in self.wire.closed], [1008])

    def test_a_conversation_in_clear_can_become_encrypted(self) -> None:
        """By a second handshake."""
        say(self.session, "handshake")
        say(self.session, "handshake", encryption=OFFER)
        self.assertIsNotNone(agreed(self.wire.said()[1]))
        self.assertTrue(self.session.secure)
