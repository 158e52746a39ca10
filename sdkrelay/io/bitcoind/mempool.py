"""A mempool transaction with what it spends, put together from several questions while the mempool moves on.

An output in the chain is told by ``gettxout`` without the mempool (with it, one that the mempool spends is hidden); any
other is of a parent in the mempool. When a block or a replacement comes in between, the answer is None and the block decides.

For a while after its start bitcoind answers while it still reads the mempool of its last run from a file: what is absent
then may come, so that nothing may be concluded.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults

from ...domain.chain import Txid, TxOut, display
from ...domain.status import NodeState
from ...messages.bitcoin import Malformed
from ...messages.bitcoin.block import decode_outpoints, decode_output
from ...messages.bitcoin.rpc import NOT_FOUND, MempoolInfo, RpcFailure, Unspent, decode_value, from_hex
from ...ports import RawTransaction
from .rpc import Batcher, BitcoinRpc
from .trouble import Trouble

T = TypeVar("T")


async def is_loaded(rpc: BitcoinRpc) -> bool:
    """Whether bitcoind has read the mempool of its last run."""
    return (await rpc.ask(MempoolInfo, "getmempoolinfo")).loaded


async def whole_mempool(rpc: BitcoinRpc) -> list[str] | None:
    """All transactions in the mempool, in display form; None while it is loading. In this order: the list may be older."""
    return await rpc.ask(list[str], "getrawmempool") if await is_loaded(rpc) else None


def still_loading() -> Trouble:
    """What to raise while nothing may be concluded; the connection is well."""
    return Trouble("bitcoind is still loading its mempool", NodeState.CONNECTED)


async def mempool_transaction(batcher: Batcher, txid: Txid) -> RawTransaction | None:
    """The transaction with its prevouts in the order of its inputs; None when it, or what it spends, is gone.

    Trouble while bitcoind loads its mempool and does not have it yet. That is asked only for what is missing, and then what
    is missing is asked for again, since it may have come just before the loading was done.
    """
    found = await _transaction(batcher, txid)
    if found is not None:
        return found
    await _require_loaded(batcher)
    return await _transaction(batcher, txid)


async def _require_loaded(batcher: Batcher) -> None:
    answer = await batcher.ask("getmempoolinfo")
    if isinstance(answer, RpcFailure):
        raise answer
    try:
        info = decode_value(answer, MempoolInfo)
    except Malformed as problem:
        raise Trouble(f"bitcoind's answer about its mempool cannot be used: {problem}") from None
    if not info.loaded:
        raise still_loading()


async def _transaction(batcher: Batcher, txid: Txid) -> RawTransaction | None:
    try:
        raw = await _raw(batcher, txid)
        if raw is None:
            return None
        prevouts = await _prevouts(batcher, decode_outpoints(raw))
    except Malformed as problem:
        raise Trouble(f"bitcoind's answer about transaction {display(txid)} cannot be used: {problem}") from None
    return None if prevouts is None else RawTransaction(raw, prevouts)


async def _prevouts(batcher: Batcher, outpoints: Sequence[bytes]) -> tuple[TxOut, ...] | None:
    places = [(Txid(outpoint[:32]), int.from_bytes(outpoint[32:], "little")) for outpoint in outpoints]
    confirmed = await _together([_confirmed(batcher, *place) for place in places])
    missing = {txid for (txid, _), output in zip(places, confirmed, strict=True) if output is None}
    parents = dict(zip(missing, await _together([_raw(batcher, txid) for txid in missing]), strict=True))
    found = [output or _output_of(parents[txid], vout) for (txid, vout), output in zip(places, confirmed, strict=True)]
    kept = tuple(output for output in found if output is not None)
    return kept if len(kept) == len(found) else None


def _output_of(parent: bytes | None, vout: int) -> TxOut | None:
    return None if parent is None else decode_output(parent, vout)


async def _confirmed(batcher: Batcher, txid: Txid, vout: int) -> TxOut | None:
    """The output if it is in the chain and unspent there."""
    answer = await batcher.ask("gettxout", display(txid), vout, False)
    if isinstance(answer, RpcFailure):
        raise answer
    return None if bytes(answer) == b"null" else decode_value(answer, Unspent).output()


async def _together(coroutines: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All results, in order; the first failure as it was."""
    try:
        return await gatherResults([Deferred.fromCoroutine(each) for each in coroutines], consumeErrors=True)
    except FirstError as first:
        first.subFailure.raiseException()


async def _raw(batcher: Batcher, txid: Txid) -> bytes | None:
    answer = await batcher.ask("getrawtransaction", display(txid), False)
    if not isinstance(answer, RpcFailure):
        return from_hex(decode_value(answer, str))
    if answer.code == NOT_FOUND:
        return None
    raise answer
