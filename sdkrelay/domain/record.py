"""What relays keep in common: signed, immutable records; and which of several under one name counts, decided alike everywhere.

A record's id is the SHA-256 of its canonical form without the signature; the relay it was left with signs the id. The set of
records only grows, until each expires: nothing is merged, and what counts follows from the set alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Any

import msgspec
from attrs import evolve, frozen

from ..crypto import schnorr
from .canonical import canonical, quoted
from .clock import LIMIT, milliseconds_of
from .notification import Kind, Notice, SyncMessageData, Topic

#: Seconds a record may live: thirty days.
LONGEST_LIFE = 2_592_000
#: Characters of the names, bytes of the content.
NAME_LENGTH, AUTHOR_LENGTH, CONTENT_SIZE = 128, 256, 65_536
#: Ids of records that expired are remembered for their lifetime and so many seconds.
REMEMBERED = 600

_MEMBERS = frozenset(
    {"kind", "origin", "key", "author", "message_id", "content", "hlc", "ttl", "signature", "record_id"}
)


class BadRecord(ValueError):
    """What another relay sent is no record, or not the one it says, or not signed by whom it says."""


class Sort(StrEnum):
    """What a record is about."""

    MESSAGE = "message"
    PAYMENT = "payment"
    """A fact about a payment; each counts by itself."""


class Outcome(StrEnum):
    """What a store did with a record."""

    KEPT = "kept"
    """It is kept; it counts, or says the same as what counts."""

    SAME = "same"
    """It was kept before, or the same was; nothing changed."""

    REPLACED = "replaced"
    """It is kept, and counts in place of its author's earlier one or of a later author's."""

    BEATEN = "beaten"
    """It is kept, but another counts under its name."""

    TAKEN = "taken"
    """Somebody else's counts under its name; nothing changed."""

    FULL = "full"
    """Its author, or its relay, has as many as it may; nothing changed."""

    EXPIRED = "expired"
    """Its time has come; nothing changed."""


@frozen
class Record:
    """A record: ``origin`` the relay_id and ``key`` the x-only key of the relay that signed it, ``content`` canonical JSON bytes.

    ``author`` is a user or a session of the origin, ``hlc`` a reading of the hybrid clock, ``ttl`` seconds. ``signature`` is empty
    until it is signed.
    """

    kind: Sort
    origin: str
    key: bytes
    author: str
    message_id: str
    content: bytes
    hlc: int
    ttl: int
    signature: bytes = b""

    @cached_property
    def record_id(self) -> bytes:
        """SHA-256 of the canonical form of all but the signature: 32 bytes."""
        return sha256(_unsigned(self)).digest()

    @property
    def milliseconds(self) -> int:
        """When it was made, in milliseconds since the epoch."""
        return milliseconds_of(self.hlc)

    @property
    def made_at(self) -> int:
        """When it was made, in whole seconds since the epoch."""
        return self.milliseconds // 1000

    @property
    def expires_at(self) -> int:
        """From when on it is no more, in seconds since the epoch."""
        return self.made_at + self.ttl

    @property
    def rank(self) -> tuple[int, bytes]:
        """Its place in the order of all records."""
        return self.hlc, self.record_id

    def signed(self, secret: bytes, auxiliary: bytes) -> Record:
        """The record with its signature by ``secret``; ``auxiliary`` is 32 random bytes. ValueError if ``key`` is another's."""
        if schnorr.xonly(secret) != self.key:
            raise ValueError("a record is signed by the key that it names")
        return evolve(self, signature=schnorr.sign(secret, self.record_id, auxiliary))

    def wire(self) -> dict[str, Any]:
        """The record as relays send it: bytes in hex, ``hlc`` in decimal, because JSON's numbers cannot hold it."""
        return {
            "record_id": self.record_id.hex(),
            "kind": self.kind.value,
            "origin": self.origin,
            "key": self.key.hex(),
            "author": self.author,
            "message_id": self.message_id,
            "content": msgspec.json.decode(self.content),
            "hlc": str(self.hlc),
            "ttl": self.ttl,
            "signature": self.signature.hex(),
        }

    def text(self) -> str:
        """The same as one JSON text."""
        return msgspec.json.encode(self.wire()).decode()

    @classmethod
    def read(cls, text: str | bytes) -> Record:
        """The record in what :meth:`text` makes; BadRecord for all else."""
        try:
            wire = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise BadRecord("a record is not JSON") from None
        return cls.parse(wire)

    @classmethod
    def parse(cls, wire: Mapping[str, Any]) -> Record:
        """The record in what :meth:`wire` makes; BadRecord for all else, an id that is not its own included.

        The signature is not checked: see :func:`verify`.
        """
        if not isinstance(wire, dict) or wire.keys() != _MEMBERS:
            raise BadRecord("a record has exactly its members")
        try:
            record = cls(
                kind=Sort(_name(wire["kind"], NAME_LENGTH)),
                origin=_name(wire["origin"], NAME_LENGTH),
                key=_bytes(wire["key"], 32),
                author=_name(wire["author"], AUTHOR_LENGTH),
                message_id=_name(wire["message_id"], NAME_LENGTH),
                content=_content(wire["content"]),
                hlc=_hlc(wire["hlc"]),
                ttl=_ttl(wire["ttl"]),
                signature=_bytes(wire["signature"], 64),
            )
            fits = record.record_id == _bytes(wire["record_id"], 32)
        except BadRecord:
            raise
        except ValueError:
            raise BadRecord("a member of a record has not its form") from None
        if not fits:
            raise BadRecord("a record under an id that is not its own")
        return record


def verify(record: Record) -> bool:
    """Whether the relay that a record names did sign it."""
    return schnorr.verify(record.key, record.record_id, record.signature)


def winner(records: Iterable[Record]) -> Record | None:
    """Which of the records under one ``message_id`` counts; None of none.

    The author of the lowest (hlc, record_id) keeps the name, so nobody overwrites another's; of that author's the highest counts.
    It depends on nothing but the set, so every relay that has the same records decides alike.
    """
    known = list(records)
    if len(known) < 2:
        return known[0] if known else None
    owner = min(known, key=_rank).author
    return max((record for record in known if record.author == owner), key=_rank)


def is_same(one: Record, other: Record) -> bool:
    """Whether two records say the same under the same name by the same author: one is the other sent again."""
    return (one.author, one.message_id, one.content) == (other.author, other.message_id, other.content)


def notice_of(record: Record) -> Notice:
    """What is told of a message that counts."""
    data = SyncMessageData(
        message_id=record.message_id,
        content=msgspec.json.decode(record.content),
        timestamp=record.made_at,
        expires_at=record.expires_at,
    )
    return Notice(Kind.SYNC_MESSAGE, Topic.SYNC, data)


def _rank(record: Record) -> tuple[int, bytes]:
    return record.rank


def _unsigned(record: Record) -> bytes:
    """The canonical form of all but the signature; the members are in their order."""
    head = f'{{"author":{quoted(record.author)},"content":'
    tail = (
        f',"hlc":"{record.hlc}","key":"{record.key.hex()}","kind":{quoted(record.kind)}'
        f',"message_id":{quoted(record.message_id)},"origin":{quoted(record.origin)},"ttl":{record.ttl}}}'
    )
    return head.encode() + record.content + tail.encode()


def _name(value: object, longest: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise BadRecord("a name of a record is not a short string")
    return value


def _bytes(value: object, size: int) -> bytes:
    content = bytes.fromhex(value) if isinstance(value, str) and len(value) == 2 * size else b""
    # Capitals and white space, which are read too, do not come back.
    if not content or content.hex() != value:
        raise BadRecord(f"{size} bytes of a record are not in lower-case hexadecimal")
    return content


def _content(value: object) -> bytes:
    if not isinstance(value, dict):
        raise BadRecord("the content of a record is not an object")
    content = canonical(value)
    if len(content) > CONTENT_SIZE:
        raise BadRecord("the content of a record is too large")
    return content


def _hlc(value: object) -> int:
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > 19:
        raise BadRecord("the clock of a record is not a number in decimal")
    number = int(value)
    if str(number) != value or number >= LIMIT:
        raise BadRecord("the clock of a record is out of range")
    return number


def _ttl(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LONGEST_LIFE:
        raise BadRecord("the lifetime of a record is out of range")
    return value
