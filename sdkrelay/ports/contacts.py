"""Where wallets' owners are told of payments, as it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ..domain.contact import Contact


class ContactStore(Protocol):
    """One contact a wallet; each method is one transaction, and what belongs to a forgotten wallet goes with it."""

    async def contacts(self) -> list[Contact]:
        """All of them."""

    async def put(self, wallet_id: str, pubkey: str, relays: Sequence[str]) -> Contact | None:
        """Keep a wallet's contact: a new one is told what comes from now on. None if there is no such wallet."""

    async def told(self, wallet_id: str, numbers: Mapping[str, int]) -> None:
        """These relays have taken all up to these numbers; without effect for a wallet that is forgotten."""
