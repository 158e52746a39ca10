"""Text frames of RFC 6455 as bytes: those we send, and the short whole ones that nearly all clients send.

Autobahn reads everything. But what it spends on a frame, whatever is in it, is a multiple of what handling a short message
costs; so such frames are read here, many at a time, and only what is anything else is left to it.
"""

from __future__ import annotations

from codecs import utf_8_decode

from ...session.session import SLICE

#: Frames that are read together: no more than a conversation handles at a stretch.
MANY = SLICE
#: Bytes of a payload beyond which Autobahn's native code unmasks faster than this.
SHORT = 4_096
_FINAL_TEXT, _MASKED, _LENGTH_FOLLOWS, _MASK_BYTES = 0x81, 0x80, 126, 4
#: Bytes that tell a frame's length, if it is short.
_LEAST = 4


def text_frame(payload: bytes) -> bytes:
    """An unmasked, unfragmented text frame (RFC 6455 §5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81" + size.to_bytes(1, "big") + payload
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def short_texts(data: bytes, most: int = SHORT) -> tuple[list[bytes], int, bool]:
    """The payloads of the masked, unfragmented text frames with which the data begins, where what follows them begins, and
    whether that is the beginning of one more.

    They are :data:`MANY` at most. It ends before the first frame that is not whole, is longer than ``most`` or :data:`SHORT`
    bytes, is not UTF-8, or is no such frame at all, so that whoever reads on from there judges it.
    """
    texts: list[bytes] = []
    start, most = 0, min(most, SHORT)
    while len(texts) < MANY and (place := _place(data, start, most)) is not None:
        begin, end = place
        whole = end <= len(data)
        text = _unmasked(data[begin:end], data[begin - _MASK_BYTES : begin])
        if not (text.isascii() or _is_utf8(text, whole)):
            break
        if not whole:
            return texts, start, True
        texts.append(text)
        start = end
    return texts, start, False


def _place(data: bytes, start: int, most: int) -> tuple[int, int] | None:
    """Where the payload of the short text frame that begins at ``start`` lies, or will; None if it is not known to be one."""
    if start + _LEAST > len(data) or data[start] != _FINAL_TEXT:
        return None
    size, begin = data[start + 1] - _MASKED, start + 2
    if size == _LENGTH_FOLLOWS:
        size, begin = int.from_bytes(data[begin : begin + 2], "big"), begin + 2
        known = _LENGTH_FOLLOWS <= size <= most
    else:
        known = 0 <= size < _LENGTH_FOLLOWS and size <= most
    begin += _MASK_BYTES
    return (begin, begin + size) if known else None


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = int.from_bytes((mask * (size // _MASK_BYTES + 1))[:size], "little")
    return (int.from_bytes(payload, "little") ^ key).to_bytes(size, "little")


def _is_utf8(text: bytes, whole: bool) -> bool:
    """Whether this is UTF-8, or can become it where it is not ``whole``."""
    try:
        utf_8_decode(text, "strict", whole)
    except UnicodeDecodeError:
        return False
    return True
