"""Events as they go out: frames with a place for the token, which is another one on each connection.

A client takes only events that carry its token. What many hear is written once, with zeros where the token belongs; filling
it in costs a copy, not another encoding.
"""

from __future__ import annotations

from typing import Any

from ...messages.catalog import encode

#: How long tokens are: 32 hexadecimal digits.
TOKEN_LENGTH = 32
#: A frame of version 2 with one argument, with two (the low nibble counts them), and what both go on with.
_ONE, _TWO, _MAGIC = b"\x21", b"\x22", b"AXON"
_TOPIC_AT = len(_TWO) + len(_MAGIC)
_BEGIN = b'j:{"token":"'
_HOLE = b"0" * TOKEN_LENGTH


def event(topic: str, event_id: str, data: bytes | None = None, is_error: bool = False) -> bytes:
    """The frame of an event, not stamped yet; ``data`` is JSON, None for an event without any."""
    namespace = encode(topic.partition("::")[0])
    payload = b"" if data is None else b',"data":' + data
    ending = b',"isNested":false,"isError":true}' if is_error else b',"isNested":false,"isError":false}'
    written = encode(topic)
    envelope = b'%s%s","orcName":%s,"id":"%s","topic":%s%s%s' % (
        _BEGIN, _HOLE, namespace, event_id.encode(), written, payload, ending,
    )  # fmt: skip
    return _TWO + _MAGIC + _argument(b"s:" + topic.encode()) + _argument(envelope)


def bare(topic: str, envelope: Any = None) -> bytes:
    """The frame of an event without the usual envelope: with another one, or none."""
    name = _argument(b"s:" + topic.encode())
    return _ONE + _MAGIC + name if envelope is None else _TWO + _MAGIC + name + _argument(b"j:" + encode(envelope))


def stamped(frame: bytes, token: bytes) -> bytes:
    """A frame of :func:`event` with this token in its place."""
    size = int.from_bytes(frame[_TOPIC_AT : _TOPIC_AT + 4], "big")
    place = _TOPIC_AT + 4 + size + 4 + len(_BEGIN)
    return frame[:place] + token + frame[place + TOKEN_LENGTH :]


def _argument(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content
