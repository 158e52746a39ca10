"""What an event's tags mean to a relay: its address, its end, its protection, its work, what it deletes, who may see it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from attrs import frozen

from . import kinds
from .event import LATEST, Event, is_hex, parse_event
from .refusal import Prefix, Refusal, invalid

_PORTS = {"ws": 80, "wss": 443, "http": 80, "https": 443}


@frozen(order=True)
class Address:
    """What a replaceable or addressable event is known by: of one address only the newest event is kept."""

    kind: int
    pubkey: str
    identifier: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.pubkey}:{self.identifier}"


def address_of(event: Event) -> Address | None:
    """The address of a replaceable (``d`` tags mean nothing there) or addressable event; None for other kinds."""
    if kinds.is_replaceable(event.kind):
        return Address(event.kind, event.pubkey)
    if kinds.is_addressable(event.kind):
        return Address(event.kind, event.pubkey, event.first("d") or "")
    return None


def parse_address(text: str) -> Address | None:
    """The address an ``a`` tag names, ``kind:pubkey:identifier``; None for what names none."""
    kind, _, rest = text.partition(":")
    pubkey, separator, identifier = rest.partition(":")
    if not (kind.isascii() and kind.isdigit() and len(kind) <= 5 and is_hex(pubkey, 32)):
        return None
    number = int(kind)
    if kinds.is_replaceable(number):
        return None if identifier else Address(number, pubkey)
    return Address(number, pubkey, identifier) if separator and kinds.is_addressable(number) else None


def newer(event: Event, than: Event) -> bool:
    """Whether the first replaces the second at one address: created later or, at the same second, with the lower id."""
    return (-event.created_at, event.id) < (-than.created_at, than.id)


def expiration(event: Event) -> int | None:
    """When it ends (NIP-40), seconds since the epoch; None if it does not. Refusal (invalid) unless digits are given."""
    text = event.first("expiration")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise invalid("expiration must be seconds since the epoch, as a string of digits")
    return min(int(text), LATEST)


def is_protected(event: Event) -> bool:
    """Whether only its author may publish it (NIP-70)."""
    return any(tag and tag[0] == "-" for tag in event.tags)


def reposts_protected(event: Event) -> bool:
    """Whether this repost carries an event that only its author may publish (NIP-70)."""
    if event.kind not in kinds.REPOSTS or not event.content:
        return False
    try:
        return is_protected(parse_event(event.content))
    except Refusal:
        return False


def work(event_id: str) -> int:
    """The leading zero bits of an id (NIP-13)."""
    return 256 - int(event_id, 16).bit_length()


def require_work(event: Event, bits: int) -> None:
    """Refusal (pow) unless the id has so many leading zero bits and they were aimed at (NIP-13)."""
    if bits <= 0:
        return
    if work(event.id) < bits:
        raise Refusal(Prefix.POW, f"difficulty {work(event.id)} is less than {bits}")
    target = next((tag[2] for tag in event.tags if len(tag) > 2 and tag[0] == "nonce"), "")
    if not (target.isascii() and target.isdigit() and len(target) < 4 and int(target) >= bits):
        raise Refusal(Prefix.POW, f"the nonce tag does not commit to a difficulty of {bits}")


@frozen
class Deletion:
    """What a kind 5 event asks to forget: ids, and addresses up to the time it was created (NIP-09)."""

    ids: tuple[str, ...]
    addresses: tuple[Address, ...]


def deletion(event: Event) -> Deletion:
    """What a kind 5 event may delete as far as it shows by itself: well-formed ids, and addresses of its own author."""
    ids = dict.fromkeys(value for value in event.values("e") if is_hex(value, 32))
    named = (parse_address(value) for value in event.values("a"))
    own = dict.fromkeys(address for address in named if address is not None and address.pubkey == event.pubkey)
    return Deletion(tuple(ids), tuple(own))


def may_delete(pubkey: str, event: Event) -> bool:
    """Whether that key's kind 5 takes this event away: its author's, and of a gift wrap its recipient's; never a 5 or 62."""
    if event.kind in kinds.LASTING:
        return False
    return pubkey == event.pubkey or (event.kind == kinds.GIFT_WRAP and pubkey in event.values("p"))


def vanishes_here(event: Event, relays: Collection[str]) -> bool:
    """Whether this asks the relay of these URLs to forget its author (NIP-62)."""
    if event.kind != kinds.VANISH:
        return False
    ours = {normalized_url(url) for url in relays}
    return any(value == "ALL_RELAYS" or normalized_url(value) in ours for value in event.values("relay"))


def is_visible(event: Event, readers: Collection[str]) -> bool:
    """Whether somebody who has proved these keys may be served this event (NIP-17, NIP-59)."""
    return event.kind not in kinds.PRIVATE or any(pubkey in readers for pubkey in event.values("p"))


def normalized_url(url: str) -> str:
    """A relay's URL so that two spellings of one are equal: lowercase scheme and host, port written out, no last slash.

    The text itself where it is no URL.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return url
    if not parts.hostname or port is None:
        return url
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.hostname}:{port}{parts.path.rstrip('/')}{query}"


def indexed_tags(tags: Iterable[tuple[str, ...]]) -> set[tuple[str, str]]:
    """The names and values that filters can ask for: single ASCII letters, the first value only."""
    return {(tag[0], tag[1]) for tag in tags if len(tag) > 1 and is_tag_letter(tag[0])}


def is_tag_letter(name: str) -> bool:
    """Whether tags of this name are indexed: a–z and A–Z, which differ."""
    return len(name) == 1 and name.isascii() and name.isalpha()
