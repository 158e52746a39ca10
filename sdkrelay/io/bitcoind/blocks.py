"""A block with what it spends, by REST where the node has it and by JSON where not: the same bytes either way."""

from __future__ import annotations

from hashlib import sha256

from ...domain.chain import BlockHash, display
from ...messages.bitcoin import Malformed
from ...messages.bitcoin.block import HEADER_SIZE
from ...messages.bitcoin.rpc import NOT_FOUND, HeaderInfo, RpcFailure, from_hex, join_block
from ...ports import Compute, RawBlock
from .rest import BitcoinRest
from .rpc import MAX_BLOCK_ANSWER, BitcoinRpc
from .trouble import Trouble


class BlockSource:
    """Blocks of one node. JSON of several megabytes is decoded on ``compute``'s workers."""

    def __init__(self, rpc: BitcoinRpc, rest: BitcoinRest, compute: Compute) -> None:
        self._rpc = rpc
        self._rest = rest
        self._compute = compute

    async def header(self, block_hash: BlockHash) -> HeaderInfo | None:
        """Height and times of a block; None if the node has never heard of it."""
        try:
            return await self._rpc.ask(HeaderInfo, "getblockheader", display(block_hash))
        except RpcFailure as failure:
            if failure.code == NOT_FOUND:
                return None
            raise

    async def block(self, block_hash: BlockHash) -> RawBlock | None:
        """The block; None if the node has never heard of it, Trouble if it has but cannot give it (any more)."""
        header = await self.header(block_hash)
        if header is None:
            return None
        found = await self._rest.block(block_hash) if self._rest.available else None
        raw, undo = found or await self._from_json(block_hash)
        if sha256(sha256(raw[:HEADER_SIZE]).digest()).digest() != block_hash:
            raise Trouble(f"bitcoind gave another block than {display(block_hash)}")
        return RawBlock(header.height, raw, undo)

    async def _from_json(self, block_hash: BlockHash) -> tuple[bytes, bytes]:
        name = display(block_hash)
        header = await self._rpc.ask(str, "getblockheader", name, False)
        body = await self._rpc.ask_raw("getblock", name, 3, limit=MAX_BLOCK_ANSWER)
        try:
            return await self._compute.run(join_block, from_hex(header), body, 0)
        except Malformed as problem:
            raise Trouble(f"bitcoind's answer about block {name} cannot be used: {problem}") from None
        except RpcFailure as failure:
            raise _not_given(name, failure) from None


def _not_given(name: str, failure: RpcFailure) -> Exception:
    if "pruned" in failure.text:
        return Trouble(f"block {name} is needed, but bitcoind has pruned it: run it without prune, or start later")
    return Trouble(f"bitcoind does not give block {name}: {failure.text}")
