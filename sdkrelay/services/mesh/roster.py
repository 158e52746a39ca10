"""Who is known: the relays that the settings or an operator name, and those found through others; all of them are dialled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ...domain.peer import Peer
from .dialling import Dialling
from .discovery import Discovery
from .greeting import Books


class Roster:
    """The relays that are known here; ``configured`` are the settings'. ``disputed`` are those with other digests of blocks."""

    def __init__(
        self,
        books: Books,
        dialling: Dialling,
        configured: Sequence[Peer] = (),
        disputed: Callable[[str], bool] = lambda relay_id: False,
    ) -> None:
        self.books = books
        self.dialling = dialling
        self.configured = tuple(configured)
        self.disputed = disputed
        #: Told the ``relay_id`` of a relay that is forgotten.
        self.forgotten: Callable[[str], None] = lambda relay_id: None
        self.discovery: Discovery | None = None
        self._added: tuple[Peer, ...] = ()
        #: What the operator removed: ids of addresses, and names of relays. Nobody else brings them back.
        self.unwanted: frozenset[str] = frozenset()

    @property
    def named(self) -> tuple[Peer, ...]:
        """Those the settings or an operator name; the settings first, each address once."""
        return tuple({peer.id: peer for peer in (*self._added, *self.configured)}.values())

    @property
    def found(self) -> tuple[Peer, ...]:
        """Those that are known through others only."""
        named = {peer.id for peer in self.named}
        found = self.discovery.found if self.discovery else ()
        return tuple(peer for peer in found if peer.id not in named | self.unwanted)

    def knows(self, name: str) -> bool:
        """Whether a relay at the address of this id is known, or was removed."""
        return name in self.unwanted or any(peer.id == name for peer in (*self.named, *self.found))

    def add(self, peers: Iterable[Peer]) -> None:
        """These are what the operator names now."""
        self._added = tuple(peers)
        self.changed()

    def changed(self) -> None:
        """Dial who is known now, and nobody else."""
        self.dialling.follow(self.named, self.found)

    async def forget(self, name: str, relay_id: str | None) -> None:
        """The operator does not want to know this one any more: hang up, and forget what was known of it."""
        if self.discovery is not None:
            self.discovery.forget(name)
        self.changed()
        link = self.books.links.get(relay_id) if relay_id else None
        if link is not None:
            link.end("this relay was removed", "removed")
        if relay_id is not None:
            await self.books.pins.forget(relay_id)
            self.books.standings.forget(relay_id)
            self.forgotten(relay_id)
