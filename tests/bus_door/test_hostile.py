"""Whoever means harm: garbage, bombs, floods, silence; and nobody else is worse off for it."""

from __future__ import annotations

import json
import zlib
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.measure import BUS_COMMANDS
from sdkrelay.io.bus.door import BusLimits
from sdkrelay.io.net.turn import TURN_SECONDS, Turn
from sdkrelay.session.outbox import Patience
from tests.support.bus import MemoryBus, Xcraft, packed

MEGABYTE = 1_000_000


def frame(*arguments: bytes) -> bytes:
    """A frame of packed arguments."""
    sizes = b"".join(len(argument).to_bytes(4, "big") + argument for argument in arguments)
    return bytes([0x20 | len(arguments)]) + b"AXON" + sizes


class GarbageTests(SynchronousTestCase):
    """Bytes that are no commands."""

    def setUp(self) -> None:
        """A bus with a client that has done nothing wrong."""
        self.bus = MemoryBus(BusLimits(frame_bytes=10_000))
        self.good = self.bus.client().welcomed()

    def assertCut(self, *payloads: bytes) -> None:
        """Each of these ends the connection it came on, and no other."""
        for payload in payloads:
            mouth = self.bus.mouth()
            mouth.send(payload)
            self.assertFalse(mouth.transport.connected, payload[:40])
        self.assertEqual(self.good.call("relay.ping").data["type"], "pong")

    def test_what_is_no_frame_is_cut(self) -> None:
        """Other protocols, other versions, other magic, no arguments."""
        self.assertCut(
            b"GET / HTTP/1.1\r\n\r\n",
            packed(b"\x12AXON" + bytes(40)),
            packed(b"\x22NOXA" + bytes(40)),
            packed(b"\x20AXON"),
            frame(b"s:autoconnect", b"j:{}"),
        )

    def test_what_is_no_command_is_cut(self) -> None:
        """A name that is none, an envelope that is null, missing, no object, or of other types."""
        envelope = b'j:{"id":"1","token":"x","orcName":"a@b"}'
        deep = b'j:{"id":"1","data":' + b"[" * 4000 + b"]" * 4000 + b"}"
        self.assertCut(
            *[packed(frame(b"s:relay.ping", bad)) for bad in (b"j:null", b"j:7", b"j:", b"s:x", b'j:{"id":7}', deep)],
            packed(frame(b"s:relay.ping")),
            packed(frame(b"j:1", envelope)),
            packed(frame(b"s:a\nb", envelope)),
            packed(frame(b"s:\xff", envelope)),
            packed(frame(b"s:x", b'j:{"id":"1","orcName":"a\\u0000b"}')),
        )

    def test_bombs_are_not_inflated(self) -> None:
        """A frame over the limit is cut when its length is known; zeros without end are no frame."""
        long = frame(b"s:autoconnect", b"j:" + b" " * 20_000)
        self.assertCut(packed(long), packed(bytes(50 * MEGABYTE)), zlib.compress(packed(bytes(MEGABYTE)), wbits=31))

    @settings(deadline=None, max_examples=60)
    @given(st.binary(max_size=300), st.booleans())
    def test_random_bytes_are_harmless(self, content: bytes, compressed: bool) -> None:
        """They are waited for or cut, whatever they are, and nothing is logged as a failure."""
        mouth = self.bus.mouth()
        mouth.send(packed(b"\x22AXON" + content) if compressed else content)
        mouth.transport.loseConnection()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_pair_may_err_a_few_times(self) -> None:
        """It is told; ten commands that are none in a minute end the conversation."""
        for _ in range(9):
            self.good.commands.send(packed(frame(b"s:relay.ping", b"j:{}")))
        self.assertEqual({m.envelope.data["code"] for m in self.good.heard()}, {"VALIDATION_ERROR"})
        self.assertTrue(self.good.commands.transport.connected)
        self.good.commands.send(packed(frame(b"s:relay.ping", b"j:{}")))
        self.assertFalse(self.good.commands.transport.connected)

    def test_ears_do_not_speak(self) -> None:
        """Whoever sends on the event connection is cut."""
        self.good.events.send(b"x")
        self.assertFalse(self.good.events.transport.connected)
        self.assertEqual((self.bus.cuts("spoke"), self.bus.door.pairs), (1, set()))


class FloodTests(SynchronousTestCase):
    """More than can be taken."""

    def test_strangers_have_an_allowance(self) -> None:
        """Commands nobody's ears belong to are counted, and too many of them end the connection."""
        bus = MemoryBus(cost=100)
        client = bus.client()
        for _ in range(101):
            client.send("relay.ping")
        self.assertFalse(client.commands.transport.connected)
        self.assertEqual((bus.cuts("rates"), bus.meter.total(BUS_COMMANDS, kind="dropped")), (1, 100))

    def test_welcomes_are_dear(self) -> None:
        """Asking for one costs more than a command."""
        bus = MemoryBus(cost=100)
        client = bus.client()
        for _ in range(6):
            client.ask()
        self.assertFalse(client.commands.transport.connected)
        self.assertEqual(len(client.heard()), 5)

    def test_clients_share_the_sockets_allowance(self) -> None:
        """A pair that asks too often is refused, and cut when it goes on."""
        bus = MemoryBus(cost=60)
        client = bus.client().welcomed()
        codes = [client.call("relay.ping").data.get("code") for _ in range(60)]
        self.assertEqual(codes[-1], "RATE_LIMITED")
        for _ in range(100):
            client.send("relay.ping")
        self.assertFalse(client.commands.transport.connected)

    def test_what_waits_is_not_inflated(self) -> None:
        """While commands are being answered the rest stays as small as it came, and is read in its turn."""
        bus = MemoryBus()
        bus.door.turn = Turn(bus.time.reactor, count(step=TURN_SECONDS / 100).__next__)
        client = bus.client().welcomed()
        client.commands.send(b"".join(self.ping(client, number) for number in range(2000)))
        self.assertLess(len(client.heard()), 110)
        self.assertEqual(client.commands.transport.producerState, "paused")
        bus.time.settle()
        self.assertEqual(
            (client.call("relay.ping").data["type"], bus.meter.total(BUS_COMMANDS, kind="taken")), ("pong", 2002)
        )

    def ping(self, client: Xcraft, number: int) -> bytes:
        """A ping as bytes."""
        envelope = {"token": client.token, "orcName": "a@b", "id": f"n{number}", "data": {}}
        return packed(frame(b"s:relay.ping", b"j:" + json.dumps(envelope).encode()))


class SilenceTests(SynchronousTestCase):
    """Clients that do not read."""

    def setUp(self) -> None:
        """A client whose transport takes no more."""
        self.bus = MemoryBus(patience=Patience(backlog_bytes=10_000, stalled_seconds=60.0))
        self.client = self.bus.client().welcomed()
        self.producer: Any = self.client.events.transport.producer

    def test_nothing_is_sent_to_who_does_not_read(self) -> None:
        """Heartbeats are left out and answers wait; when it reads again they come, in order."""
        self.producer.pauseProducing()
        self.bus.time.advance(5)
        identities = [self.client.send("relay.ping") for _ in range(3)]
        self.assertEqual(self.client.events.raw(), b"")
        self.producer.resumeProducing()
        self.assertEqual([message.envelope.data["id"] for message in self.client.heard()], identities)

    def test_who_never_reads_is_cut(self) -> None:
        """After a minute without progress both connections end."""
        self.producer.pauseProducing()
        for _ in range(121):
            self.bus.time.advance(0.5)
        self.assertFalse(self.client.events.transport.connected or self.client.commands.transport.connected)

    def test_who_asks_without_reading_is_cut(self) -> None:
        """When more waits than is kept for anybody."""
        self.producer.pauseProducing()
        for _ in range(60):
            self.client.send("relay.ping")
        self.assertFalse(self.client.commands.transport.connected)

    def test_who_drips_has_a_deadline(self) -> None:
        """A stranger's command that comes byte by byte is not waited for longer than any other."""
        mouth = self.bus.mouth()
        for byte in packed(frame(b"s:autoconnect", b"j:{}"))[:20]:
            mouth.send(bytes([byte]))
            self.bus.time.advance(1)
        self.assertFalse(mouth.transport.connected)
