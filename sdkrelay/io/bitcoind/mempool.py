"""A mempool transaction with what it spends, put together from several questions while the mempool moves on.

An output in the chain is told by ``gettxout`` without the mempool (with it, one that the mempool spends is hidden); any
other is of a parent in the mempool. When a block or a replacement comes in between, the answer is None and the block decides.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults

from ...domain.chain import Txid, TxOut, display
from ...messages.bitcoin import Malformed
from ...messages.bitcoin.block import decode_outpoints, decode_output
from ...messages.bitcoin.rpc import NOT_FOUND, RpcFailure, Unspent, decode_value, from_hex
from ...ports import RawTransaction
from .rpc import Batcher
from .trouble import Trouble

T = TypeVar("T")


async def mempool_transaction(batcher: Batcher, txid: Txid) -> RawTransaction | None:
    """The transaction with its prevouts in the order of its inputs; None when it, or what it spends, is gone."""
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
