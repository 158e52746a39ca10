"""What a relay says: written for clients, and read where this relay is one itself.

An EVENT is written once for all its receivers: the stored bytes between a prefix, which knows the subscription, and a bracket.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from attrs import frozen

from ...domain.nostr.event import UNREADABLE, Event, encode, parse_event
from ...domain.nostr.refusal import invalid


@frozen
class Ok:
    """The answer to EVENT and AUTH; ``reason`` is ``prefix: text``, or "" where all is well."""

    event_id: str
    accepted: bool
    reason: str = ""

    def encoded(self) -> bytes:
        """The frame."""
        return encode(("OK", self.event_id, self.accepted, self.reason))


@frozen
class Closed:
    """A subscription or a COUNT is refused or ended."""

    subscription: str
    reason: str

    def encoded(self) -> bytes:
        """The frame."""
        return encode(("CLOSED", self.subscription, self.reason))


@frozen
class Notice:
    """Words for a person, where nothing else can be answered."""

    text: str

    def encoded(self) -> bytes:
        """The frame."""
        return encode(("NOTICE", self.text))


@frozen
class EndOfStored:
    """All stored events were sent; ``hints`` (NIP-67: ``finish`` or ``more``) are left out where None."""

    subscription: str
    hints: tuple[str, ...] | None = None

    def encoded(self) -> bytes:
        """The frame."""
        return encode(("EOSE", self.subscription, *(() if self.hints is None else (self.hints,))))


@frozen
class Challenge:
    """What a client must sign to prove a key (NIP-42)."""

    challenge: str

    def encoded(self) -> bytes:
        """The frame."""
        return encode(("AUTH", self.challenge))


@frozen
class Counted:
    """The answer to COUNT (NIP-45); ``registers`` are HyperLogLog's 256 bytes, where the filter has such."""

    subscription: str
    count: int
    registers: bytes | None = None

    def encoded(self) -> bytes:
        """The frame."""
        figures: dict[str, Any] = {"count": self.count}
        if self.registers is not None:
            figures["hll"] = self.registers.hex()
        return encode(("COUNT", self.subscription, figures))


@frozen
class Reconcile:
    """The next message of a reconciliation (NIP-77), in either direction."""

    subscription: str
    message: bytes

    def encoded(self) -> bytes:
        """The frame."""
        return encode(("NEG-MSG", self.subscription, self.message.hex()))


@frozen
class ReconcileError:
    """A reconciliation is refused or ended; ``cap`` is how many records would have been taken."""

    subscription: str
    reason: str
    cap: int | None = None

    def encoded(self) -> bytes:
        """The frame."""
        return encode(("NEG-ERR", self.subscription, self.reason, *(() if self.cap is None else (self.cap,))))


@frozen
class Found:
    """An event for a subscription."""

    subscription: str
    event: Event

    def encoded(self) -> bytes:
        """The frame."""
        return event_frame(event_prefix(self.subscription), self.event.encoded())


RelayMessage = Ok | Closed | Notice | EndOfStored | Challenge | Counted | Reconcile | ReconcileError | Found


def event_prefix(subscription: str) -> bytes:
    """How each EVENT for this subscription begins; made once for all of them."""
    return b'["EVENT",' + encode(subscription) + b","


def event_frame(prefix: bytes, event: bytes) -> bytes:
    """The frame of an event as it is stored."""
    return prefix + event + b"]"


def parse_relay(frame: bytes) -> RelayMessage:
    """What another relay said; Refusal (invalid) for what is none of it. Events are not verified."""
    try:
        parts = msgspec.json.decode(frame, type=list[msgspec.Raw])
        return _read([bytes(part) for part in parts])
    except UNREADABLE:
        raise invalid("not a message of a relay") from None


def _read(parts: list[bytes]) -> RelayMessage:
    verb = msgspec.json.decode(parts[0], type=str) if parts else ""
    if verb == "EVENT" and len(parts) == 3:
        return Found(msgspec.json.decode(parts[1], type=str), parse_event(parts[2]))
    kind = _SHAPES.get(verb)
    if kind is None:
        raise invalid("not a message of a relay")
    return _plain(verb, msgspec.json.decode(b"[" + b",".join(parts[1:]) + b"]", type=kind))


_SHAPES: dict[str, Any] = {
    "OK": tuple[str, bool, str],
    "CLOSED": tuple[str, str],
    "NOTICE": tuple[str],
    "EOSE": list[str | list[str]],
    "AUTH": tuple[str],
    "COUNT": tuple[str, dict[str, Any]],
    "NEG-MSG": tuple[str, str],
    "NEG-ERR": list[str | int],
}


def _plain(verb: str, values: Iterable[Any]) -> RelayMessage:
    items = list(values)
    if verb == "COUNT":
        return _counted(*items)
    if verb == "NEG-MSG":
        return Reconcile(items[0], unhexed(items[1]))
    if verb in ("EOSE", "NEG-ERR"):
        return _lenient(verb, items)
    simple: dict[str, type[Any]] = {"OK": Ok, "CLOSED": Closed, "NOTICE": Notice, "AUTH": Challenge}
    made: RelayMessage = simple[verb](*items)
    return made


def _lenient(verb: str, items: list[Any]) -> RelayMessage:
    """Messages that newer relays make longer than older ones did."""
    if not items or not isinstance(items[0], str):
        raise invalid("a subscription must be named")
    if verb == "EOSE":
        hints = items[1] if len(items) > 1 and isinstance(items[1], list) else None
        return EndOfStored(items[0], None if hints is None else tuple(hints))
    reason = items[1] if len(items) > 1 and isinstance(items[1], str) else ""
    return ReconcileError(items[0], reason, items[2] if len(items) > 2 and isinstance(items[2], int) else None)


def _counted(subscription: str, figures: dict[str, Any]) -> Counted:
    count, registers = figures.get("count"), figures.get("hll")
    if type(count) is not int or count < 0:
        raise invalid("a count must be a whole number")
    return Counted(subscription, count, unhexed(registers) if isinstance(registers, str) else None)


def unhexed(text: str) -> bytes:
    """The bytes of a hexadecimal text of either case; Refusal (invalid) for anything else."""
    try:
        if not text.isalnum():
            raise ValueError
        return bytes.fromhex(text)
    except ValueError:
        raise invalid("expected hexadecimal characters") from None
