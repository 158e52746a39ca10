"""Frames of the bus: as the real programs send them, cut anyhow, and hostile ones refused."""

from __future__ import annotations

import gzip
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.messages.bus import Decoder, Frame, Json, Limits, Malformed, pack, pack_frame, unpack
from tests.support.xcraft_vectors import recorded

EXAMPLE = pack_frame(b"s:greathall::heartbeat")


def read(*pieces: bytes, limits: Limits | None = None) -> list[Frame]:
    """The frames in these pieces of one connection."""
    decoder = Decoder(limits)
    return [frame for piece in pieces for frame in decoder.feed(piece)]


def raw(*arguments: bytes, head: bytes = b"") -> bytes:
    """A frame that nobody checked, deflated."""
    packed = b"".join(len(argument).to_bytes(4, "big") + argument for argument in arguments)
    return gzip.compress((head or bytes([0x20 | len(arguments)]) + b"AXON") + packed)


class FramesTests(SynchronousTestCase):
    """What is let through."""

    def test_recorded_frames(self) -> None:
        """Each recorded member holds one frame, whose arguments make the recorded bytes again."""
        for each in recorded():
            (frame,) = read(each.wire)
            self.assertEqual(zlib.decompress(pack_frame(*frame), 31), each.frame, each.name)

    def test_however_it_is_cut(self) -> None:
        """Byte by byte, many members in one piece, one frame in two members, and one stream that is only flushed."""
        wire = pack_frame(b"s:a", b"j:{}") + EXAMPLE
        expected = [(b"s:a", b"j:{}"), (b"s:greathall::heartbeat",)]
        plain = gzip.decompress(wire)
        endless = zlib.compressobj(wbits=31)
        flushed = [endless.compress(plain) + endless.flush(zlib.Z_SYNC_FLUSH)]
        self.assertEqual(read(*(bytes([byte]) for byte in wire)), expected)
        self.assertEqual(read(wire * 50), expected * 50)
        self.assertEqual(read(gzip.compress(plain[:9]), gzip.compress(plain[9:])), expected)
        self.assertEqual(read(*flushed), expected)

    def test_large_frames(self) -> None:
        """Two megabytes that hardly deflate, and two that nearly vanish, come out as they went in."""
        for content in (b"\x01" + bytes(2**21), b"\x01" + bytes(range(256)) * 2**13):
            self.assertEqual(read(pack_frame(b"s:a", b"j:{}", content)), [(b"s:a", b"j:{}", content)])

    def test_an_empty_last_argument_is_not_sent(self) -> None:
        """Nor a frame without arguments, or with sixteen."""
        for arguments in ((b"s:a", b""), (), (b"a",) * 16):
            self.assertRaises(Malformed, pack_frame, *arguments)

    @given(st.lists(st.binary(min_size=1, max_size=2000), min_size=1, max_size=15), st.integers(1, 500))
    @settings(deadline=None, max_examples=60)
    def test_round_trip(self, arguments: list[bytes], size: int) -> None:
        """Whatever arguments come out as they went in, in pieces of any size."""
        wire = pack_frame(*arguments)
        pieces = (wire[start : start + size] for start in range(0, len(wire), size))
        self.assertEqual(read(*pieces), [tuple(arguments)])


class HostileTests(SynchronousTestCase):
    """What is refused, always in the same way."""

    def test_broken_frames(self) -> None:
        """Not gzip, version 1, another magic, no argument: each ends the reading."""
        broken = (
            b"GET / HTTP/1.1\r\n\r\n",
            raw(b"s:a", head=b"\x11"),
            raw(b"s:a", head=b"\x21AXOM"),
            raw(head=b"\x20AXON"),
        )
        for wire in broken:
            self.assertRaises(Malformed, read, wire)

    def test_bombs(self) -> None:
        """A frame that tells of more than the limit is refused before its bytes have come, however small it is deflated."""
        limits = Limits(frame=1000)
        self.assertRaises(Malformed, read, raw(b"s:a", bytes(10**7)), limits=limits)
        self.assertRaises(Malformed, read, raw(b"", head=b"\x21AXON\xff\xff\xff\xff"), limits=limits)
        self.assertEqual(len(read(raw(b"s:a", bytes(900)), limits=limits)), 1)

    def test_bombs_of_many_frames(self) -> None:
        """Ten kilobytes do not become a hundred thousand frames."""
        frame = gzip.decompress(EXAMPLE)
        self.assertRaises(Malformed, read, gzip.compress(frame * 100_000))

    def test_a_bomb_is_not_held(self) -> None:
        """What is inflated for a refused frame is some pieces, not all of it."""
        decoder = Decoder(Limits(frame=1000))
        with self.assertRaises(Malformed):
            list(decoder.feed(gzip.compress(b"\x21AXON\x00\x00\xff\xff" + bytes(10**8))))
        self.assertLess(len(decoder._pending), 10**6)

    @given(st.lists(st.binary(max_size=300), max_size=5))
    @settings(deadline=None, max_examples=100)
    def test_random_bytes(self, pieces: list[bytes]) -> None:
        """Any bytes, as they are or as what a member holds, are frames or refused."""
        for wire in (pieces, [gzip.compress(piece) for piece in pieces]):
            try:
                self.assertIsInstance(read(*wire), list)
            except Malformed as error:
                self.assertTrue(str(error))


class ArgumentTests(SynchronousTestCase):
    """The four kinds of arguments."""

    def test_kinds(self) -> None:
        """Each has its prefix, and raw bytes have none."""
        for value, packed in (
            ("é", b"s:\xc3\xa9"),
            (Json({"a": [1]}), b'j:{"a":[1]}'),
            (-(10**30), b"b:-1" + b"0" * 30),
        ):
            self.assertEqual((pack(value), unpack(packed)), (packed, value))
        self.assertEqual((pack(b"xyz"), unpack(b"xyz")), (b"xyz", b"xyz"))

    def test_what_would_be_misread_is_not_sent(self) -> None:
        """Raw bytes that look like another kind, none at all, half a surrogate pair, what JSON does not know."""
        for value in (b"s:x", b"j:{", b"b:1", b"", "\ud800", Json(object()), Json({"a": "\ud800"})):
            self.assertRaises(Malformed, pack, value)

    @given(st.sampled_from([b"s:", b"j:", b"b:", b""]), st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
    @settings(deadline=None, max_examples=100)
    def test_random_arguments(self, prefix: bytes, rest: bytes) -> None:
        """Any bytes are an argument or refused."""
        try:
            self.assertIsInstance(unpack(prefix + rest), str | int | bytes | Json)
        except Malformed as error:
            self.assertTrue(str(error))

    def test_hostile_json(self) -> None:
        """Too deep, too long a number, too many parts."""
        for text in (b"[" * 100_000, b"1" * 100_000, b"[" + b"1," * 1_000_001 + b"1]"):
            self.assertRaises(Malformed, unpack, b"j:" + text)
        self.assertRaises(Malformed, unpack, b"b:" + b"1" * 1001)
