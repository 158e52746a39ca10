"""Whether other relays made the same of the same blocks: the digest of a block is a function of the block alone.

Two digests of one block mean that one of two relays has a fault or lies, and that wallets there miss payments: that is said
loudly, and for as long as it lasts. Blocks in dispute are told on after they have left the last ones, so that both sides learn
when they agree again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twisted.logger import Logger

from ...domain.chain import display
from ...messages.native.relays import BlockDigest
from ...messages.rest.relays import DigestDispute
from ...ports import IndexStore

log = Logger()

#: So many of the last blocks are told, and so many in dispute beside them.
TOLD = 10


class Digests:
    """Tells the digests of the last blocks, and compares what others tell."""

    def __init__(self, index: IndexStore) -> None:
        self._index = index
        self._disputes: dict[str, tuple[DigestDispute, ...]] = {}
        self._asked: dict[str, frozenset[int]] = {}

    @property
    def count(self) -> int:
        """Blocks that some relay has another digest of."""
        return len({dispute.block_hash for disputes in self._disputes.values() for dispute in disputes})

    def of(self, relay_id: str) -> tuple[DigestDispute, ...]:
        """The blocks that this relay has other digests of, by height."""
        return self._disputes.get(relay_id, ())

    def forget(self, relay_id: str) -> None:
        """This relay is not known any more."""
        self._disputes.pop(relay_id, None)
        self._asked.pop(relay_id, None)

    async def told(self, relay_id: str | None) -> tuple[BlockDigest, ...]:
        """Our digests for this relay, by height: of the last blocks, of those in dispute, and of those it told before."""
        tip = await self._index.tip()
        if tip is None:
            return ()
        last = set(range(max(tip.height - TOLD + 1, 0), tip.height + 1))
        disputed = {dispute.block_height for dispute in self.of(relay_id or "")}
        older = sorted((disputed | self._asked.get(relay_id or "", frozenset())) - last)
        return await self._ours(last.union(older[:TOLD]))

    async def compare(self, relay_id: str, theirs: Sequence[BlockDigest]) -> None:
        """A relay has told its digests: what differs is in dispute until it tells the same ones."""
        before = self.of(relay_id)
        claims = {dispute.block_hash: _claim(dispute) for dispute in before}
        claims.update({claim.hash: claim for claim in theirs})
        ours = {own.hash: own for own in await self._ours(claim.height for claim in claims.values())}
        found = tuple(
            DigestDispute(
                block_height=claim.height, block_hash=claim.hash, ours=ours[claim.hash].digest, theirs=claim.digest
            )
            for claim in sorted(claims.values(), key=lambda claim: claim.height)
            if claim.hash in ours and ours[claim.hash].digest != claim.digest
        )
        _say(relay_id, {dispute.block_hash for dispute in before}, found)
        self._disputes[relay_id] = found[:TOLD]
        self._asked[relay_id] = frozenset(claim.height for claim in theirs)

    async def _ours(self, heights: Iterable[int]) -> tuple[BlockDigest, ...]:
        rows = await self._index.digests(sorted(set(heights)))
        return tuple(
            BlockDigest(height=block.height, hash=display(block.hash), digest=digest.hex()) for block, digest in rows
        )


def _claim(dispute: DigestDispute) -> BlockDigest:
    return BlockDigest(height=dispute.block_height, hash=dispute.block_hash, digest=dispute.theirs)


def _say(relay_id: str, before: set[str], found: Sequence[DigestDispute]) -> None:
    for dispute in found:
        if dispute.block_hash not in before:
            log.error(
                "relay {relay} has digest {theirs} of block {hash} at {height}, this relay has {ours}",
                relay=relay_id, theirs=dispute.theirs, hash=dispute.block_hash, height=dispute.block_height, ours=dispute.ours,
            )  # fmt: skip
    if before and not found:
        log.info("relay {relay} has the same digests again", relay=relay_id)
