"""Short text frames read at once: the same messages, answers and closings as when Autobahn reads every frame."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable

from autobahn.twisted.websocket import WebSocketServerProtocol
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.io.net.frames import MANY, SHORT, short_texts
from sdkrelay.io.net.http import READ_BYTES
from sdkrelay.io.net.websocket import RelayProtocol, WebSocketLimits
from tests.support import peer
from tests.support.websocket import BINARY, CLOSE, PING, TEXT, MemoryPort, frame

PAYLOADS = st.one_of(
    st.integers(0, 9).map(lambda number: json.dumps({"type": "ping", "id": str(number)}).encode()),
    st.binary(max_size=12),
    st.text(max_size=300).map(str.encode),
    st.integers(100, 140).map(lambda size: b'{"type":"ping","x":"' + b"x" * size + b'"}'),
    st.integers(SHORT - 40, SHORT + 10).map(lambda size: b'{"type":"ping","x":"' + b"x" * size + b'"}'),
)
USUAL = PAYLOADS.map(frame)
ANY = st.builds(
    lambda payload, opcode, final, masked, reserved: _with(frame(payload, opcode, final=final), masked, reserved),
    PAYLOADS,
    st.sampled_from((TEXT, TEXT, 0, BINARY, PING, CLOSE, 3)),
    st.booleans(),
    st.sampled_from((True, True, True, False)),
    st.sampled_from((False, False, False, True)),
)
FLOODS = st.integers(1, 5 * MANY).map(lambda count: frame(b'{"type":"ping"}') * count)
STREAMS = st.lists(st.one_of(USUAL, USUAL, USUAL, FLOODS, ANY), max_size=12).map(b"".join)


def _with(raw: bytes, masked: bool, reserved: bool) -> bytes:
    """The frame as it is, or with the bits of its first bytes that must not be so."""
    return bytes([raw[0] | 0x40 * reserved, raw[1] if masked else raw[1] & 0x7F]) + raw[2:]


class ByAutobahn(RelayProtocol):
    """The same port without the short way."""

    consumeData = WebSocketServerProtocol.consumeData


class FramesTests(SynchronousTestCase):
    """What is read at once, and what is not."""

    def test_as_many_as_have_come(self) -> None:
        """Of two frames and a half, two are read; what follows begins with the third."""
        first, second, third = peer.frame(b"a" * 125), peer.frame("ä€".encode() * 60), peer.frame("rüst".encode() * 90)
        for cut in (4, 5, 9, len(third) - 1):
            found = short_texts(first + second + third[:cut])
            self.assertEqual(([b"a" * 125, "ä€".encode() * 60], len(first + second), True), found, cut)

    def test_all_others_are_left(self) -> None:
        """Control frames, fragments, binary, unmasked, reserved bits, lengths written too long, no UTF-8, and the long."""
        usual = frame(b"{}")
        too_long = frame(b"x" * 126)
        others = (
            frame(b"", PING), frame(b"{}", BINARY), frame(b"{}", final=False), frame(b"{}", 0), _with(usual, False, False),
            _with(usual, True, True), too_long[:2] + b"\x00\x7d" + too_long[4:], frame(b"\xff"), frame(b"\xed\xa0\x80"),
            frame(b"\xc3\x28....")[:-1], frame(b"x" * (SHORT + 1)), frame(b"x" * 70_000), usual[:1], usual[:3], too_long[:3], b"",
        )  # fmt: skip
        for other in others:
            self.assertEqual(([b"{}"], len(usual), False), short_texts(usual + other), other[:8])
        self.assertEqual(([], 0, False), short_texts(usual, 1))

    def test_no_more_than_are_handled_at_a_stretch(self) -> None:
        """The others are read in a later turn, and what ends the conversation after all of them comes after their answers."""
        usual = frame(b'{"type":"ping"}')
        self.assertEqual((MANY, MANY * len(usual), False), spread(short_texts(usual * (MANY + 3))))
        for last in (
            frame(struct.pack("!H", 1000), CLOSE),
            frame(b"", BINARY),
            frame(b"\xff"),
            frame(b"x" * (SHORT + 1)),
        ):
            heard, _ = answers(RelayProtocol, [usual * 190 + last])
            self.assertEqual([TEXT] * 190, [opcode for opcode, _ in heard[:190]])
            self.assertEqual(CLOSE, heard[-1][0])

    def test_much_that_comes_at_once_is_read_in_pieces(self) -> None:
        """TLS may hand over more than is read from a socket at a time: the reactor has its turn in between."""
        port = MemoryPort()
        client = port.upgraded()
        client.send(frame(b"", PING) * 4_000)
        first = len(client.received())
        self.assertLessEqual(first, READ_BYTES // len(frame(b"", PING)))
        port.time.settle()
        self.assertEqual(4_000, first + len(client.received()))

    @settings(max_examples=300, deadline=None)
    @given(STREAMS, st.lists(st.integers(1, 400), max_size=12))
    def test_it_makes_no_difference(self, stream: bytes, cuts: list[int]) -> None:
        """Whatever comes, however it is cut, is answered as if Autobahn had read every frame."""
        self.assertEqual(answers(ByAutobahn, pieces(stream, cuts)), answers(RelayProtocol, pieces(stream, cuts)))


def spread(found: tuple[list[bytes], int, bool]) -> tuple[int, int, bool]:
    """How many texts were read, where the rest begins, whether that is one more."""
    texts, end, more = found
    return len(texts), end, more


def pieces(stream: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The stream, cut after so many bytes each."""
    found, start = [], 0
    for size in cuts:
        found.append(stream[start : start + size])
        start += size
    return [*found, stream[start:]]


def answers(protocol: type[RelayProtocol], data: list[bytes]) -> tuple[list[tuple[int, bytes]], bool]:
    """What a client hears that sends this data, and whether it is still connected."""
    port = MemoryPort(WebSocketLimits(message_bytes=SHORT))
    port.factory.protocol = protocol
    client = port.upgraded()
    for piece in data:
        client.send(piece)
        port.time.settle()
    return client.received(), client.transport.connected
