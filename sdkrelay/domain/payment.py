"""The life of a payment: seen in the mempool, confirmed, spent, orphaned, and back, for one wallet.

``Holdings`` is a wallet's outputs as they stand; a ``Draft`` works out what one step (a block, a mempool transaction, an
undone block) changes and what is told of it, without touching the holdings: the store makes it durable first, then the
holdings absorb it. Telling follows one rule: folding a wallet's notices in order gives what a fresh scan finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any

from attrs import evolve, frozen

from .chain import BlockId, Spend, TaprootOutput, Transaction, Txid, display
from .notification import Kind, Notice, OrphanData, PaymentData, ReuseData, SpendData, Topic, btc
from .wallet import Output, Standing

#: How many bytes of an x-only key the index keeps.
PREFIX = 8


@frozen
class Match:
    """An output of a transaction that pays the wallet: the fields BIP352 gives it (``tweak`` is T, 33 bytes)."""

    output: TaprootOutput
    k: int
    label: int | None
    tweak: bytes
    output_tweak: bytes
    ambiguous: bool


@frozen
class Sighting:
    """Where a step takes place: a block of the best chain with its time, or the mempool (``block`` None) at a time."""

    block: BlockId | None
    time: int
    tip_height: int = 0

    @property
    def confirmations(self) -> int:
        """Confirmations of what is sighted here, 0 in the mempool."""
        return 0 if self.block is None else max(1, self.tip_height - self.block.height + 1)


def outpoint_of(txid: bytes, vout: int) -> bytes:
    """The 36 bytes of an outpoint: txid in internal order, vout little-endian."""
    return txid + vout.to_bytes(4, "little")


class Holdings:
    """The outputs found for one wallet, with the look-ups that a step needs."""

    def __init__(self, outputs: Iterable[Output] = ()) -> None:
        self.outputs: dict[bytes, Output] = {}
        self.first_by_key: dict[bytes, bytes] = {}
        self.prefixes: set[bytes] = set()
        self._pending: dict[bytes, Output] = {}
        self.version = 0
        self.absorb(outputs)

    def absorb(self, outputs: Iterable[Output]) -> None:
        """Take over outputs, new or changed, that the store has made durable; ``version`` tells that some were."""
        for output in outputs:
            self.version += 1
            self.outputs[output.outpoint] = output
            self.prefixes.add(output.key[:PREFIX])
            if _is_pending(output):
                self._pending[output.outpoint] = output
            else:
                self._pending.pop(output.outpoint, None)
            if output.reuse_of is None:
                self.first_by_key.setdefault(output.key, output.outpoint)

    def in_block(self, block: BlockId) -> list[Output]:
        """Outputs confirmed in a block, or spent in it, in the order they were found."""
        return [output for output in self.outputs.values() if block in (output.block, output.spent_in)]

    def blocks(self) -> set[BlockId]:
        """The blocks that outputs are confirmed or spent in."""
        places = (block for output in self.outputs.values() for block in (output.block, output.spent_in))
        return {block for block in places if block is not None}

    def of_transaction(self, txid: Txid) -> list[Output]:
        """Pending outputs that a mempool transaction made, or spends."""
        return [output for output in self._pending.values() if txid in (output.outpoint[:32], output.spent_by)]

    def unconfirmed(self) -> set[Txid]:
        """Transactions known from the mempool only: they made an output, or spend one."""
        made = {Txid(held.outpoint[:32]) for held in self._pending.values() if held.standing is Standing.MEMPOOL}
        return made | {
            Txid(held.spent_by) for held in self._pending.values() if held.spent_by and held.spent_in is None
        }

    def balance(self) -> tuple[int, int]:
        """Satoshi and number of the outputs, confirmed or in the mempool, that nothing spends there."""
        values = [
            output.value
            for output in self.outputs.values()
            if output.standing is not Standing.ORPHANED and output.spent_by is None and output.reuse_of is None
        ]
        return sum(values), len(values)


def _is_pending(output: Output) -> bool:
    return output.standing is Standing.MEMPOOL or (output.spent_by is not None and output.spent_in is None)


class Draft:
    """What one step changes for one wallet, and what is told of it, in order."""

    def __init__(self, holdings: Holdings, wallet_id: str, address: str) -> None:
        self._holdings = holdings
        self._wallet_id = wallet_id
        self._address = address
        self._changed: dict[bytes, Output] = {}
        self._keys: dict[bytes, bytes] = {}
        self._prefixes: set[bytes] = set()
        self.notices: list[Notice] = []

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The outputs that are new or changed."""
        return tuple(self._changed.values())

    def touches(self, prefixes: frozenset[bytes]) -> bool:
        """Whether a key the wallet is known to own, one of this draft included, starts with one of these 8 bytes."""
        return not (self._holdings.prefixes.isdisjoint(prefixes) and self._prefixes.isdisjoint(prefixes))

    def concerns(self, prefixes: frozenset[bytes], outpoints: frozenset[bytes]) -> bool:
        """Whether a transaction that pays keys that start so, and spends these outputs, has to do with the wallet."""
        held = self._holdings.outputs.keys()
        return self.touches(prefixes) or not (held.isdisjoint(outpoints) and self._changed.keys().isdisjoint(outpoints))

    def own_prefixes(self, among: Set[bytes]) -> Set[bytes]:
        """Which of these 8 bytes start a key the wallet is known to own."""
        return (among & self._holdings.prefixes) | (among & self._prefixes)

    def own_outpoints(self, among: Set[bytes]) -> Set[bytes]:
        """Which of these outpoints are the wallet's, those of this draft included."""
        return (among & self._holdings.outputs.keys()) | (among & self._changed.keys())

    def found(self, transaction: Transaction, matches: Sequence[Match], sighting: Sighting) -> None:
        """The transaction was sighted; ``matches`` are its outputs that pay the wallet. Also sees reused addresses."""
        for match in matches:
            self._found(transaction, match, sighting)
        for output in transaction.outputs:
            self._reused(transaction, output, sighting)

    def spent(self, spend: Spend, sighting: Sighting) -> None:
        """An input that may spend one of the wallet's outputs was sighted."""
        held = self._get(spend.outpoint)
        if held is None or (held.spent_in is not None and sighting.block is None):
            return
        if held.spent_by == spend.spender and held.spent_in == sighting.block:
            return
        self._change(held, spent_by=spend.spender, spent_in=sighting.block)
        self._tell_spend(Kind.PAYMENT_SPENT, held, spend.spender, sighting.block, sighting.time)

    def disconnected(self, block: BlockId, time: int) -> None:
        """A block left the best chain: its payments are orphaned, its spends undone."""
        for output in self._holdings.in_block(block):
            if output.spent_in == block:
                self._unspend(output, time)
            if output.block == block:
                self._orphan(output.outpoint, time, "reorganised")

    def evicted(self, txid: Txid, time: int) -> None:
        """A transaction left the mempool, and not for a block: what it made is orphaned, what it spends is free again."""
        for output in self._holdings.of_transaction(txid):
            if output.spent_by == txid and output.spent_in is None:
                self._unspend(output, time)
            if output.outpoint[:32] == txid and output.standing is Standing.MEMPOOL:
                self._orphan(output.outpoint, time, "evicted")

    def _get(self, outpoint: bytes) -> Output | None:
        return self._changed.get(outpoint) or self._holdings.outputs.get(outpoint)

    def _change(self, output: Output, **fields: Any) -> Output:
        changed = evolve(self._get(output.outpoint) or output, **fields)
        self._changed[output.outpoint] = changed
        return changed

    def _found(self, transaction: Transaction, match: Match, sighting: Sighting) -> None:
        outpoint = outpoint_of(transaction.txid, match.output.vout)
        held = self._get(outpoint)
        if held is None:
            held = _new_output(outpoint, transaction, match, sighting)
            self._changed[outpoint] = held
            self._keys.setdefault(held.key, outpoint)
            self._prefixes.add(held.key[:PREFIX])
            self._tell_payment(Kind.PAYMENT_DETECTED, held, sighting)
        elif held.block == sighting.block and held.standing is not Standing.ORPHANED:
            return
        self._placed(held, sighting)

    def _placed(self, held: Output, sighting: Sighting) -> None:
        if sighting.block is None:
            if held.standing is Standing.ORPHANED:
                self._change(held, standing=Standing.MEMPOOL, time=sighting.time)
            return
        confirmed = self._change(held, standing=Standing.CONFIRMED, block=sighting.block, time=sighting.time)
        if held.reuse_of is None:
            self._tell_payment(Kind.PAYMENT_CONFIRMED, confirmed, sighting)

    def _reused(self, transaction: Transaction, output: TaprootOutput, sighting: Sighting) -> None:
        first = self._holdings.first_by_key.get(output.key) or self._keys.get(output.key)
        if first is None or first[:32] == transaction.txid:
            return
        outpoint = outpoint_of(transaction.txid, output.vout)
        held = self._get(outpoint)
        if held is not None:
            if held.reuse_of is not None and held.block != sighting.block:
                self._placed(held, sighting)
            return
        original = self._get(first)
        assert original is not None, "a key is only known by an output that is held"
        self._changed[outpoint] = held = _reused_output(outpoint, original, transaction, output, sighting)
        self._tell_reuse(held, sighting)

    def _orphan(self, outpoint: bytes, time: int, reason: str) -> None:
        held = self._get(outpoint)
        assert held is not None, "only held outputs are orphaned"
        self._change(held, standing=Standing.ORPHANED, block=None)
        if held.reuse_of is not None:
            return
        height, block_hash = _block_fields(held.block)
        data = OrphanData(
            **self._common(held), block_height=height, block_hash=block_hash, reason=reason, timestamp=time
        )
        self._tell(Kind.PAYMENT_ORPHANED, data)

    def _unspend(self, output: Output, time: int) -> None:
        assert output.spent_by is not None, "only a spend can be undone"
        self._change(output, spent_by=None, spent_in=None)
        self._tell_spend(Kind.PAYMENT_UNSPENT, output, Txid(output.spent_by), output.spent_in, time)

    def _tell_payment(self, kind: Kind, output: Output, sighting: Sighting) -> None:
        height, block_hash = _block_fields(sighting.block)
        data = PaymentData(
            **self._common(output),
            block_height=height,
            block_hash=block_hash,
            confirmations=sighting.confirmations,
            timestamp=sighting.time,
            fee=btc(output.fee),
            size=output.size,
            label=output.label,
            tweak=output.tweak.hex(),
            output_tweak=output.output_tweak.hex(),
            ambiguous=output.ambiguous,
        )
        self._tell(kind, data)

    def _tell_spend(self, kind: Kind, output: Output, spender: Txid, block: BlockId | None, time: int) -> None:
        if output.reuse_of is not None:
            return
        height, block_hash = _block_fields(block)
        data = SpendData(
            **self._common(output),
            spent_by=display(spender),
            block_height=height,
            block_hash=block_hash,
            timestamp=time,
        )
        self._tell(kind, data)

    def _tell_reuse(self, output: Output, sighting: Sighting) -> None:
        assert output.reuse_of is not None, "only a reuse is told as one"
        height, block_hash = _block_fields(sighting.block)
        data = ReuseData(
            **self._common(output),
            first_txid=display(output.reuse_of),
            block_height=height,
            block_hash=block_hash,
            timestamp=sighting.time,
        )
        self._tell(Kind.ADDRESS_REUSED, data)

    def _common(self, output: Output) -> dict[str, Any]:
        return {
            "wallet_id": self._wallet_id,
            "address": self._address,
            "txid": display(output.outpoint[:32]),
            "vout": int.from_bytes(output.outpoint[32:], "little"),
            "amount": btc(output.value),
            "amount_sats": output.value,
            "output": output.key.hex(),
        }

    def _tell(self, kind: Kind, data: PaymentData | SpendData | OrphanData | ReuseData) -> None:
        self.notices.append(Notice(kind, Topic.PAYMENTS, data, self._wallet_id))


def _new_output(outpoint: bytes, transaction: Transaction, match: Match, sighting: Sighting) -> Output:
    return Output(
        outpoint=outpoint,
        value=match.output.value,
        key=match.output.key,
        k=match.k,
        label=match.label,
        tweak=match.tweak,
        output_tweak=match.output_tweak,
        fee=transaction.fee,
        size=transaction.size,
        ambiguous=match.ambiguous,
        standing=Standing.MEMPOOL,
        block=None,
        time=sighting.time,
    )


def _reused_output(
    outpoint: bytes, original: Output, transaction: Transaction, output: TaprootOutput, sighting: Sighting
) -> Output:
    return evolve(
        original,
        outpoint=outpoint,
        value=output.value,
        fee=transaction.fee,
        size=transaction.size,
        ambiguous=False,
        standing=Standing.MEMPOOL if sighting.block is None else Standing.CONFIRMED,
        block=sighting.block,
        time=sighting.time,
        spent_by=None,
        spent_in=None,
        reuse_of=original.outpoint[:32],
    )


def _block_fields(block: BlockId | None) -> tuple[int | None, str | None]:
    return (None, None) if block is None else (block.height, display(block.hash))
