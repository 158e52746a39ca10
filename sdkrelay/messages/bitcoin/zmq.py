"""bitcoind's ZMQ messages: three parts each, numbered by topic, and never sent again when they were lost."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from attrs import frozen

from . import Malformed

TOPICS = (b"hashblock", b"sequence")


class Event(StrEnum):
    """What happened: a new best block, or by topic ``sequence`` a block or a mempool transaction, by its letter."""

    BLOCK = "hashblock"
    CONNECTED = "C"
    DISCONNECTED = "D"
    ADDED = "A"
    REMOVED = "R"


@frozen
class Announcement:
    """One message: the hash (internal order) of a block or transaction, the topic's counter, and the mempool's for A and R."""

    topic: str
    event: Event
    hash: bytes
    counter: int
    mempool_sequence: int | None = None


class Gaps:
    """Whether anything was lost before a message, by the counter of its publisher and topic."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, str], int] = {}

    def missed(self, publisher: str, announcement: Announcement) -> bool:
        """True when this is not the counter that had to follow; for the first of a topic, unless it is number 0."""
        key = publisher, announcement.topic
        expected = self._next.get(key, 0)
        self._next[key] = (announcement.counter + 1) % 2**32
        return announcement.counter != expected

    def forget(self, publisher: str) -> None:
        """A new connection: whatever comes first now tells nothing of what was before."""
        for key in [key for key in self._next if key[0] == publisher]:
            del self._next[key]


def parse(parts: Sequence[bytes]) -> Announcement:
    """The parts of one message; hashes arrive in display order. Malformed for any other topic or shape."""
    if len(parts) != 3 or len(parts[2]) != 4:
        raise Malformed("a ZMQ message of another shape")
    topic, body, number = parts
    counter = int.from_bytes(number, "little")
    if topic == b"hashblock" and len(body) == 32:
        return Announcement("hashblock", Event.BLOCK, body[::-1], counter)
    if topic == b"sequence":
        return _sequence(body, counter)
    raise Malformed("a ZMQ message of another topic or length")


def _sequence(body: bytes, counter: int) -> Announcement:
    letter = body[32:33]
    if letter in (b"C", b"D") and len(body) == 33:
        return Announcement("sequence", Event(letter.decode()), body[31::-1], counter)
    if letter in (b"A", b"R") and len(body) == 41:
        mempool = int.from_bytes(body[33:], "little")
        return Announcement("sequence", Event(letter.decode()), body[31::-1], counter, mempool)
    raise Malformed("a ZMQ sequence message of another shape")
