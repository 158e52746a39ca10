"""The event of NIP-01: read exactly, identified, verified, and written as the seven fields that are served.

Reading goes from cheap to dear: shape first, then (by whoever reads) the rules, and only then the hash and the signature.
Two spellings of one event cannot both be accepted: hex is lowercase, numbers are whole, no name stands twice.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ...crypto import schnorr
from .refusal import Refusal, invalid

#: The latest time that fits every store: seconds since the epoch.
LATEST = 2**63 - 1
#: What is said of an event that is not what its id says.
WRONG_ID = "id is not the hash of the event"

Tag = tuple[str, ...]

_ID = re.compile(rb'"id"[ \t\r\n]*:[ \t\r\n]*"([0-9a-fA-F]{64})"')
#: What a decoder may raise for hostile bytes.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Event(Struct, frozen=True, gc=False):
    """A signed event: ``id``, ``pubkey`` (64) and ``sig`` (128) lowercase hex, ``created_at`` seconds since the epoch."""

    id: str
    pubkey: str
    created_at: Annotated[int, Meta(ge=0, le=LATEST)]
    kind: Annotated[int, Meta(ge=0, le=65535)]
    tags: tuple[Tag, ...]
    content: str
    sig: str

    def encoded(self) -> bytes:
        """The JSON that is stored and served: exactly these fields in this order, no spaces, escapes as in the canonical form."""
        return encode(self)

    def computed_id(self) -> str:
        """SHA-256 of the canonical array, in hex: what ``id`` must be."""
        return sha256(canonical(self.pubkey, self.created_at, self.kind, self.tags, self.content)).hexdigest()

    def signed(self) -> bool:
        """Whether the signature is the author's, over ``id``; about 40 µs."""
        return schnorr.verify(bytes.fromhex(self.pubkey), bytes.fromhex(self.id), bytes.fromhex(self.sig))

    def values(self, name: str) -> list[str]:
        """The first value of each tag of that name; tags without a value are left out."""
        return [tag[1] for tag in self.tags if len(tag) > 1 and tag[0] == name]

    def first(self, name: str) -> str | None:
        """The first tag's value of that name, "" if that tag has none; None without such a tag."""
        for tag in self.tags:
            if tag and tag[0] == name:
                return tag[1] if len(tag) > 1 else ""
        return None


_decoder = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()
encode = _encoder.encode


def canonical(pubkey: str, created_at: int, kind: int, tags: tuple[Tag, ...], content: str) -> bytes:
    """The bytes whose SHA-256 is the id (NIP-01): C0 characters but \\b \\t \\n \\f \\r as ``\\u00xx``, all else verbatim."""
    return encode((0, pubkey, created_at, kind, tags, content))


def is_hex(text: str, size: int) -> bool:
    """Whether this is the lowercase hex of ``size`` bytes."""
    try:
        return len(text) == 2 * size and bytes.fromhex(text).hex() == text
    except ValueError:
        return False


def parse_event(raw: bytes | str) -> Event:
    """The event in a JSON object, its shape checked and neither its id nor its signature; Refusal (invalid) otherwise.

    Further members are let pass and never served; duplicate names, floats and numbers beyond 64 bits are refused.
    """
    try:
        event = _decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise invalid(_explained(error)) from None
    except UNREADABLE:
        raise invalid("the event is not JSON in UTF-8") from None
    for name, value, size in (("id", event.id, 32), ("pubkey", event.pubkey, 32), ("sig", event.sig, 64)):
        if not is_hex(value, size):
            raise invalid(f"{name} must be {2 * size} lowercase hexadecimal characters")
    _refuse_duplicates(raw, event)
    return event


def require_genuine(event: Event) -> None:
    """Refusal (invalid) unless the id is the hash of the event and the signature the author's over it."""
    if event.computed_id() != event.id:
        raise invalid(WRONG_ID)
    if not event.signed():
        raise invalid("the signature does not verify")


def found_id(raw: bytes) -> str | None:
    """What looks like an event's id in bytes that are no event, so that even they get an OK; None if nothing does."""
    found = _ID.search(raw)
    return found[1].decode() if found else None


def _explained(error: msgspec.ValidationError) -> str:
    """The decoder's own words, which name the place and never repeat a value but a member's name of ours."""
    return str(error).replace("`", "")


def _refuse_duplicates(raw: bytes | str, event: Event) -> None:
    """Cheap where the bytes are as short as the event can be, which leaves no room for a second member of any name."""
    if isinstance(raw, bytes) and len(raw) == len(encode(event)):
        return
    refuse_duplicates(raw)


def refuse_duplicates(raw: bytes | str) -> None:
    """Refusal (invalid) if an object in this JSON has two members of one name."""
    try:
        json.loads(raw, object_pairs_hook=_distinct)
    except Refusal:
        raise
    except (ValueError, RecursionError):
        raise invalid("not JSON in UTF-8") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise invalid("an object has two members of one name")
    return members
