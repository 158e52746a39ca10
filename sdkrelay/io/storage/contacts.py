"""Where wallets' owners are told of payments, and how far each of their relays has been told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, bindparam, select

from ...domain.contact import Contact
from . import facts
from .facts import Counter
from .runner import Runner
from .schema import nostr_contact, nostr_delivery, wallet

CONTACTS = select(nostr_contact)
ONE = CONTACTS.where(nostr_contact.c.wallet_id == bindparam("owner"))
DELIVERIES = select(nostr_delivery)
OF_ONE = DELIVERIES.where(nostr_delivery.c.wallet_id == bindparam("owner"))
KNOWN = select(wallet.c.wallet_id).where(wallet.c.wallet_id == bindparam("owner"))


class DatabaseContacts:
    """The ``ContactStore``."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._put = runner.engine.upsert(nostr_contact, key=("wallet_id",), keep=("since",))
        self._tell = runner.engine.upsert(nostr_delivery, key=("wallet_id", "relay"), keep=())

    async def contacts(self) -> list[Contact]:
        """All of them."""
        return await self._runner.read(_contacts)

    async def put(self, wallet_id: str, pubkey: str, relays: Sequence[str]) -> Contact | None:
        """Keep a wallet's contact."""

        def work(connection: Connection) -> Contact | None:
            if connection.execute(KNOWN, {"owner": wallet_id}).scalar() is None:
                return None
            since = facts.value(connection, Counter.ENTRIES)
            named = msgspec.json.encode(relays).decode()
            row = {"wallet_id": wallet_id, "pubkey": pubkey, "relays": named, "since": since}
            connection.execute(self._put, row)
            return _contacts(connection, wallet_id)[0]

        return await self._runner.write(work)

    async def told(self, wallet_id: str, numbers: Mapping[str, int]) -> None:
        """These relays have taken all up to these numbers."""

        def work(connection: Connection) -> None:
            if numbers and connection.execute(KNOWN, {"owner": wallet_id}).scalar() is not None:
                rows = [{"wallet_id": wallet_id, "relay": url, "told": number} for url, number in numbers.items()]
                connection.execute(self._tell, rows)

        await self._runner.write(work)


def _contacts(connection: Connection, wallet_id: str | None = None) -> list[Contact]:
    """All contacts, or a wallet's."""
    one = {} if wallet_id is None else {"owner": wallet_id}
    rows = connection.execute(ONE if one else CONTACTS, one)
    found = {
        row.wallet_id: Contact(
            row.wallet_id, row.pubkey, msgspec.json.decode(row.relays, type=tuple[str, ...]), row.since
        )
        for row in rows
    }
    for row in connection.execute(OF_ONE if one else DELIVERIES, one):
        if row.wallet_id in found:
            found[row.wallet_id].told[row.relay] = row.told
    return list(found.values())
