"""The encrypted conversation as frames: each message of ours in an ``encrypted_message``, each frame of theirs out of one.

Once keys are agreed everything is encrypted, in both directions: answers, refusals and news alike. A frame that is not an
``encrypted_message`` is as bad as one that does not open, since anybody in between could have put it there.
"""

from __future__ import annotations

from base64 import b64decode, b64encode

import msgspec

from ..crypto.channel import Channel, Undecryptable
from ..domain.problem import Code, Problem
from ..messages.catalog import encode
from ..messages.native.encryption import CIPHER, EncryptedMessage

_read = msgspec.json.Decoder(EncryptedMessage).decode


def sealed(channel: Channel, payload: bytes) -> bytes:
    """A frame that only the client of this channel can read."""
    iv, data = channel.seal(payload)
    words = {"type": EncryptedMessage.wire_name(), "encryption": CIPHER}
    return encode({**words, "data": b64encode(data).decode(), "iv": b64encode(iv).decode()})


def opened(channel: Channel, frame: bytes) -> bytes:
    """The message inside a frame. Problem DECRYPTION_FAILED for a frame that is no next message of this channel."""
    try:
        envelope = _read(frame)
        return channel.open(b64decode(envelope.iv, validate=True), b64decode(envelope.data, validate=True))
    except (Undecryptable, ValueError, RecursionError):
        raise decryption_failed("the message could not be decrypted; this conversation ends") from None


def decryption_failed(message: str) -> Problem:
    """The one refusal of everything that does not open: it says nothing of why."""
    return Problem(Code.DECRYPTION_FAILED, message, field="data", expected="the next message of this conversation")
