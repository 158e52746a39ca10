"""RFC 6455 against a real listening socket, byte by byte: what a suite of conformance tries, in the same order of subjects.

1 framing, 2 pings and pongs, 3 reserved bits, 4 opcodes, 5 fragments, 6 UTF-8, 7 closing, 10 sizes and numbers. The relay
echoes nothing, so a text is known to have come by the answer to it: ``pong`` with the ping's own words.
"""

from __future__ import annotations

import json
import struct
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from sdkrelay.io.net.http import HttpLimits, guarded
from sdkrelay.io.net.websocket import RelayFactory, WebSocketDoor, WebSocketLimits
from sdkrelay.io.world import ReactorTasks
from tests.support.conversation import Relay
from tests.support.peer import CONTINUATION, MASK, Peer, closing, frame, masked
from tests.support.websocket import BINARY, CLOSE, PING, PONG, TEXT, UPGRADE

LIMIT = 1_000_000


def ping_text(words: str) -> bytes:
    """A native message that is answered with these words."""
    return json.dumps({"type": "ping", "id": words[:64]}, ensure_ascii=False).encode()


class ConformanceTestCase(TestCase):
    """One listening port, and clients of it."""

    timeout = 60

    def setUp(self) -> None:
        """Listen."""
        relay = Relay()
        around = evolve(relay.around, tasks=ReactorTasks(reactor))  # type: ignore[arg-type]
        factory = RelayFactory(around, WebSocketLimits(100, LIMIT), relay.entropy, reactor)  # type: ignore[arg-type]
        guard = guarded(WebSocketDoor(factory), HttpLimits(), reactor)  # type: ignore[arg-type]
        self.port = reactor.listenTCP(0, guard, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.peers: list[Peer] = []

    async def tearDown(self) -> None:  # type: ignore[override]
        """Leave no connection behind."""
        for peer in self.peers:
            if not peer.gone and peer.transport is not None:
                peer.transport.abortConnection()  # type: ignore[attr-defined]
                await peer.ended()
        await self.port.stopListening()
        await deferLater(reactor, 0)  # type: ignore[arg-type]

    async def peer(self) -> Peer:
        """A client after its upgrade."""
        endpoint = HostnameEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        peer: Peer = await connectProtocol(endpoint, Peer())
        self.peers.append(peer)
        peer.send(UPGRADE + b"\r\n")
        await peer.opened()
        self.assertIn(b" 101 ", peer.frames.head.splitlines()[0])
        return peer

    async def pong_text(self, peer: Peer) -> Any:
        """The id in the next frame, which must be the answer to a native ping."""
        opcode, payload = await peer.next()
        self.assertEqual(opcode, TEXT)
        answer = json.loads(payload)
        self.assertEqual(answer["type"], "pong", answer)
        return answer.get("id")

    async def fails(self, *parts: bytes, code: int, before: tuple[int, ...] = (), rest: bytes = b"") -> None:
        """These bytes end the connection with this code, after frames with the opcodes ``before``; ``rest`` comes then."""
        peer = await self.peer()
        peer.send(*parts)
        frames = []
        while not frames or frames[-1][0] != CLOSE:
            frames.append(await peer.next())
        self.assertEqual([opcode for opcode, _ in frames], [*before, CLOSE], parts)
        self.assertEqual(struct.unpack("!H", frames[-1][1][:2])[0], code, parts)
        frames[-1][1][2:].decode()
        peer.send(rest, closing(code))
        self.assertEqual(await peer.ended(), [])


class FramingTests(ConformanceTestCase):
    """Section 1: texts of every length of length."""

    async def test_lengths(self) -> None:
        """Short, of two bytes and of eight; whichever, the whole text comes."""
        peer = await self.peer()
        for size in (34, 125, 126, 127, 128, 65535, 65536, 65537, 100_000):
            text = ping_text(str(size))
            peer.send(frame(text + b" " * (size - len(text))))
            self.assertEqual(await self.pong_text(peer), str(size))

    async def test_longer_forms_of_a_length(self) -> None:
        """A length in more bytes than it needs is refused or taken, never mistaken."""
        text = ping_text("x")
        await self.fails(b"\x81\xfe" + struct.pack("!H", len(text)) + MASK + masked(text), code=1002)
        await self.fails(b"\x81\xff" + struct.pack("!Q", len(text)) + MASK + masked(text), code=1002)

    async def test_a_length_of_sixty_four_bits(self) -> None:
        """The highest bit is not allowed."""
        await self.fails(b"\x81\xff" + struct.pack("!Q", 1 << 63) + MASK, code=1002)

    async def test_an_empty_text(self) -> None:
        """It is a message, though none of ours: an error, and the connection stays."""
        peer = await self.peer()
        peer.send(frame(b""), frame(ping_text("after")))
        self.assertEqual(json.loads((await peer.next())[1])["error_code"], "VALIDATION_ERROR")
        self.assertEqual(await self.pong_text(peer), "after")

    async def test_binary_messages(self) -> None:
        """Of any length, they are what this protocol has not: 1003."""
        for size in (0, 125, 126, 65535, 65536):
            await self.fails(frame(b"\xfe" * size, BINARY), code=1003)

    async def test_frames_without_a_mask(self) -> None:
        """A client's frames have one."""
        text = ping_text("x")
        await self.fails(bytes([0x81, len(text)]) + text, code=1002)

    async def test_however_it_is_cut(self) -> None:
        """One byte at a time is as good."""
        peer = await self.peer()
        assert peer.transport is not None
        peer.transport.setTcpNoDelay(True)  # type: ignore[attr-defined]
        for byte in frame(ping_text("cut")):
            peer.send(bytes([byte]))
            await deferLater(reactor, 0)  # type: ignore[arg-type]
        self.assertEqual(await self.pong_text(peer), "cut")


class PingTests(ConformanceTestCase):
    """Section 2: pings and pongs."""

    async def test_pings_are_answered_with_their_payload(self) -> None:
        """Empty, text, binary, of the greatest size."""
        peer = await self.peer()
        for payload in (b"", b"Hello", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125):
            peer.send(frame(payload, PING))
            self.assertEqual(await peer.next(), (PONG, payload))

    async def test_too_long_a_ping(self) -> None:
        """125 bytes are the most."""
        await self.fails(frame(b"\xfe" * 126, PING), code=1002)

    async def test_pongs_that_nobody_asked_for(self) -> None:
        """They are nothing; what follows is answered."""
        peer = await self.peer()
        peer.send(frame(b"", PONG), frame(b"unasked", PONG), frame(b"p", PING))
        self.assertEqual(await peer.next(), (PONG, b"p"))

    async def test_many_pings_at_once(self) -> None:
        """In order, each its own."""
        peer = await self.peer()
        payloads = [b"payload-%d" % number for number in range(50)]
        peer.send(*(frame(payload, PING) for payload in payloads))
        self.assertEqual([await peer.next() for _ in payloads], [(PONG, payload) for payload in payloads])


class ReservedTests(ConformanceTestCase):
    """Sections 3 and 4: bits and opcodes that mean nothing."""

    async def test_reserved_bits(self) -> None:
        """Without an extension every one of them fails the connection, on any frame."""
        for bits in range(1, 8):
            await self.fails(frame(ping_text("x"), TEXT, reserved=bits), code=1002)
        await self.fails(frame(b"x", PING, reserved=5), code=1002)
        await self.fails(frame(b"\x03\xe8", CLOSE, reserved=7), code=1002)

    async def test_what_came_before_is_answered(self) -> None:
        """A good message, then a bad bit."""
        await self.fails(frame(ping_text("good")), frame(b"x", reserved=4), code=1002, before=(TEXT,))

    async def test_reserved_opcodes(self) -> None:
        """Data and control, with and without a payload."""
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            await self.fails(frame(b"", opcode), code=1002)
            await self.fails(frame(b"unknown", opcode), frame(b"", PING), code=1002)


class FragmentTests(ConformanceTestCase):
    """Section 5: messages in parts."""

    async def test_fragments_join(self) -> None:
        """Two, three with an empty one, and one byte each."""
        text = ping_text("joined")
        singles = [frame(text[n : n + 1], CONTINUATION if n else TEXT, n == len(text) - 1) for n in range(len(text))]
        empty = [frame(b"", TEXT, False), frame(text, CONTINUATION, False), frame(b"", CONTINUATION)]
        for parts in ([frame(text[:9], TEXT, False), frame(text[9:], CONTINUATION)], empty, singles):
            peer = await self.peer()
            peer.send(*parts)
            self.assertEqual(await self.pong_text(peer), "joined")

    async def test_control_frames_stand_between(self) -> None:
        """A ping in the middle is answered before the message is whole."""
        text, peer = ping_text("between"), await self.peer()
        peer.send(frame(text[:5], TEXT, False), frame(b"now", PING))
        self.assertEqual(await peer.next(), (PONG, b"now"))
        peer.send(frame(text[5:], CONTINUATION))
        self.assertEqual(await self.pong_text(peer), "between")

    async def test_control_frames_have_no_fragments(self) -> None:
        """Neither ping, pong nor close."""
        for opcode in (PING, PONG, CLOSE):
            await self.fails(frame(b"", opcode, False), code=1002)

    async def test_continuations_of_nothing(self) -> None:
        """Final or not, at first or after a whole message."""
        for final in (True, False):
            await self.fails(frame(b"x", CONTINUATION, final), code=1002)
        await self.fails(frame(ping_text("x")), frame(b"x", CONTINUATION), code=1002, before=(TEXT,))

    async def test_a_message_within_a_message(self) -> None:
        """What was begun must be ended first."""
        for opcode in (TEXT, BINARY):
            await self.fails(frame(b"{", TEXT, False), frame(b"}", opcode), code=1002)


class Utf8Tests(ConformanceTestCase):
    """Section 6: texts are UTF-8, and it is noticed at once when they are not."""

    async def test_texts_of_all_lengths_of_characters(self) -> None:
        """Up to the last code point, with those that are no characters; whole, and cut inside of one."""
        for words in ("Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\ud7ff\ue000\ufffd", "\U00010000\U0010ffff", "\uffff\ufffe"):
            peer, text = await self.peer(), ping_text(words)
            peer.send(frame(text))
            self.assertEqual(await self.pong_text(peer), words)
            peer.send(*(frame(text[n : n + 1], 0 if n else TEXT, n == len(text) - 1) for n in range(len(text))))
            self.assertEqual(await self.pong_text(peer), words)

    async def test_what_is_no_utf8(self) -> None:
        """Stray bytes, overlong forms, surrogates, beyond the last code point, and what ends too early: 1007."""
        for bad in (
            b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xe0\x9f\xbf", b"\xf0\x80\x80\xaf", b"\xfe",
            b"\xf0\x8f\xbf\xbf", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf",
            b"\xed\xa0\x80\xed\xb0\x80", b"\xf4\x90\x80\x80", b"\xff", b"\xce", b"\xe2\x82", b"\xf0\x9d\x84", b"a\xc3",
            b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
        ):  # fmt: skip
            await self.fails(frame(bad), code=1007)

    async def test_it_is_noticed_before_the_message_ends(self) -> None:
        """In the first fragment, in a later one, and in the middle of a frame whose rest never comes."""
        bad, good = b"\xf4\x90\x80\x80", "κόσμε".encode()
        await self.fails(frame(good + bad, TEXT, False), code=1007)
        await self.fails(frame(good, TEXT, False), frame(bad, CONTINUATION, False), code=1007)
        whole = frame(good + bad + b"x" * 100)
        await self.fails(whole[:30], code=1007, rest=whole[30:])

    async def test_a_character_cut_by_fragments_and_not_finished(self) -> None:
        """The last fragment ends inside of a character."""
        await self.fails(frame(b"\xce", TEXT, False), frame(b"\xba\xe1\xbd", CONTINUATION), code=1007)


class ClosingTests(ConformanceTestCase):
    """Section 7: how it ends."""

    async def closes(self, request: bytes, code: int | None) -> None:
        """The close frame is answered with one that has this code, or none, and the connection ends."""
        peer = await self.peer()
        peer.send(request)
        opcode, payload = await peer.next()
        self.assertEqual(opcode, CLOSE, request)
        self.assertEqual(struct.unpack("!H", payload[:2])[0] if payload else None, code, request)
        self.assertEqual(await peer.ended(), [])

    async def test_codes_that_may_be_sent(self) -> None:
        """They come back, with or without a reason."""
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
            await self.closes(closing(code), code)
        await self.closes(closing(1000, b"x" * 123), 1000)
        await self.closes(closing(1000, "Grüße".encode()), 1000)

    async def test_codes_that_may_not_be_sent(self) -> None:
        """They are a fault of protocol."""
        for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535):
            await self.closes(closing(code), 1002)

    async def test_close_frames_out_of_form(self) -> None:
        """One byte, too long, or a reason that is no UTF-8."""
        await self.closes(frame(b"\x03", CLOSE), 1002)
        await self.closes(frame(struct.pack("!H", 1000) + b"x" * 124, CLOSE), 1002)
        await self.closes(closing(1000, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80"), 1007)

    async def test_a_close_frame_without_a_code(self) -> None:
        """It is answered, and that is that."""
        peer = await self.peer()
        peer.send(frame(b"", CLOSE))
        self.assertEqual((await peer.next())[0], CLOSE)
        self.assertEqual(await peer.ended(), [])

    async def test_nothing_is_answered_after_it(self) -> None:
        """Neither messages nor pings nor a second close frame."""
        peer = await self.peer()
        peer.send(closing(1000), frame(ping_text("late")), frame(b"late", PING), closing(1000))
        self.assertEqual([opcode for opcode, _ in await peer.ended()], [CLOSE])

    async def test_what_came_before_is_answered_first(self) -> None:
        """Also when it arrives in the same packet."""
        peer = await self.peer()
        peer.send(frame(ping_text("before")), closing(1000))
        self.assertEqual([opcode for opcode, _ in await peer.ended()], [TEXT, CLOSE])

    async def test_an_unfinished_message_is_dropped(self) -> None:
        """Closing in the middle of a message is fine."""
        await self.closes(frame(b'{"type"', TEXT, False) + closing(1000), 1000)

    async def test_a_peer_that_is_just_gone(self) -> None:
        """Others do not notice."""
        gone, other = await self.peer(), await self.peer()
        gone.send(frame(ping_text("x"))[:4])
        assert gone.transport is not None
        gone.transport.abortConnection()  # type: ignore[attr-defined]
        await gone.ended()
        other.send(frame(ping_text("still here")))
        self.assertEqual(await self.pong_text(other), "still here")


class AmountTests(ConformanceTestCase):
    """Section 10 and the limits: large, many, and fragments of all sizes."""

    async def test_a_message_of_the_greatest_size(self) -> None:
        """In one frame, and in fragments of several sizes; a byte more is an answer and 1009."""
        text = ping_text("large").ljust(LIMIT)
        for size in (LIMIT, 65_536, 1300):
            peer = await self.peer()
            cuts = range(0, LIMIT, size)
            peer.send(*(frame(text[n : n + size], 0 if n else TEXT, n + size >= LIMIT) for n in cuts))
            self.assertEqual(await self.pong_text(peer), "large")
        await self.fails(frame(text + b" "), code=1009, before=(TEXT,))
        await self.fails(
            frame(text[:600_000], TEXT, False), frame(text[:600_000], CONTINUATION), code=1009, before=(TEXT,)
        )

    async def test_many_messages(self) -> None:
        """Two thousand at once, answered in order, with none left out."""
        peer = await self.peer()
        words = [str(number) for number in range(2000)]
        peer.send(*(frame(ping_text(word)) for word in words))
        self.assertEqual([await self.pong_text(peer) for _ in words], words)

    async def test_many_fragments(self) -> None:
        """Ten thousand of one byte make one message."""
        peer, text = await self.peer(), ping_text("crumbs").ljust(10_000)
        peer.send(*(frame(text[n : n + 1], 0 if n else TEXT, n == len(text) - 1) for n in range(len(text))))
        self.assertEqual(await self.pong_text(peer), "crumbs")
