"""How the event store names things in its indexes: short bytes, whatever length the text had."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from ....domain.nostr.event import Event, is_hex
from ....domain.nostr.rules import Address, indexed_tags

#: Texts of more bytes are known by their hash.
_LONGEST = 64


def label(letter: str, value: str) -> bytes:
    """A tag's letter and value: ids and keys as their 32 bytes, other texts as they are, long ones as their SHA-256."""
    if is_hex(value, 32):
        return letter.encode() + b"\x00" + bytes.fromhex(value)
    text = value.encode()
    if len(text) > _LONGEST:
        return letter.encode() + b"\x02" + sha256(text).digest()
    return letter.encode() + b"\x01" + text


def labels_of(event: Event) -> list[bytes]:
    """Each value of an event that filters can ask for, once."""
    return [label(letter, value) for letter, value in indexed_tags(event.tags)]


def labels(letter: str, values: Iterable[str]) -> list[bytes]:
    """The values of a filter's tag condition, in one order for one set."""
    return sorted(label(letter, value) for value in values)


def address_key(address: Address) -> bytes:
    """What a replaceable or addressable event's place is known by, 32 bytes."""
    return sha256(str(address).encode()).digest()


def tie(event_id: bytes) -> int:
    """The first 64 bits of an id as a signed number of the same order."""
    return int.from_bytes(event_id[:8], "big") - 2**63
