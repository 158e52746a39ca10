"""Events as they go out: frames with a place for the token, which is another one on each connection.

A client takes only events that carry its token. What many hear is written once, with zeros where the token belongs; filling
it in costs a copy, not another encoding.
"""

from __future__ import annotations

from ...messages.bus.arguments import pack_text
from ...messages.bus.frames import MAGIC, VERSION
from ...messages.catalog import encode

#: How long tokens are: 32 hexadecimal digits.
TOKEN_LENGTH = 32
#: What a frame of two arguments, and an envelope, begin with.
_HEAD = bytes([VERSION << 4 | 2]) + MAGIC
_BEGIN = b'j:{"token":"'
_HOLE = b"0" * TOKEN_LENGTH
_END, _END_OF_ERROR = b',"isNested":false,"isError":false}', b',"isNested":false,"isError":true}'


def event(topic: str, event_id: str, data: bytes | None = None, is_error: bool = False) -> bytes:
    """The frame of an event, not stamped yet; ``data`` is JSON, None for an event without any.

    It does not say ``_xcraftMessage``, at which clients would look for collections and bytes inside the payload and decode
    what others have put there.
    """
    namespace = encode(topic.partition("::")[0])
    payload = b"" if data is None else b',"data":' + data
    fields = (_BEGIN, _HOLE, namespace, event_id.encode(), encode(topic), payload)
    envelope = b'%s%s","orcName":%s,"id":"%s","topic":%s%s' % fields + (_END_OF_ERROR if is_error else _END)
    return _HEAD + _argument(pack_text(topic)) + _argument(envelope)


def stamped(frame: bytes, token: bytes) -> bytes:
    """A frame of :func:`event` with this token in its place."""
    place = len(_HEAD) + 4 + int.from_bytes(frame[len(_HEAD) : len(_HEAD) + 4], "big") + 4 + len(_BEGIN)
    return frame[:place] + token + frame[place + TOKEN_LENGTH :]


def _argument(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content
