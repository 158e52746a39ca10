"""What a client says: each frame becomes a typed value, or a refusal that is itself the answer to send.

Nothing here closes a connection. Whoever calls has bounded the frame's size before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from attrs import frozen

from ...domain.nostr.event import UNREADABLE, Event, encode, found_id, parse_event
from ...domain.nostr.filter import Filter, filter_members, parse_filter
from ...domain.nostr.refusal import Prefix, Refusal, invalid
from .relay import Closed, Notice, Ok, Reconcile, ReconcileError, unhexed

#: Characters (code points) of a subscription's name.
LONGEST_NAME = 64
#: Filters of one message: more are not even read, since each costs more than its bytes.
MOST_FILTERS = 100
_CARRIES_EVENT = re.compile(rb'[ \t\r\n]*\[[ \t\r\n]*"(?:EVENT|AUTH)"')

T = TypeVar("T")
Answer = Ok | Closed | Notice | ReconcileError


class Refused(Exception):
    """A frame that is not taken; ``answer`` is what the client is told."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer


@frozen
class Publish:
    """EVENT: an event to be stored and told; its shape is checked, its id and signature not yet."""

    event: Event

    def encoded(self) -> bytes:
        """The frame."""
        return b'["EVENT",' + self.event.encoded() + b"]"


@frozen
class Authenticate:
    """AUTH: an event that proves a key; its shape is checked, nothing else."""

    event: Event

    def encoded(self) -> bytes:
        """The frame."""
        return b'["AUTH",' + self.event.encoded() + b"]"


@frozen
class Subscribe:
    """REQ: stored events, then live ones, that one of the filters matches."""

    subscription: str
    filters: tuple[Filter, ...]

    def encoded(self) -> bytes:
        """The frame."""
        return encode(("REQ", self.subscription, *map(filter_members, self.filters)))


@frozen
class Count:
    """COUNT: how many stored events one of the filters matches (NIP-45)."""

    subscription: str
    filters: tuple[Filter, ...]

    def encoded(self) -> bytes:
        """The frame."""
        return encode(("COUNT", self.subscription, *map(filter_members, self.filters)))


@frozen
class Unsubscribe:
    """CLOSE: no more of this subscription."""

    subscription: str

    def encoded(self) -> bytes:
        """The frame."""
        return encode(("CLOSE", self.subscription))


@frozen
class ReconcileOpen:
    """NEG-OPEN: begin to reconcile what a filter matches, with the first message (NIP-77)."""

    subscription: str
    filter: Filter
    message: bytes

    def encoded(self) -> bytes:
        """The frame."""
        return encode(("NEG-OPEN", self.subscription, filter_members(self.filter), self.message.hex()))


@frozen
class ReconcileClose:
    """NEG-CLOSE: the reconciliation is over."""

    subscription: str

    def encoded(self) -> bytes:
        """The frame."""
        return encode(("NEG-CLOSE", self.subscription))


ClientMessage = Publish | Authenticate | Subscribe | Count | Unsubscribe | ReconcileOpen | Reconcile | ReconcileClose


def parse_client(frame: bytes) -> ClientMessage:
    """What a client said; Refused, with the answer to send, for what it cannot say."""
    try:
        parts: list[Any] = _frame.decode(frame)
        verb = _text.decode(parts[0]) if parts else ""
    except UNREADABLE:
        raise _unreadable(frame) from None
    reader = _READERS.get(verb)
    if reader is None:
        raise Refused(Notice(f"invalid: {verb[:32]!r} is not a message of a client"))
    return reader(parts[1:])


def _unreadable(frame: bytes) -> Refused:
    event_id = found_id(frame) if _CARRIES_EVENT.match(frame) else None
    if event_id is None:
        return Refused(Notice("invalid: a frame must be one JSON array that begins with a verb"))
    return Refused(Ok(event_id, False, "invalid: the frame is not JSON in UTF-8"))


def _event(parts: Sequence[msgspec.Raw]) -> Event:
    raw = bytes(parts[0]) if parts else b""
    try:
        return parse_event(raw)
    except Refusal as refusal:
        event_id = found_id(raw)
        answer = Notice(refusal.reason) if event_id is None else Ok(event_id, False, refusal.reason)
        raise Refused(answer) from None


def _publish(parts: Sequence[msgspec.Raw]) -> Publish:
    return Publish(_event(parts))


def _authenticate(parts: Sequence[msgspec.Raw]) -> Authenticate:
    return Authenticate(_event(parts))


def _subscribe(parts: Sequence[msgspec.Raw]) -> Subscribe:
    name = _name(parts, Closed)
    return Subscribe(name, _answered(lambda: _filters(parts[1:]), Closed, name))


def _count(parts: Sequence[msgspec.Raw]) -> Count:
    name = _name(parts, Closed)
    return Count(name, _answered(lambda: _filters(parts[1:]), Closed, name))


def _unsubscribe(parts: Sequence[msgspec.Raw]) -> Unsubscribe:
    return Unsubscribe(_string(parts))


def _reconcile_open(parts: Sequence[msgspec.Raw]) -> ReconcileOpen:
    name = _name(parts, ReconcileError)

    def read() -> ReconcileOpen:
        if len(parts) < 3:
            raise invalid("NEG-OPEN takes a filter and a message")
        return ReconcileOpen(name, parse_filter(bytes(parts[1])), unhexed(_string(parts[2:])))

    return _answered(read, ReconcileError, name)


def _reconcile(parts: Sequence[msgspec.Raw]) -> Reconcile:
    name = _name(parts, ReconcileError)
    return _answered(lambda: Reconcile(name, unhexed(_string(parts[1:]))), ReconcileError, name)


def _reconcile_close(parts: Sequence[msgspec.Raw]) -> ReconcileClose:
    return ReconcileClose(_string(parts))


def _filters(parts: Sequence[msgspec.Raw]) -> tuple[Filter, ...]:
    if not parts:
        raise invalid("at least one filter is needed")
    if len(parts) > MOST_FILTERS:
        raise invalid(f"at most {MOST_FILTERS} filters are read")
    return tuple(parse_filter(bytes(part)) for part in parts)


def _name(parts: Sequence[msgspec.Raw], refuse: Callable[[str, str], Answer]) -> str:
    name = _string(parts)
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Refused(refuse(name, f"{Prefix.INVALID}: a subscription's name has 1 to {LONGEST_NAME} characters"))
    return name


def _string(parts: Sequence[msgspec.Raw]) -> str:
    try:
        return _text.decode(parts[0]) if parts else _text.decode(b"")
    except UNREADABLE:
        raise Refused(Notice("invalid: expected a string")) from None


def _answered(read: Callable[[], T], refuse: Callable[[str, str], Answer], name: str) -> T:
    try:
        return read()
    except Refusal as refusal:
        raise Refused(refuse(name, refusal.reason)) from None


_frame = msgspec.json.Decoder(list[msgspec.Raw])
_text = msgspec.json.Decoder(str)
_READERS: dict[str, Callable[[Sequence[msgspec.Raw]], ClientMessage]] = {
    "EVENT": _publish,
    "AUTH": _authenticate,
    "REQ": _subscribe,
    "COUNT": _count,
    "CLOSE": _unsubscribe,
    "NEG-OPEN": _reconcile_open,
    "NEG-MSG": _reconcile,
    "NEG-CLOSE": _reconcile_close,
}
