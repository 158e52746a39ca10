"""The Xcraft bus on the wire, as values without any socket; both ends are made of this.

Bytes come in through one :class:`Decoder` a connection; each frame it yields is decoded by itself, so that a message that
makes no sense need not end the conversation. Everything from outside is decoded or refused with :class:`Malformed`::

    decoder = Decoder(Limits(frame=2**20))
    for frame in decoder.feed(data):             # Malformed: this connection cannot be read any further
        message = decode(frame)                  # Malformed: this one message is no message
        envelope = message.envelope              # Malformed: the heartbeat and a rejection have none
        payload = content(envelope)              # Malformed: holds a serialised function, or a broken collection

    wire = encode(Message("relay::payment", Envelope(is_xcraft=True, token=..., data={...})))

``Envelope.data`` is plain JSON, UNSET for none; bytes go in ``data["chunk"]`` only. :class:`Patterns` holds values under
patterns of topics and matches as the original does. :class:`Entry`, :func:`read_registry` and :func:`write_registry` are the
commands a server tells. :mod:`.names` has the topics with a meaning.
"""

from __future__ import annotations

from . import names
from .arguments import Argument, Json, pack, unpack
from .content import content
from .envelope import MAX_TOPIC, Envelope, Message, Rejection, Route, decode, encode
from .frames import Decoder, Frame, Limits, pack_frame
from .malformed import Malformed
from .patterns import Patterns, expression, identities
from .registry import Entry, read_registry, write_registry

__all__ = [
    "MAX_TOPIC", "Argument", "Decoder", "Entry", "Envelope", "Frame", "Json", "Limits", "Malformed", "Message", "Patterns",
    "Rejection", "Route", "content", "decode", "encode", "expression", "identities", "names", "pack", "pack_frame",
    "read_registry", "unpack", "write_registry",
]  # fmt: skip
