"""Which key each relay has shown: the first one stays, so that nobody takes over the name of a relay that was here."""

from __future__ import annotations

import msgspec

from ...ports import Store, Tasks

#: Under this fact they are kept: hexadecimal keys by ``relay_id``.
FACT = "relay_keys"
#: So many are kept; only relays that hold the token come this far.
MOST = 10_000


class Pins:
    """The keys by ``relay_id``; :meth:`load` first."""

    def __init__(self, store: Store, tasks: Tasks) -> None:
        self._store = store
        self._order = tasks.lock()
        self._keys: dict[str, str] = {}

    async def load(self) -> None:
        """Know again which keys were shown."""
        self._keys = msgspec.json.decode(await self._store.meta(FACT) or "{}", type=dict[str, str])

    def fits(self, relay_id: str, key: bytes) -> bool:
        """Whether this is the key of that relay, or would be its first."""
        return self._keys.get(relay_id, key.hex()) == key.hex()

    async def pin(self, relay_id: str, key: bytes) -> bool:
        """Keep its first key; False if it has another one already, or too many are kept."""
        async with self._order:
            if relay_id not in self._keys and len(self._keys) < MOST:
                await self._keep({**self._keys, relay_id: key.hex()})
            return self._keys.get(relay_id) == key.hex()

    async def forget(self, relay_id: str) -> bool:
        """The operator removed the relay: one of this name may come with another key. False if none was kept."""
        async with self._order:
            was_kept = relay_id in self._keys
            if was_kept:
                await self._keep({name: key for name, key in self._keys.items() if name != relay_id})
            return was_kept

    async def _keep(self, keys: dict[str, str]) -> None:
        await self._store.set_meta(FACT, msgspec.json.encode(keys).decode())
        self._keys = keys
