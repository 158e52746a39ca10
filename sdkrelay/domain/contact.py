"""Where a wallet's owner is told of its payments while no session is there: a Nostr key, and the relays it reads."""

from __future__ import annotations

from attrs import Factory, define


@define
class Contact:
    """``pubkey`` is 64 hex characters; without ``relays`` the key's own list (NIP-17, kind 10050) counts.

    ``since`` is the last number of the log that is not told of; ``told`` the last one that each relay has taken, by URL.
    """

    wallet_id: str
    pubkey: str
    relays: tuple[str, ...]
    since: int
    told: dict[str, int] = Factory(dict)
