"""Relays that break the protocol, lie, or say nothing: none of it reaches the caller, and the backup takes over."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sdkrelay.client import NotConnected, RelayError, TimedOut

from .hostile import LiarFactory, news, polite
from .network import Network
from .stage import FIRST, ClientTestCase, block

#: What is no message, or none that a relay would send.
GARBAGE: list[Any] = [
    b"nonsense", b"[" * 5_000, b"[]", b'"type"', b'{"type": 5}', b"{}", b"\xff\xfe", b"binary", b"1e999",
    news("other-6"), news("abc"), news(7), news(None), news("abc-" + "9" * 30),
]  # fmt: skip


class HostileTests(ClientTestCase):
    """The first relay is a liar."""

    def liar(self, *more: Any, answers: Any = None) -> LiarFactory:
        """Let it answer like this; by default like a relay, with more after a subscription."""
        return LiarFactory(self.network, FIRST, answers or (lambda message: polite(message, *more)))

    def test_garbage_ends_the_conversation(self) -> None:
        """After anything that is no message, or a position of another log, the backup is turned to, and it is heard."""
        for garbage in GARBAGE:
            with self.subTest(garbage=garbage):
                self.setUp()
                self.liar(garbage)
                reader = self.reading(self.connected("ws://127.0.0.1:8190", failover=1.0))
                self.network.until(lambda reader=reader: reader.client.relay and "8190" in reader.client.relay.ws_url)
                self.second.tell(block(9))
                self.told(reader, 9)

    def test_repeated_and_earlier_positions_are_given_once(self) -> None:
        """What a relay tells twice, or under a position that was passed, is not given again."""
        self.liar(news("abc-6", 1), news("abc-6", 1), news("abc-7", 2), news("abc-3", 3), news("abc-7", 4))
        self.told(self.reading(self.connected()), 1, 2)

    def test_answers_to_nothing_are_left_alone(self) -> None:
        """An answer under an id that was never used answers no request and ends nothing."""
        self.liar(
            {"type": "pong", "id": "77"}, {"type": "error", "id": ["1"]}, {"type": "pong", "id": None}, news("abc-6")
        )
        self.told(self.reading(self.connected()), 1)

    def test_a_relay_that_never_answers(self) -> None:
        """A request ends with TimedOut, and a handshake with the next relay."""
        self.liar()
        client = self.connected()
        self.assertRaises(TimedOut, self.network.result, client.request("ping", within=3.0))
        self.setUp()
        self.liar(answers=lambda message: [])
        client = self.client()
        self.network.result(client.connect())
        self.assertIn("8190", str(client.relay))

    def test_a_relay_behind_which_nobody_is(self) -> None:
        """Where packets vanish, the backup's turn comes; alone, connecting ends in time with the reason."""
        self.network.silent.add(FIRST)
        client = self.client()
        self.network.result(client.connect())
        self.assertIn("8190", str(client.relay))
        with self.assertRaises(NotConnected) as caught:
            self.network.result(self.client(backups=()).connect(within=20.0))
        self.assertIn("no WebSocket within 15 seconds", str(caught.exception))

    def test_a_refusal_of_the_handshake_is_told(self) -> None:
        """Who is rejected learns why."""
        self.network.kill(FIRST)
        self.liar(
            answers=lambda one: [
                {"type": "handshake_response", "id": one["id"], "status": "rejected", "reason": "full"}
            ]
        )
        with self.assertRaisesRegex(NotConnected, "full"):
            self.network.result(self.client(backups=()).connect(within=5.0))

    def test_an_oversized_message_ends_the_conversation(self) -> None:
        """A frame over the limit is not read to its end."""
        self.liar(b"[" + b" " * 17_000_000 + b"]")
        client = self.connected("ws://127.0.0.1:8190", failover=1.0)
        self.network.until(lambda: client.relay and "8190" in client.relay.ws_url)

    def test_errors_of_any_shape_are_errors(self) -> None:
        """A refusal with fields missing or of other types is still a RelayError."""
        self.liar(
            answers=lambda one: polite(one) or [{"type": "error", "id": one["id"], "details": 5, "message": None}]
        )
        with self.assertRaisesRegex(RelayError, "UNKNOWN: no reason given"):
            self.network.result(self.connected().ping())

    def test_a_flood_is_held_back(self) -> None:
        """While nobody reads, reading pauses at the bound; nothing of it is lost."""
        self.liar(*(news(f"abc-{number}", number) for number in range(6, 506)))
        client = self.connected(most_waiting=20)
        self.network.run()
        pipe = self.network.pipes[FIRST][-1]
        self.assertFalse(pipe.reading)
        self.told(self.reading(client), *range(6, 506))

    def test_addresses_that_a_relay_names_are_checked(self) -> None:
        """Nonsense in a fallback is left out, and there is a most."""
        fallback = {
            "primary_relay": 5,
            "backup_relays": ["http://a:1", "ws://", "x", *(f"ws://h{n}:1" for n in range(50))],
        }
        greeting = {"type": "handshake_response", "status": "accepted", "fallback": fallback}
        self.liar(answers=lambda one: [{**greeting, "id": one["id"]}] if one["type"] == "handshake" else polite(one))
        client = self.connected()
        self.assertEqual(15, len([one for one in client._keeper.route.relays if one.ws_url.startswith("ws://h")]))


class RandomBytesTests(ClientTestCase):
    """Whatever bytes a relay sends."""

    @settings(deadline=None, max_examples=25)
    @given(st.lists(st.binary(max_size=60) | st.recursive(st.none() | st.text(max_size=5), st.lists, max_leaves=4)))
    def test_nothing_is_given_and_nothing_breaks(self, frames: list[Any]) -> None:
        """The caller is given nothing, and the client goes on."""
        self.network = Network()
        LiarFactory(self.network, FIRST, lambda message: polite(message, *frames))
        client = self.client(backups=())
        self.network.result(client.connect())
        reader = self.reading(client)
        self.network.advance(1)
        self.assertEqual([], reader.told)
        self.network.result(client.close())
