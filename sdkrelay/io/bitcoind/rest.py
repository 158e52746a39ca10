"""bitcoind's binary REST: a block and what it spends in 1 ms where JSON takes 50.

Only nodes with ``-rest`` have it, and only recent ones have ``/rest/spenttxouts``: that is found out by asking, and asked
again after the node was away.
"""

from __future__ import annotations

from twisted.web.http_headers import Headers

from ...domain.chain import BlockHash, display
from .retry import Exchange
from .rpc import MAX_BLOCK_ANSWER
from .trouble import from_status


class BitcoinRest:
    """``/rest/block`` and ``/rest/spenttxouts`` of one node."""

    def __init__(self, http: Exchange) -> None:
        self._http = http
        self.available = True

    async def block(self, block_hash: BlockHash) -> tuple[bytes, bytes] | None:
        """The raw block and its undo data; None where REST does not give them (``available`` says if it ever will)."""
        name = display(block_hash)
        undo = await self._get(f"/rest/spenttxouts/{name}.bin")
        raw = None if undo is None else await self._get(f"/rest/block/{name}.bin")
        return None if undo is None or raw is None else (raw, undo)

    async def _get(self, path: str) -> bytes | None:
        status, body = await self._http.exchange("GET", path, Headers(), None, MAX_BLOCK_ANSWER)
        if status == 503:
            raise from_status(self._http.url, status, body, "")
        # Without -rest, or where the path is unknown, the answer is empty; about a block bitcoind says what is wrong.
        if status == 404 and not body.strip():
            self.available = False
        return body if status == 200 else None
