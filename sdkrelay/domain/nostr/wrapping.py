"""Private messages (NIP-17): a rumor nobody signed, sealed by its author, wrapped by a key used once (NIP-59).

Nothing here draws randomness or reads a clock: both are given.
"""

from __future__ import annotations

import msgspec
from attrs import field, frozen
from msgspec import Struct

from ...crypto import nip44, schnorr
from . import kinds
from .event import UNREADABLE, Event, Tag, encode, is_hex, parse_event, require_genuine
from .refusal import Refusal, invalid
from .signing import sign_event


class Rumor(Struct, frozen=True):
    """An event without a signature, so that whoever receives it cannot prove it to others."""

    id: str
    pubkey: str
    created_at: int
    kind: int
    tags: tuple[Tag, ...]
    content: str

    def computed_id(self) -> str:
        """What ``id`` must be."""
        return Event(self.id, self.pubkey, self.created_at, self.kind, self.tags, self.content, "").computed_id()


@frozen
class Chance:
    """The randomness of one wrap, 32 fresh bytes each: the wrap's own secret key, two nonces, two signatures' auxiliaries."""

    secret: bytes = field(repr=False)
    seal_nonce: bytes = field(repr=False)
    wrap_nonce: bytes = field(repr=False)
    seal_auxiliary: bytes = field(repr=False)
    wrap_auxiliary: bytes = field(repr=False)

    #: How many bytes of entropy one takes.
    SIZE = 160

    @classmethod
    def of(cls, entropy: bytes) -> Chance:
        """From 160 fresh bytes; ValueError for any other number."""
        if len(entropy) != cls.SIZE:
            raise ValueError("a wrap takes 160 bytes of entropy")
        return cls(*(entropy[start : start + 32] for start in range(0, cls.SIZE, 32)))


def message(author: str, recipients: tuple[str, ...], text: str, created_at: int, subject: str | None = None) -> Rumor:
    """A rumor of kind 14 (NIP-17); keys as 64 hex characters."""
    tags: tuple[Tag, ...] = tuple(("p", recipient) for recipient in recipients)
    if subject is not None:
        tags += (("subject", subject),)
    rumor = Rumor("", author, created_at, kinds.RUMOR_MESSAGE, tags, text)
    return msgspec.structs.replace(rumor, id=rumor.computed_id())


def gift_wrap(rumor: Rumor, secret: bytes, recipient: str, chance: Chance, times: tuple[int, int]) -> Event:
    """The wrap (kind 1059) of a rumor for one recipient; ``times`` are what seal and wrap claim, up to two days in the past.

    ``secret`` is that of the rumor's author. ValueError for a bad key, or one that is not the author's.
    """
    if schnorr.xonly(secret).hex() != rumor.pubkey:
        raise ValueError("a rumor is sealed by its own author")
    sealed = nip44.encrypt(encode(rumor).decode(), _shared(secret, recipient), chance.seal_nonce)
    seal = sign_event(secret, chance.seal_auxiliary, kind=kinds.SEAL, created_at=times[0], content=sealed)
    wrapped = nip44.encrypt(seal.encoded().decode(), _shared(chance.secret, recipient), chance.wrap_nonce)
    return sign_event(
        chance.secret,
        chance.wrap_auxiliary,
        kind=kinds.GIFT_WRAP,
        created_at=times[1],
        content=wrapped,
        tags=(("p", recipient),),
    )


def unwrap(event: Event, secret: bytes) -> Rumor:
    """The rumor in a wrap, its author proved by the seal; Refusal (invalid) for anything else, or another's wrap."""
    seal = parse_event(_opened(event, secret))
    if seal.kind != kinds.SEAL:
        raise invalid("what is wrapped is no seal")
    require_genuine(seal)
    try:
        rumor = msgspec.json.decode(_opened(seal, secret), type=Rumor)
    except UNREADABLE:
        raise invalid("what is sealed is no rumor") from None
    if rumor.pubkey != seal.pubkey or rumor.computed_id() != rumor.id:
        raise invalid("the rumor is not of the one who sealed it")
    return rumor


def _shared(secret: bytes, pubkey: str) -> bytes:
    return nip44.conversation_key(secret, bytes.fromhex(pubkey))


def _opened(event: Event, secret: bytes) -> bytes:
    if not is_hex(event.pubkey, 32):
        raise invalid("the key is malformed")
    try:
        return nip44.decrypt(event.content, _shared(secret, event.pubkey)).encode()
    except Refusal:
        raise
    except ValueError as error:
        raise invalid(str(error)) from None
