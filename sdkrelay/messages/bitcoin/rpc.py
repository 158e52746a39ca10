"""JSON-RPC as bitcoind speaks it: questions to bytes, answers to typed values, amounts to satoshi without a float.

bitcoind answers by protocol 1.0 or 2.0 depending on its version; both hold ``id``, and either ``result`` or ``error``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from ...domain.chain import TxOut
from . import Malformed
from .block import MAX_MONEY, encode_compact, encode_undo

T = TypeVar("T")

#: bitcoind's error codes that mean something to us (``rpc/protocol.h``).
MISC_ERROR: Final = -1
NOT_FOUND: Final = -5
OUT_OF_RANGE: Final = -8
WARMING_UP: Final = -28


class RpcFailure(Exception):
    """bitcoind's own refusal: its ``code`` and its ``text``."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} ({code})")
        self.code = code
        self.text = text


class BlockchainInfo(msgspec.Struct, frozen=True):
    """``getblockchaininfo``, as far as the relay decides by it."""

    chain: str
    blocks: int
    headers: int
    bestblockhash: str
    initialblockdownload: bool = False
    pruned: bool = False
    pruneheight: int = 0


class HeaderInfo(msgspec.Struct, frozen=True):
    """``getblockheader``, verbose: the times are seconds since the epoch."""

    hash: str
    height: int
    time: int
    mediantime: int


class MempoolInfo(msgspec.Struct, frozen=True):
    """``getmempoolinfo``: whether the mempool of the last run was read from its file (or found to be absent)."""

    loaded: bool = True


class Script(msgspec.Struct, frozen=True):
    """A ``scriptPubKey``."""

    hex: str


class Unspent(msgspec.Struct, frozen=True):
    """``gettxout``, and the ``prevout`` of an input in ``getblock … 3``; ``value`` in BTC."""

    value: Decimal
    scriptPubKey: Script

    def output(self) -> TxOut:
        """The same as a value of the domain; Malformed if it is none."""
        return TxOut(satoshi(self.value), from_hex(self.scriptPubKey.hex))


class VerboseInput(msgspec.Struct, frozen=True):
    """An input in ``getblock … 3``; a coinbase has no ``prevout``."""

    coinbase: str | None = None
    prevout: Unspent | None = None


class VerboseTransaction(msgspec.Struct, frozen=True):
    """A transaction in ``getblock … 3``."""

    hex: str
    vin: list[VerboseInput]


class VerboseBlock(msgspec.Struct, frozen=True):
    """``getblock … 3``: transactions with what they spend."""

    height: int
    tx: list[VerboseTransaction]


class _Error(msgspec.Struct, frozen=True):
    code: int
    message: str = ""


class _Reply(msgspec.Struct, frozen=True):
    """The id is 0 where bitcoind could not read it."""

    id: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None


_reply = msgspec.json.Decoder(_Reply)
_replies = msgspec.json.Decoder(list[_Reply])


def encode_call(number: int, method: str, parameters: Sequence[Any]) -> bytes:
    """One question, to be answered under ``number``."""
    return msgspec.json.encode(_call(number, method, parameters))


def encode_batch(calls: Sequence[tuple[str, Sequence[Any]]]) -> bytes:
    """Several questions in one request, numbered from 0."""
    return msgspec.json.encode([_call(number, method, given) for number, (method, given) in enumerate(calls)])


def decode_reply(body: bytes, number: int, kind: type[T]) -> T:
    """The answer to question ``number``; RpcFailure when bitcoind refused it, Malformed when it is no such answer."""
    reply = _decode(_reply, body)
    if reply.error is None and reply.id != number:
        raise Malformed("an answer to another question")
    return _result(reply, kind)


def decode_batch(body: bytes, count: int, kind: type[T]) -> list[T | RpcFailure]:
    """The answers in the order of the questions; what bitcoind refused stands there as an RpcFailure."""
    if body.lstrip()[:1] == b"{":
        decode_reply(body, -1, object)
    replies = {reply.id: reply for reply in _decode(_replies, body)}
    if len(replies) != count or replies.keys() != set(range(count)):
        raise Malformed(f"{len(replies)} answers to {count} questions")
    return [_result_or_failure(replies[number], kind) for number in range(count)]


def decode_value(body: bytes, kind: type[T]) -> T:
    """JSON as a typed value; Malformed if it does not fit."""
    return _decode(msgspec.json.Decoder(kind), body)


def satoshi(amount: Decimal) -> int:
    """An amount in BTC, exactly; Malformed for parts of a satoshi, less than nothing and more than there is."""
    if not amount.is_finite() or amount.adjusted() > 8:
        raise Malformed("an amount that cannot be")
    scaled = amount.scaleb(8)
    if scaled != scaled.to_integral_value() or not 0 <= scaled <= MAX_MONEY:
        raise Malformed("an amount that cannot be")
    return int(scaled)


def from_hex(text: str) -> bytes:
    """The bytes; Malformed if it is no hexadecimal."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Malformed("not hexadecimal") from None


def join_block(header: bytes, body: bytes, number: int) -> tuple[bytes, bytes]:
    """The raw block and its undo data from the answer to ``getblock … 3`` and the 80-byte header.

    Both are byte for byte what ``/rest/block`` and ``/rest/spenttxouts`` give. RpcFailure and Malformed as usual.
    """
    block = decode_reply(body, number, VerboseBlock)
    raw = header + encode_compact(len(block.tx)) + b"".join(from_hex(each.hex) for each in block.tx)
    return raw, encode_undo([_spent(each) for each in block.tx])


def _spent(transaction: VerboseTransaction) -> list[TxOut]:
    outputs = [each.prevout.output() for each in transaction.vin if each.prevout is not None]
    if len(outputs) != sum(each.coinbase is None for each in transaction.vin):
        raise Malformed("an input without the output it spends: this bitcoind does not keep undo data of the block")
    return outputs


def _call(number: int, method: str, parameters: Sequence[Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}


def _result(reply: _Reply, kind: type[T]) -> T:
    if reply.error is not None:
        raise RpcFailure(reply.error.code, reply.error.message)
    return _decode(msgspec.json.Decoder(kind), reply.result)


def _result_or_failure(reply: _Reply, kind: type[T]) -> T | RpcFailure:
    if reply.error is not None:
        return RpcFailure(reply.error.code, reply.error.message)
    return _result(reply, kind)


def _decode(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not an answer of bitcoind: {type(error).__name__}") from None
