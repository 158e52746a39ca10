"""What may have happened at the node, from what ZMQ says and from what polling finds: a stream of hints.

Polling is the truth and ZMQ only makes it quick: whenever ZMQ may have lost something the hint is to look at everything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ...domain.chain import Txid, from_display
from ...messages.bitcoin import Malformed
from ...messages.bitcoin.rpc import BlockchainInfo
from ...messages.bitcoin.zmq import Announcement, Event, Gaps, parse
from ...ports import Hint, MempoolAdded, MempoolRemoved, MempoolUnknown, TipChanged
from .mempool import is_loaded, whole_mempool
from .rpc import BitcoinRpc
from .trouble import Trouble

#: ZMQ that has said nothing for so many seconds may be dead: the mempool is polled as if there were none.
SILENCE = 30.0
#: More new transactions than this in one poll are not told one by one.
MANY = 1_000


class Follower:
    """Turns announcements and polls into calls of ``tell``; hints may repeat, and are never left out."""

    log = Logger()

    def __init__(self, clock: IReactorTime, rpc: BitcoinRpc, tell: Callable[[Hint], None]) -> None:
        self._clock = clock
        self._rpc = rpc
        self._tell = tell
        self._gaps = Gaps()
        self._best: bytes | None = None
        self._polled: str | None = None
        self._heard_at: float | None = None
        self._mempool: frozenset[str] | None = None
        self._loaded = False

    def start_over(self) -> None:
        """The node is there, for the first time or again: nothing from before counts."""
        self._best = None
        self._mempool = None
        self._loaded = False
        self._tell(TipChanged())
        self._tell(MempoolUnknown())

    def joined(self, publisher: str) -> None:
        """A ZMQ connection was made: what was sent before it is lost, and the node may have been started again."""
        self._gaps.forget(publisher)
        self._best = None
        self._loaded = False
        self._tell(TipChanged())
        self._tell(MempoolUnknown())

    def heard(self, publisher: str, parts: Sequence[bytes]) -> None:
        """A ZMQ message; what cannot be read counts as lost."""
        try:
            announcement = parse(parts)
        except Malformed as problem:
            self.log.warn("a ZMQ message from {publisher} was ignored: {problem}", publisher=publisher, problem=problem)
            return
        self._heard_at = self._clock.seconds()
        if self._gaps.missed(publisher, announcement):
            self._tell(TipChanged())
            self._tell(MempoolUnknown())
        self._pass_on(announcement)

    async def look(self, info: BlockchainInfo) -> None:
        """A poll found the node well: hint at what ZMQ did not tell. Trouble when the node went away meanwhile."""
        if self._polled != info.bestblockhash:
            self._polled = info.bestblockhash
            self._tell(TipChanged())
        if self._is_silent():
            await self._compare_mempool()
            return
        self._mempool = None
        if not self._loaded and await is_loaded(self._rpc):
            self._loaded = True
            self._tell(MempoolUnknown())

    def _pass_on(self, announcement: Announcement) -> None:
        match announcement.event:
            case Event.ADDED:
                self._tell(MempoolAdded(Txid(announcement.hash)))
            case Event.REMOVED:
                self._tell(MempoolRemoved(Txid(announcement.hash)))
            case Event.DISCONNECTED:
                self._best = None
                self._tell(TipChanged())
            case Event.BLOCK | Event.CONNECTED:
                # Both topics announce the same block: once is enough.
                if announcement.hash != self._best:
                    self._best = announcement.hash
                    self._tell(TipChanged())
            case _:
                assert_never(announcement.event)

    def _is_silent(self) -> bool:
        return self._heard_at is None or self._clock.seconds() - self._heard_at > SILENCE

    async def _compare_mempool(self) -> None:
        """Tell what came; what went may be in a block, so that it needs a look at the whole.

        A mempool that is still loading is no mempool: the first look after that is one at the whole.
        """
        names = await whole_mempool(self._rpc)
        self._loaded = names is not None
        before, self._mempool = self._mempool, None if names is None else frozenset(names)
        now = self._mempool
        if now is None:
            return
        if before is None:
            self._tell(MempoolUnknown())
            return
        added = [_txid(text) for text in now - before]
        if before - now or len(added) > MANY:
            self._tell(MempoolUnknown())
            return
        for txid in added:
            self._tell(MempoolAdded(txid))


def _txid(text: str) -> Txid:
    try:
        return Txid(from_display(text))
    except ValueError:
        raise Trouble("bitcoind's list of its mempool holds something else than transactions") from None
