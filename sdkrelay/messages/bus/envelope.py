"""A message of the bus: its topic, and the envelope that says from whom, to whom, with which token and what.

Commands and events have the same envelope; which fields are used differs. What is absent is not sent.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET, Struct, field

from .arguments import pack_json, pack_raw, pack_text, unpack_json, unpack_text
from .frames import Frame, pack_frame
from .malformed import Malformed
from .names import HEARTBEAT, REJECT

MAX_TOPIC = 1024
_TOPIC = re.compile(rf"[^\x00-\x1f\x7f\u2028\u2029]{{1,{MAX_TOPIC}}}")


class Route(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """How to answer an orc: ``port`` is the local TCP port of its event connection. All of it is the sender's own word."""

    token: str | None = None
    nice: int | float | None = None
    no_forwarding: bool | None = None
    node_name: str | None = None
    port: int | None = None
    hordes: list[str] | None = None


class Envelope(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What goes with a topic. ``data`` is the payload: any JSON, UNSET for what JavaScript calls undefined.

    Bytes travel as ``data["chunk"]`` only, in an argument of their own. Other fields that a sender adds are not kept.
    """

    is_xcraft: bool = field(name="_xcraftMessage", default=False)
    token: str | None = None
    orc_name: str | None = None
    id: str | None = None
    topic: str | None = None
    data: Any = UNSET
    is_nested: bool = False
    is_error: bool = False
    router: str | None = None
    origin_router: str | None = None
    arp: dict[str, Route] | None = None
    context: dict[str, Any] | None = None
    serialized: bool = False
    broadcasted: bool = field(name="_xcraftBroadcasted", default=False)
    immutable: dict[str, str] | None = field(name="_xImmu", default=None)
    shredded: dict[str, str] | None = field(name="_xShred", default=None)

    @property
    def payload(self) -> Any:
        """``data``, or None where there is none."""
        return None if self.data is UNSET else self.data


class Rejection(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why the server closes this connection; it stands in place of an envelope."""

    code: str
    message: str = ""


class Message(Struct, frozen=True):
    """A topic (of an event) or a name (of a command), and what goes with it: nothing at all for the heartbeat."""

    topic: str
    body: Envelope | Rejection | None = None

    @property
    def envelope(self) -> Envelope:
        """The envelope of a message that must have one. Raises :class:`Malformed`."""
        if not isinstance(self.body, Envelope):
            raise Malformed("a message without an envelope")
        return self.body


_ENVELOPE = msgspec.json.Decoder(Envelope)
_REJECTION = msgspec.json.Decoder(Rejection)
#: A heartbeat is always the same bytes.
_HEARTBEAT = pack_frame(pack_text(HEARTBEAT))


def encode(message: Message) -> bytes:
    """The bytes for the wire. Raises :class:`Malformed` for what the other end could not read as it was meant."""
    if message.body is None:
        if message.topic != HEARTBEAT:
            raise Malformed("only the heartbeat has no envelope: without one the other end breaks")
        return _HEARTBEAT
    _check_topic(message.topic)
    body, chunk = _apart(message.body)
    arguments = [pack_text(message.topic), pack_json(body)]
    return pack_frame(*arguments) if chunk is None else pack_frame(*arguments, pack_raw(chunk))


def decode(frame: Frame) -> Message:
    """The message in a frame. Raises :class:`Malformed`; the next frame can be read all the same."""
    topic = unpack_text(frame[0])
    _check_topic(topic)
    if len(frame) == 1:
        if topic != HEARTBEAT:
            raise Malformed("a message without an envelope")
        return Message(topic)
    if topic == REJECT:
        return Message(topic, unpack_json(_REJECTION, frame[1]))
    envelope = unpack_json(_ENVELOPE, frame[1])
    if len(frame) > 2 and envelope.is_xcraft and _lacks_chunk(envelope.data):
        envelope.data["chunk"] = frame[2]
    return Message(topic, envelope)


def _check_topic(topic: str) -> None:
    if not _TOPIC.fullmatch(topic):
        raise Malformed(f"a topic has 1 to {MAX_TOPIC} characters, none of them a control character")


def _lacks_chunk(data: Any) -> bool:
    return isinstance(data, dict) and "chunk" in data and data["chunk"] is None


def _apart(body: Envelope | Rejection) -> tuple[Envelope | Rejection, bytes | None]:
    """The envelope as JSON can hold it, and the bytes it had."""
    if not isinstance(body, Envelope) or not isinstance(body.data, dict):
        return body, None
    chunk = body.data.get("chunk")
    if not isinstance(chunk, bytes):
        return body, None
    return msgspec.structs.replace(body, data={**body.data, "chunk": None}), chunk
