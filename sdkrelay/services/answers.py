"""What the node says about blocks and about itself, from the cache where that is as good as asking.

A block's description changes with every new tip (its confirmations, what follows it), so all descriptions are let go of when
the node hints at one; the node's report on itself is good for a moment only, enough to spare it a stampede.
"""

from __future__ import annotations

from typing import Any

from ..domain.chain import BlockHash
from ..domain.status import NodeCondition
from ..messages.catalog import encode
from ..ports import Cache, Chain, Hint, TipChanged

#: Seconds for which the node's report on its chain, network and mempool is as good as new.
REPORT_SECONDS = 1.0


class Answers:
    """The node's answers, cached. Raises what the node raises; what is kept is given while the node is away, too."""

    def __init__(self, chain: Chain, cache: Cache) -> None:
        self._chain = chain
        self._cache = cache
        self._tips = 0

    def hint(self, hint: Hint) -> None:
        """The node has news; descriptions from before are not given any more."""
        if isinstance(hint, TipChanged):
            self._tips += 1
            self._cache.forget("details")
            self._cache.forget("report")

    def condition(self) -> NodeCondition:
        """How the connection to the node stands now."""
        return self._chain.condition()

    async def block_details(self, block_hash: BlockHash) -> dict[str, Any] | None:
        """``getblock`` verbosity 1; None if the node has never heard of it."""
        key = ("details", block_hash)
        found: dict[str, Any] | None = self._cache.get(key)
        return await self._details(key, block_hash) if found is None else found

    async def info(self) -> dict[str, Any]:
        """``blockchain_info``, ``network_info``, ``mempool_info``."""
        found: dict[str, Any] | None = self._cache.get(("report",))
        return await self._report() if found is None else found

    async def wallet_info(self, wallet: str) -> dict[str, Any] | None:
        """``getwalletinfo``; never cached, since it is an operator's. None if bitcoind has not loaded the wallet."""
        return await self._chain.wallet_info(wallet)

    async def _details(self, key: tuple[Any, ...], block_hash: BlockHash) -> dict[str, Any] | None:
        tips = self._tips
        details = await self._chain.block_details(block_hash)
        if details is not None and tips == self._tips:
            self._cache.put(key, details, len(encode(details)))
        return details

    async def _report(self) -> dict[str, Any]:
        tips = self._tips
        report = await self._chain.info()
        if tips == self._tips:
            self._cache.put(("report",), report, len(encode(report)), REPORT_SECONDS)
        return report
