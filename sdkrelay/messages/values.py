"""The kinds of values that stand in messages, with their bounds; what a decoder refuses here never reaches a service.

Secrets have types of their own: they cannot be printed, and an error about one says what was expected and never what
was sent.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Self

from msgspec import Meta

#: Echoed with the answer, so that a client can match the two.
RequestId = Annotated[str, Meta(max_length=64)]
#: Any short word a client calls itself, its version or its abilities by.
Word = Annotated[str, Meta(max_length=64)]
#: A list of such words.
Words = Annotated[tuple[Word, ...], Meta(max_length=64)]
#: A time as clients send it: integer seconds, a fraction, or ISO-8601; only ever echoed.
ClientTime = int | float | Annotated[str, Meta(max_length=64)]
#: A block height.
Height = Annotated[int, Meta(ge=0, le=500_000_000)]
#: A height, or above 500,000,000 seconds since the epoch.
Birthday = Annotated[int, Meta(ge=0, le=4_294_967_295)]
#: A label of BIP352; 0 is the change label, which every wallet has.
Label = Annotated[int, Meta(ge=1, le=4_294_967_295)]
#: At most one hundred labels.
Labels = Annotated[tuple[Label, ...], Meta(max_length=100)]
#: A silent payment address.
Address = Annotated[str, Meta(min_length=1, max_length=1023)]
#: A compressed public key in hex; whether it is on the curve is for the service to say.
PublicKey = Annotated[str, Meta(min_length=66, max_length=66, pattern=r"\A0[23][0-9a-fA-F]{64}\Z")]
#: A hash as block explorers show it.
Hash = Annotated[str, Meta(min_length=64, max_length=64, pattern=r"\A[0-9a-fA-F]{64}\Z")]
#: The name a relay gave to a wallet.
WalletId = Annotated[str, Meta(min_length=1, max_length=64)]
#: The name a relay gave to a scan.
ScanId = Annotated[str, Meta(min_length=1, max_length=64)]
#: A position from an earlier push.
PositionText = Annotated[str, Meta(min_length=1, max_length=128)]
#: Where the next page starts, as the last answer said.
PageCursor = Annotated[str, Meta(min_length=1, max_length=128)]
#: How many items one page may have.
PageLimit = Annotated[int, Meta(ge=1, le=500)]


class Secret:
    """A string that must not be seen: no ``repr``, ``str`` or error shows it; ``reveal()`` does, for the one who needs it."""

    EXPECTED: ClassVar[str] = "a string"
    PATTERN: ClassVar[re.Pattern[str]] = re.compile(r".*", re.DOTALL)
    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def parse(cls, value: Any) -> Self:
        """The secret in a decoded value; ValueError, which does not name the value, if it has not the right form."""
        if not isinstance(value, str) or cls.PATTERN.fullmatch(value) is None:
            raise ValueError(f"Expected {cls.EXPECTED}")
        return cls(value)

    def reveal(self) -> str:
        """The string itself; keep it out of logs, errors and attributes."""
        return self._text

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hidden)"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._text == other._text

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._text))


class PrivateKey(Secret):
    """A private key: 32 bytes in hex; whether it is in range is for the service to say."""

    EXPECTED = "64 hexadecimal characters"
    PATTERN = re.compile(r"[0-9a-fA-F]{64}")
    __slots__ = ()


class WalletToken(Secret):
    """What proves that a session may see a wallet."""

    EXPECTED = "a wallet token, 1 to 128 characters of A-Z a-z 0-9 _ -"
    PATTERN = re.compile(r"[A-Za-z0-9_-]{1,128}")
    __slots__ = ()


class BearerToken(Secret):
    """What proves who somebody is until it expires; whatever it is made of, the relay knows it or does not."""

    EXPECTED = "a bearer token, 1 to 1024 characters"
    PATTERN = re.compile(r".{1,1024}", re.DOTALL)
    __slots__ = ()


class Password(Secret):
    """A user's password."""

    EXPECTED = "a password, 1 to 1024 characters"
    PATTERN = re.compile(r".{1,1024}", re.DOTALL)
    __slots__ = ()


def decode_value(kind: type[Any], value: Any) -> Any:
    """The decoder's hook: how the types of this module are read."""
    if issubclass(kind, Secret):
        return kind.parse(value)
    raise NotImplementedError(kind)


def encode_value(value: Any) -> Any:
    """The encoder's hook: how the types of this module are written; only clients ever send a secret."""
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(type(value))
