"""Finds what two large sets do not share, by comparing fingerprints of ranges: the negentropy protocol, version 1.

One side initiates and learns which ids it alone has and which it lacks; the other only responds, and remembers nothing between
frames. Frames are bytes in and bytes out: whoever moves them bounds how many there are. A frame makes bounded work, whatever
it says, and what is left over is asked again as one range.
Source: negentropy-protocol-v1 (github.com/hoytech/negentropy), which NIP-77 carries too.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise

from attrs import Factory, define, frozen

from .items import ID_SIZE, INFINITE, STAMP_SIZE, Items, ItemSet

__all__ = [
    "FINGERPRINT", "ID_LIST", "SKIP", "VERSION", "Findings", "ItemSet", "Items", "MalformedFrame", "Reconciler", "fingerprint",
]  # fmt: skip

#: The first byte of every frame.
VERSION = 0x61
#: The kinds of range.
SKIP, FINGERPRINT, ID_LIST = 0, 1, 2

FINGERPRINT_SIZE = 16
#: Frames may not be limited to less than this many bytes.
SMALLEST_LIMIT = 4096
#: Into so many ranges one with a different fingerprint is split; one with fewer items than twice that is listed.
BRANCHES = 16
#: So many ranges of a frame, and so many of our own items for lists of ids, are looked at; the rest is asked again.
RANGES = 3_000
COMPARED = 20_000
#: A list of ids about a range in which we have more than this is not compared: our range is split instead.
LISTED = 4_096

#: After so many frames that show nothing new, or so many ids, the other side only wants to go on for ever; honest ones show
#: something at least every fifth frame.
FRUITLESS, MOST = 32, 4_000_000

#: Kept free in a frame for the range that asks again: two bounds, their kinds, and a fingerprint.
_RESERVE = 128
#: As much as a bound and the count of a list of ids can take.
_LIST_HEAD = 64
_MASK = 2**256 - 1
_END = INFINITE.to_bytes(STAMP_SIZE, "big")
_START = bytes(STAMP_SIZE)
_SKIP = bytes([SKIP])
_DIGITS = tuple(bytes([digit]) for digit in range(128))


class MalformedFrame(ValueError):
    """What the other side sent is no frame of this protocol."""


#: A range as it is written: its upper bound, and its kind with what belongs to it.
_Piece = tuple[bytes, bytes]


@frozen
class _Range:
    """A range as it was read: from ``lower`` up to ``upper`` without it, both bounds; ``payload`` a fingerprint or ids."""

    lower: bytes
    upper: bytes
    kind: int
    payload: bytes


@define
class Findings:
    """What one frame showed to the side that asks: ids it ``have``s and the other lacks, and ids it ``need``s."""

    have: list[bytes] = Factory(list)
    need: list[bytes] = Factory(list)
    compared: int = 0


class Reconciler:
    """One side of a reconciliation of a sealed set; frames are at most ``frame_limit`` bytes."""

    def __init__(self, items: Items, frame_limit: int = 60_000) -> None:
        if frame_limit < SMALLEST_LIMIT:
            raise ValueError(f"frames cannot be limited to less than {SMALLEST_LIMIT} bytes")
        self._items = items
        self._limit = frame_limit
        self._told: set[bytes] = set()
        self._summed = (0, 0)
        self._fruitless = 0

    def initiate(self) -> bytes:
        """The first frame: one fingerprint of everything, so that equal sets cost twenty bytes."""
        writer = _Writer(self._limit)
        self._ask_again(writer, _START)
        return bytes(writer.frame)

    def respond(self, frame: bytes) -> bytes:
        """The answer to a frame of the side that initiated; the version alone if it speaks another. MalformedFrame for garbage."""
        if frame and frame[0] != VERSION:
            return bytes([VERSION])
        return self._answer(frame, None)

    def proceed(self, frame: bytes) -> tuple[bytes | None, list[bytes], list[bytes]]:
        """The next frame, None at the end; the ids that only this side has, and only the other. MalformedFrame for garbage.

        A side whose frame is full asks again about ranges that were settled; each id is told once all the same.
        """
        if frame and frame[0] != VERSION:
            raise MalformedFrame("the other side speaks another version of the protocol")
        findings = Findings()
        answer = self._answer(frame, findings)
        self._told.update(findings.have, findings.need)
        self._fruitless = 0 if findings.have or findings.need else self._fruitless + 1
        if self._fruitless > FRUITLESS or len(self._told) > MOST:
            raise MalformedFrame("frames that lead nowhere")
        return (answer if len(answer) > 1 else None), findings.have, findings.need

    def _answer(self, frame: bytes, findings: Findings | None) -> bytes:
        writer = _Writer(self._limit)
        for count, each in enumerate(_ranges(frame)):
            pieces = None if count >= RANGES else self._pieces(each, writer.room, findings)
            if pieces is None or not writer.put(each.lower, pieces):
                self._ask_again(writer, each.lower)
                break
            if pieces and pieces[-1][0] < each.upper:
                self._ask_again(writer, pieces[-1][0])
                break
        return bytes(writer.frame)

    def _ask_again(self, writer: _Writer, lower: bytes) -> None:
        """End the frame with one fingerprint of all from this bound on."""
        writer.close(lower, self._fingerprint(self._items.find(lower), len(self._items)))

    def _pieces(self, each: _Range, room: int, findings: Findings | None) -> list[_Piece] | None:
        """What is answered to one range: nothing where both agree; None where it must wait for another frame."""
        if each.kind == SKIP:
            return []
        lower, upper = self._items.find(each.lower), self._items.find(each.upper)
        if each.kind == FINGERPRINT:
            same = self._fingerprint(lower, upper) == each.payload
            return [] if same else self._split(lower, upper, each.upper)
        if findings is None:
            return self._list(lower, upper, each.upper, room)
        if upper - lower > LISTED:
            return self._split(lower, upper, each.upper)
        return self._compare(lower, upper, each.payload, findings)

    def _compare(self, lower: int, upper: int, theirs: bytes, findings: Findings) -> list[_Piece] | None:
        findings.compared += upper - lower
        if findings.compared > COMPARED:
            return None
        ours = self._items.ids(lower, upper)
        listed = {theirs[start : start + ID_SIZE] for start in range(0, len(theirs), ID_SIZE)}
        findings.have += [each for each in ours if each not in listed and each not in self._told]
        findings.need += sorted(listed.difference(ours, self._told))
        return []

    def _list(self, lower: int, upper: int, bound: bytes, room: int) -> list[_Piece] | None:
        """Our ids of a range, as many as fit; the piece then ends before the first that does not. None if not one fits."""
        fitting = lower + (room - _LIST_HEAD) // ID_SIZE
        if fitting <= lower < upper:
            return None
        if fitting < upper:
            upper, bound = fitting, self._between(fitting)
        return [(bound, _listed(self._items.ids(lower, upper)))]

    def _split(self, lower: int, upper: int, bound: bytes) -> list[_Piece]:
        """Our side of a range that differs: its ids if they are few, else the fingerprints of its parts."""
        count = upper - lower
        if count < 2 * BRANCHES:
            return [(bound, _listed(self._items.ids(lower, upper)))]
        ends = [lower + count * branch // BRANCHES for branch in range(BRANCHES + 1)]
        bounds = [*(self._between(end) for end in ends[1:-1]), bound]
        prints = [self._fingerprint(start, end) for start, end in pairwise(ends)]
        return [(each, bytes([FINGERPRINT]) + seen) for each, seen in zip(bounds, prints, strict=True)]

    def _between(self, index: int) -> bytes:
        """The shortest bound that has this item at or above it and the one before it below."""
        current = self._items.key(index)
        before = self._items.key(index - 1) if index else bytes(STAMP_SIZE)
        if current[:STAMP_SIZE] != before[:STAMP_SIZE]:
            return current[:STAMP_SIZE]
        size = next(place for place, (one, other) in enumerate(zip(current, before, strict=False)) if one != other)
        return current[: size + 1]

    def _fingerprint(self, lower: int, upper: int) -> bytes:
        """The one of the items ``lower`` … ``upper - 1``; where it ends is kept, for there the next one mostly begins."""
        below = self._summed[1] if self._summed[0] == lower else self._items.sum_before(lower)
        self._summed = (upper, self._items.sum_before(upper))
        return _fingerprint(self._summed[1] - below, upper - lower)


def fingerprint(items: Items) -> bytes:
    """Sixteen bytes that two sets have in common only if they are equal."""
    return _fingerprint(items.sum_before(len(items)), len(items))


def _fingerprint(total: int, count: int) -> bytes:
    return sha256((total & _MASK).to_bytes(32, "little") + _varint(count)).digest()[:FINGERPRINT_SIZE]


class _Writer:
    """A frame as it grows: ranges follow each other without a gap, and what is not answered is skipped."""

    def __init__(self, limit: int) -> None:
        self.frame = bytearray([VERSION])
        self._limit = limit - _RESERVE
        self._reached = _START
        self._timestamp = 0

    @property
    def room(self) -> int:
        """How many bytes are left."""
        return self._limit - len(self.frame)

    def put(self, lower: bytes, pieces: list[_Piece]) -> bool:
        """Write what is answered from a bound on; False, and nothing is written, if it does not fit."""
        return not pieces or self._write(lower, pieces, self.room)

    def close(self, lower: bytes, fingerprint: bytes) -> None:
        """Write one fingerprint from a bound to the end, for which there always is room."""
        self._write(lower, [(_END, bytes([FINGERPRINT]) + fingerprint)], self.room + _RESERVE)

    def _write(self, lower: bytes, pieces: list[_Piece], room: int) -> bool:
        timestamp, addition = self._timestamp, bytearray()
        for bound, rest in [(lower, _SKIP), *pieces] if lower > self._reached else pieces:
            stamp = int.from_bytes(bound[:STAMP_SIZE], "big")
            addition += _varint(0 if stamp == INFINITE else stamp - timestamp + 1)
            addition += _DIGITS[len(bound) - STAMP_SIZE] + bound[STAMP_SIZE:] + rest
            timestamp = stamp
        if len(addition) > room:
            return False
        self.frame += addition
        self._timestamp, self._reached = timestamp, pieces[-1][0]
        return True


def _ranges(frame: bytes) -> Iterator[_Range]:
    """The ranges of a frame, ascending; MalformedFrame as soon as it is none."""
    reader = _Reader(frame, 1)
    lower, timestamp = _START, 0
    if not frame:
        raise MalformedFrame("an empty frame")
    while reader.place < len(frame):
        offset = reader.varint()
        timestamp = timestamp + offset - 1 if offset else INFINITE
        if timestamp > INFINITE:
            raise MalformedFrame("a timestamp beyond the largest")
        prefix = reader.take(_at_most(reader.varint(), ID_SIZE)).rstrip(b"\x00")
        upper = timestamp.to_bytes(STAMP_SIZE, "big") + prefix
        if upper < lower or lower >= _END:
            raise MalformedFrame("ranges out of order")
        kind = reader.varint()
        yield _Range(lower, upper, kind, _payload(reader, kind))
        lower = upper


def _payload(reader: _Reader, kind: int) -> bytes:
    if kind == SKIP:
        return b""
    if kind == FINGERPRINT:
        return reader.take(FINGERPRINT_SIZE)
    if kind == ID_LIST:
        return reader.take(ID_SIZE * reader.varint())
    raise MalformedFrame("a range of an unknown kind")


@define
class _Reader:
    """Reads a frame from its front; MalformedFrame where it ends too early."""

    frame: bytes
    place: int

    def take(self, size: int) -> bytes:
        """The next bytes."""
        start, self.place = self.place, self.place + size
        if self.place > len(self.frame):
            raise MalformedFrame("a frame that ends too early")
        return self.frame[start : self.place]

    def varint(self) -> int:
        """The next number below 2^64: seven bits a byte, the highest first, all bytes but the last marked."""
        if self.place < len(self.frame) and self.frame[self.place] < 0x80:
            self.place += 1
            return self.frame[self.place - 1]
        number = 0
        for place in range(self.place, len(self.frame)):
            byte = self.frame[place]
            number = number << 7 | byte & 0x7F
            if number > INFINITE:
                break
            if byte < 0x80:
                self.place = place + 1
                return number
        raise MalformedFrame("a number that is too long, or not whole")


def _at_most(number: int, limit: int) -> int:
    if number > limit:
        raise MalformedFrame("an id that is too long")
    return number


def _listed(ids: list[bytes]) -> bytes:
    return bytes([ID_LIST]) + _varint(len(ids)) + b"".join(ids)


def _varint(number: int) -> bytes:
    """A number of at most 64 bits, seven a byte, the highest first."""
    if number < 0x80:
        return _DIGITS[number]
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))
