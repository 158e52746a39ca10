"""The lowest layer of the bus: gzip members that hold frames, and frames that hold packed arguments.

A frame is a byte with the version (2) and the number of arguments, the four bytes ``AXON``, and each argument behind its
length in four bytes. Both ends send each frame as one gzip member (RFC 1952) and read the connection as one stream.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from struct import Struct as Layout
from struct import pack

from attrs import frozen

from .malformed import Malformed

#: The packed arguments of a frame, each with its prefix.
Frame = tuple[bytes, ...]

VERSION = 2
MAGIC = b"AXON"
MAX_ARGUMENTS = 15
_HEAD = 1 + len(MAGIC)
_LENGTH = Layout(">I")
#: Inflated at once, so that a bomb is noticed before it has grown.
_PIECE = 65536
#: Deflated bytes given to zlib at once: what a member leaves over is copied, so it should be little.
_SLICE = 4096
#: No frame takes fewer bytes on the wire; a sync flush alone takes as many.
_LEAST = 4
#: Bytes that may be put by for later frames.
_MOST_CREDIT = 2**20
_GZIP = zlib.MAX_WBITS | 16
#: A frame up to this size is cheaper to store than to deflate; it fits one packet as it is.
_STORED = 1300
_STORED_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01"


@frozen
class Limits:
    """What is taken from the other end: inflated bytes of a frame with its head, and its arguments."""

    frame: int = 16 * 2**20
    arguments: int = MAX_ARGUMENTS


def pack_frame(*arguments: bytes) -> bytes:
    """The bytes for the wire of a frame of these packed arguments, as one gzip member.

    Raises :class:`Malformed` for no argument, more than fifteen, or an empty last one, which node delivers late or never.
    """
    if not 0 < len(arguments) <= MAX_ARGUMENTS or not arguments[-1]:
        raise Malformed("a frame has 1 to 15 arguments, the last one not empty")
    parts = [bytes([VERSION << 4 | len(arguments)]), MAGIC]
    for argument in arguments:
        parts += (_LENGTH.pack(len(argument)), argument)
    return member(b"".join(parts))


def member(content: bytes) -> bytes:
    """A whole gzip member without a name or a time: stored where it is short, else deflated."""
    if len(content) <= _STORED:
        length = len(content)
        return b"".join(
            (_STORED_HEAD, pack("<HH", length, length ^ 0xFFFF), content, pack("<II", zlib.crc32(content), length))
        )
    deflating = zlib.compressobj(wbits=_GZIP)
    return deflating.compress(content) + deflating.flush()


class Decoder:
    """Turns the bytes of one connection into frames; it holds at most one frame and never more than the limits allow."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._member = zlib.decompressobj(_GZIP)
        self._pending = bytearray()
        self._credit = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that these bytes complete, one by one: take them all before the next call.

        Raises :class:`Malformed`; the connection cannot be read any further then.
        """
        self._credit = min(self._credit + len(data), _MOST_CREDIT)
        try:
            for piece in self._inflated(memoryview(data)):
                self._pending += piece
                yield from self._cut()
        except zlib.error:
            raise Malformed("not a sequence of gzip members") from None

    def _inflated(self, data: memoryview) -> Iterator[bytes]:
        for start in range(0, len(data), _SLICE):
            yield from self._inflate(data[start : start + _SLICE])

    def _inflate(self, rest: bytes | memoryview) -> Iterator[bytes]:
        full = False
        while rest or full:
            piece = self._member.decompress(rest, _PIECE)
            if piece:
                yield piece
            if self._member.eof:
                rest, full = self._member.unused_data, False
                self._member = zlib.decompressobj(_GZIP)
            else:
                rest, full = self._member.unconsumed_tail, len(piece) == _PIECE

    def _cut(self) -> Iterator[Frame]:
        """Whole frames from the front of what is inflated."""
        start = 0
        try:
            while (cut := self._next(start)) is not None:
                start, frame = cut
                self._charge()
                yield frame
        finally:
            del self._pending[:start]

    def _charge(self) -> None:
        """A frame must have cost its sender something: else a few bytes could be made to hold millions."""
        self._credit -= _LEAST
        if self._credit < 0:
            raise Malformed("more frames than these bytes can carry")

    def _next(self, start: int) -> tuple[int, Frame] | None:
        """The frame that starts here and where it ends; None while bytes of it are missing."""
        if len(self._pending) - start < _HEAD:
            return None
        position, arguments = start + _HEAD, list[bytes]()
        for _ in range(self._count(start)):
            if len(self._pending) - position < _LENGTH.size:
                return None
            end = position + _LENGTH.size + _LENGTH.unpack_from(self._pending, position)[0]
            if end - start > self._limits.frame:
                raise Malformed(f"a frame of more than {self._limits.frame} bytes")
            if end > len(self._pending):
                return None
            arguments.append(bytes(memoryview(self._pending)[position + _LENGTH.size : end]))
            position = end
        return position, tuple(arguments)

    def _count(self, start: int) -> int:
        """The number of arguments that a frame's first byte tells."""
        version, count = divmod(self._pending[start], 16)
        if version != VERSION or self._pending[start + 1 : start + _HEAD] != MAGIC:
            raise Malformed("not a frame of version 2")
        if not 0 < count <= self._limits.arguments:
            raise Malformed(f"a frame of {count} arguments")
        return count
