"""Classes of kinds (NIP-01) and the kinds that relays treat in a way of their own."""

from __future__ import annotations

from typing import Final

PROFILE: Final = 0
NOTE: Final = 1
DELETION: Final = 5
REPOSTS: Final = frozenset({6, 16})
SEAL: Final = 13
RUMOR_MESSAGE: Final = 14
VANISH: Final = 62
GIFT_WRAP: Final = 1059
MESSAGE_RELAYS: Final = 10050
EPHEMERAL_GIFT_WRAP: Final = 21059
AUTHENTICATION: Final = 22242
HTTP_AUTHENTICATION: Final = 27235

#: Served to those named in a ``p`` tag only, once they have proved their key (NIP-17, NIP-59).
PRIVATE: Final = frozenset({GIFT_WRAP, EPHEMERAL_GIFT_WRAP})
#: Kept for good, since what they took away must not come back.
LASTING: Final = frozenset({DELETION, VANISH})
#: Content that is encrypted: nothing to be searched.
SEALED: Final = frozenset({4, SEAL, GIFT_WRAP, EPHEMERAL_GIFT_WRAP})


def is_replaceable(kind: int) -> bool:
    """Whether only the newest event of an author and this kind is kept."""
    return kind in (0, 3) or 10_000 <= kind < 20_000


def is_ephemeral(kind: int) -> bool:
    """Whether events of this kind are told at once and never stored."""
    return 20_000 <= kind < 30_000


def is_addressable(kind: int) -> bool:
    """Whether only the newest event of an author, this kind and ``d`` tag is kept."""
    return 30_000 <= kind < 40_000
