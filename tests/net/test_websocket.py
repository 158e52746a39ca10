"""The WebSocket port over transports in memory: what clients do to it, byte by byte."""

from __future__ import annotations

import inspect
import json

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.io.net.frames import text_frame
from sdkrelay.io.net.http import READ_BYTES, HttpLimits
from sdkrelay.io.net.websocket import RelayProtocol, WebSocketLimits
from tests.support.websocket import BINARY, CLOSE, PING, PONG, TEXT, UPGRADE, Frames, MemoryPort, frame


class TalkTests(SynchronousTestCase):
    """Clients that mean well."""

    def setUp(self) -> None:
        """A port."""
        self.port = MemoryPort()

    def test_a_message_is_answered(self) -> None:
        """Handshake and ping over one socket."""
        client = self.port.upgraded()
        client.say("handshake", version="1.0.0")
        client.say("ping", id="p")
        accepted, pong = client.heard()
        self.assertIn(b"101", client.frames.head)
        self.assertEqual((accepted["status"], pong["id"]), ("accepted", "p"))

    def test_fragments_make_one_message(self) -> None:
        """A message in two fragments with a ping in between is one message."""
        client = self.port.upgraded()
        client.send(frame(b'{"type":', TEXT, final=False) + frame(b"x", PING) + frame(b'"ping"}', 0))
        self.assertEqual([opcode for opcode, _ in client.received()], [PONG, TEXT])

    def test_bytes_may_come_one_by_one(self) -> None:
        """The port does not depend on how the network cuts."""
        client = self.port.upgraded()
        for byte in frame(b'{"type":"ping"}'):
            client.send(bytes([byte]))
        self.assertEqual([pong["type"] for pong in client.heard()], ["pong"])

    def test_people_get_a_short_page(self) -> None:
        """A plain GET on the port is answered in text, another method with 405."""
        client = self.port.connect()
        client.send(b"GET / HTTP/1.1\r\nHost: relay.test\r\n\r\n")
        answer = client.raw()
        self.assertIn(b"200 OK", answer)
        self.assertIn(b"WebSocket port", answer)
        client.send(b"TRACE / HTTP/1.1\r\nHost: relay.test\r\n\r\n")
        self.assertIn(b"405", client.raw())

    def test_an_upgrade_has_no_body(self) -> None:
        """What it brings would be taken for frames, megabytes of them in one breath."""
        client = self.port.connect()
        client.send(UPGRADE + b"Content-Length: 6\r\n\r\n" + frame(b""))
        self.assertIn(b" 400 ", client.raw().partition(b"\r\n")[0])

    def test_only_local_or_encrypted_clients_are_secure(self) -> None:
        """Loopback is secure, elsewhere is not; behind a local proxy it is what the proxy says."""
        cases = [
            ("127.0.0.1", b"", True),
            ("127.8.8.8", b"", True),
            ("192.0.2.1", b"", False),
            ("192.0.2.1", b"X-Forwarded-Proto: https\r\n", False),
            ("127.0.0.1", b"X-Forwarded-For: 192.0.2.1\r\n", False),
            ("127.0.0.1", b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n", True),
            ("127.0.0.1", b"X-Forwarded-Proto: http\r\n", False),
            ("127.0.0.1", b"Origin: http://localhost:3000\r\n", True),
            ("127.0.0.1", b"Origin: http://example.org\r\n", False),
        ]
        for host, headers, secure in cases:
            self.port.upgraded(host, headers)
            (protocol,) = self.port.factory.open
            self.assertEqual(protocol.session and protocol.session.secure, secure, (host, headers))
            protocol.transport.loseConnection()

    def test_frames_have_the_three_lengths(self) -> None:
        """Our own frames are what RFC 6455 says, at each boundary."""
        for size in (0, 125, 126, 65535, 65536):
            payload = b"x" * size
            self.assertEqual(list(Frames(head=b"x").feed(text_frame(payload))), [(TEXT, payload)])

    def test_the_same_payload_is_framed_once(self) -> None:
        """Fan-out writes the very same frame to all."""
        payload = b"news"
        self.assertIs(self.port.factory.framed(payload), self.port.factory.framed(payload))

    def test_the_shell_is_short(self) -> None:
        """The Autobahn class stays a shell."""
        self.assertLess(len(inspect.getsource(RelayProtocol).splitlines()), 80)


class HostileTests(SynchronousTestCase):
    """Clients that do not mean well."""

    def setUp(self) -> None:
        """A port with small limits."""
        http = HttpLimits(connections=5, head_seconds=10)
        self.port = MemoryPort(WebSocketLimits(connections=2, message_bytes=1000), http)

    def test_too_large_a_message_is_answered_then_closed(self) -> None:
        """The announcement is enough: an error, then 1009, and the rest of the message is not kept."""
        client = self.port.upgraded()
        client.send(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + bytes(4))
        client.send(b"x" * 100_000)
        error, closed = client.received()
        self.assertIn(b"TOO_LARGE", error[1])
        self.assertEqual((closed[0], closed[1][:2]), (CLOSE, (1009).to_bytes(2, "big")))

    def test_too_large_a_message_in_fragments_is_closed(self) -> None:
        """The limit is on the message, however it is cut."""
        client = self.port.upgraded()
        client.send(frame(b"x" * 600, TEXT, final=False) + frame(b"x" * 600, 0))
        self.assertEqual(client.close_codes(), [1009])

    def test_binary_frames_close(self) -> None:
        """1003."""
        client = self.port.upgraded()
        client.send(frame(b"{}", BINARY))
        self.assertEqual(client.close_codes(), [1003])

    def test_broken_frames_close(self) -> None:
        """An unmasked frame and a reserved opcode are protocol errors, text that is not UTF-8 is invalid data."""
        for data, code in ((b"\x81\x02{}", 1002), (frame(b"", 5), 1002), (frame(b"\xff\xfe"), 1007)):
            client = self.port.upgraded()
            client.send(data)
            self.assertEqual(client.close_codes(), [code])
            client.transport.loseConnection()

    def test_whoever_does_not_finish_closing_is_dropped(self) -> None:
        """A peer that never answers our close frame is gone after a few seconds."""
        client = self.port.upgraded()
        client.send(frame(b"{}", BINARY))
        for _ in range(3):
            self.port.time.advance(5)
        self.assertTrue(client.transport.aborted)

    def test_more_clients_than_allowed_are_refused(self) -> None:
        """The third of two is rejected with the limit and when to try again, then 1013; one that leaves makes room."""
        first, second = self.port.upgraded(), self.port.upgraded()
        third = self.port.upgraded()
        third.say("handshake")
        rejected, closed = third.received()
        self.assertEqual(json.loads(rejected[1])["status"], "rejected")
        self.assertIn("2 connections; try again in 30 s", json.loads(rejected[1])["reason"])
        self.assertEqual((closed[0], closed[1][:2]), (CLOSE, (1013).to_bytes(2, "big")))
        second.say("handshake")
        self.assertEqual(second.heard()[0]["status"], "accepted")
        first.transport.loseConnection()
        third.transport.loseConnection()
        fourth = self.port.upgraded()
        fourth.say("handshake")
        self.assertEqual(fourth.heard()[0]["status"], "accepted")

    def test_whoever_is_turned_away_does_not_stay(self) -> None:
        """Without a handshake it is dropped after ten seconds."""
        clients = [self.port.upgraded() for _ in range(3)]
        self.port.time.advance(10)
        self.assertEqual([client.transport.aborted for client in clients], [False, False, True])

    def test_more_sockets_than_allowed_are_refused(self) -> None:
        """Sockets that say nothing do not lock others out for long, and too many are told so."""
        idle = [self.port.connect() for _ in range(5)]
        refused = self.port.connect()
        self.assertIn(b"503", refused.raw())
        self.port.time.advance(10)
        self.assertTrue(all(client.transport.aborted for client in idle))
        self.assertEqual(self.port.guard.connections, 0)
        self.assertIn(b"101", self.port.upgraded().frames.head)

    def test_headers_are_bounded_in_size(self) -> None:
        """Seventeen kilobytes of headers end the connection with 431, which names the limit."""
        client = self.port.connect()
        client.send(UPGRADE)
        for number in range(20):
            client.send(b"X-%d: " % number + b"x" * 1000 + b"\r\n")
        answer = client.raw()
        self.assertIn(b"431", answer)
        self.assertIn(b"16384", answer)
        self.assertFalse(client.transport.connected)

    def test_one_long_header_is_bounded_too(self) -> None:
        """A line that does not end is cut at the same size, with the same answer."""
        client = self.port.connect()
        client.send(UPGRADE + b"X: " + b"x" * 17_000)
        self.assertIn(b"431", client.raw())

    def test_headers_are_bounded_in_time(self) -> None:
        """A head that comes drop by drop is cut after ten seconds."""
        client = self.port.connect()
        for byte in UPGRADE[:11]:
            client.send(bytes([byte]))
            self.port.time.advance(1)
        self.assertTrue(client.transport.aborted)

    def test_little_is_read_at_a_time(self) -> None:
        """So that a read full of tiny frames does not hold the reactor."""
        self.assertEqual(vars(self.port.connect().transport)["bufferSize"], READ_BYTES)

    def test_an_open_socket_has_no_deadline_of_http(self) -> None:
        """A client that answers pings stays for hours."""
        client = self.port.upgraded()
        for _ in range(1000):
            self.port.time.advance(5)
            client.send(frame(b"", PONG))
        self.assertTrue(client.transport.connected)


class LifeTests(SynchronousTestCase):
    """Pings, back-pressure and the end."""

    def setUp(self) -> None:
        """A port with one client."""
        self.port = MemoryPort()
        self.client = self.port.upgraded()

    def test_clients_are_pinged(self) -> None:
        """Every thirty seconds."""
        for _ in range(6):
            self.port.time.advance(5)
        self.assertEqual([opcode for opcode, _ in self.client.received()], [PING])

    def test_the_silent_are_cut(self) -> None:
        """Nothing at all for sixty seconds: the connection is dropped and the session ends."""
        for _ in range(12):
            self.port.time.advance(5)
        self.assertTrue(self.client.transport.aborted)
        self.assertEqual(self.port.factory.open, set())

    def test_back_pressure_reaches_the_session(self) -> None:
        """While the transport pauses us answers wait; then they go out."""
        self.client.transport.producer.pauseProducing()
        self.client.say("ping")
        self.assertEqual(self.client.received(), [])
        self.client.transport.producer.resumeProducing()
        self.assertEqual(len(self.client.heard()), 1)

    def test_a_reader_that_stops_is_cut(self) -> None:
        """Sixty seconds without progress end in 1008, and the socket is dropped, though its pongs still come."""
        self.client.transport.producer.pauseProducing()
        self.client.say("ping")
        for _ in range(15):
            self.port.time.advance(5)
            self.client.send(frame(b"", PONG))
        self.assertIn(1008, self.client.close_codes())
        self.assertTrue(self.client.transport.aborted)

    def test_stopping_says_goodbye_to_all(self) -> None:
        """Every client gets 1001."""
        other = self.port.upgraded()
        self.port.service.stopService()
        self.assertEqual((self.client.close_codes(), other.close_codes()), ([1001], [1001]))

    def test_a_peer_gone_in_the_middle_leaves_nothing(self) -> None:
        """Half a frame, then nothing: the session ends, its feed and its place are free."""
        self.client.say("handshake", capabilities=["notifications"])
        self.client.send(frame(b'{"type":"ping"}')[:7])
        self.client.transport.loseConnection()
        self.assertEqual((self.port.factory.open, self.port.guard.connections), (set(), 0))
        self.assertEqual(self.port.relay.hub._feeds, {})
