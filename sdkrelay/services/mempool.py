"""What is in the node's mempool, as far as wallets are concerned: transactions that pay or spend taproot outputs.

Each is fetched once, its tweak is computed once and every wallet is scanned against it once; when its block comes, the
block's row and the wallets take what is known from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define, field
from twisted.logger import Logger

from ..crypto.silent import TweakComputer
from ..domain.chain import Block, Spend, Transaction, Txid, display
from ..domain.payment import PREFIX, Match
from ..messages.bitcoin import Malformed
from ..messages.bitcoin.block import decode_transaction
from ..ports import Chain, Clock, Compute, RawTransaction, Tasks

log = Logger()

#: How many transactions are fetched and scanned together.
TOGETHER = 100

#: At most this many are held; beyond it new ones are left to their blocks.
MOST = 300_000

#: At most this many that could not be had are asked for again after the next block.
MOST_AGAIN = 10_000


@define
class Seen:
    """A mempool transaction: what it pays and spends of taproot, its tweak (64 bytes, None: ineligible), when it was seen.

    ``prefixes`` are the first 8 bytes of the keys it pays, ``outpoints`` the taproot outputs it spends. ``wallets`` are those
    scanned against it, ``matches`` what it pays them, by wallet.
    """

    transaction: Transaction
    spends: tuple[Spend, ...]
    tweak: bytes | None
    time: int
    prefixes: frozenset[bytes]
    outpoints: frozenset[bytes]
    wallets: frozenset[str] = frozenset()
    matches: dict[str, list[Match]] = field(factory=dict)


def decode_seen(fetched: Sequence[RawTransaction], time: int) -> list[Seen]:
    """Parse mempool transactions and compute their tweaks; those that neither pay nor spend taproot are left out."""
    computer = TweakComputer()
    seen = []
    for raw in fetched:
        try:
            transaction, spends = decode_transaction(raw.raw, raw.prevouts)
        except Malformed as error:
            log.warn("the node gave a transaction that does not parse: {reason}", reason=str(error))
            continue
        if transaction.outputs or spends:
            tweak = computer.tweak(transaction.inputs) if transaction.outputs else None
            prefixes = frozenset(output.key[:PREFIX] for output in transaction.outputs)
            outpoints = frozenset(spend.outpoint for spend in spends)
            seen.append(Seen(transaction, spends, tweak, time, prefixes, outpoints))
    return seen


class Mempool:
    """The view of the node's mempool; ``complete`` once it was compared as a whole since the last loss of hints.

    ``seen`` and ``tweaks`` (64 bytes, None: ineligible) are by txid, ``spends`` by outpoint.
    """

    def __init__(self, chain: Chain, compute: Compute, tasks: Tasks, clock: Clock) -> None:
        self._chain = chain
        self._compute = compute
        self._tasks = tasks
        self._clock = clock
        self._known: set[Txid] = set()
        self.seen: dict[Txid, Seen] = {}
        self.spends: dict[bytes, Spend] = {}
        self.tweaks: dict[Txid, bytes | None] = {}
        self.complete = False
        self._losses = 0
        self._again: dict[Txid, None] = {}

    def __contains__(self, txid: Txid) -> bool:
        return txid in self._known

    def __len__(self) -> int:
        return len(self._known)

    async def missing(self) -> list[Txid]:
        """Compare with the node's whole mempool: forget what left it; what is there and not known is returned."""
        current = await self._chain.mempool()
        for txid in self._known.difference(current):
            self.forget(txid)
        return [txid for txid in current if txid not in self._known]

    async def fetch(self, txids: Iterable[Txid]) -> list[Seen]:
        """Fetch transactions that are not known yet and take them in; those that vanished meanwhile are left out."""
        fresh = [txid for txid in dict.fromkeys(txids) if txid not in self._known][: max(0, MOST - len(self._known))]
        fetched = await self._tasks.gather(*[self._chain.transaction(txid) for txid in fresh])
        there = [(txid, raw) for txid, raw in zip(fresh, fetched, strict=True) if raw is not None]
        self._remember(set(fresh).difference([txid for txid, _ in there]))
        seen = await self._compute.run(decode_seen, [raw for _, raw in there], int(self._clock.now()))
        self._known.update([txid for txid, _ in there])
        for entry in seen:
            txid = entry.transaction.txid
            self.seen[txid] = entry
            if entry.transaction.outputs:
                self.tweaks[txid] = entry.tweak
            self.spends.update({spend.outpoint: spend for spend in entry.spends})
        return seen

    def _remember(self, vanished: set[Txid]) -> None:
        """A block may just have taken the parent of a transaction that could not be had: it is asked for again."""
        if len(self._again) + len(vanished) <= MOST_AGAIN:
            self._again.update(dict.fromkeys(vanished))

    def again(self) -> list[Txid]:
        """Transactions to be asked for once more, now that there is another block."""
        again, self._again = self._again, {}
        return list(again)

    def forget(self, txid: Txid) -> None:
        """A transaction left the mempool."""
        self._known.discard(txid)
        self.tweaks.pop(txid, None)
        entry = self.seen.pop(txid, None)
        for spend in entry.spends if entry else ():
            if self.spends.get(spend.outpoint) is spend:
                del self.spends[spend.outpoint]

    def confirmed(self, block: Block) -> None:
        """The transactions of a block are in the mempool no more."""
        for transaction in block.transactions:
            self.forget(transaction.txid)
        for spend in block.spends:
            self.forget(spend.spender)

    def lost(self) -> None:
        """Hints were lost: nothing is concluded from absence until the whole was compared again."""
        self.complete = False
        self._losses += 1

    @property
    def losses(self) -> int:
        """How often hints were lost; a comparison is only whole if none were while it was under way."""
        return self._losses

    def unscanned(self, wallet_id: str) -> list[Seen]:
        """Eligible transactions this wallet was not scanned against."""
        return [entry for entry in self.seen.values() if entry.tweak and wallet_id not in entry.wallets]

    def forget_wallet(self, wallet_id: str) -> None:
        """A wallet is gone, or its keys changed: what was found for it is no longer known."""
        without: dict[frozenset[str], frozenset[str]] = {}
        for entry in self.seen.values():
            if wallet_id in entry.wallets:
                entry.wallets = without.setdefault(entry.wallets, entry.wallets - {wallet_id})
                entry.matches.pop(wallet_id, None)

    async def is_gone(self, txid: Txid) -> bool:
        """Whether the node says that the transaction is not in its mempool."""
        gone = await self._chain.transaction(txid) is None
        if gone:
            log.info("transaction {txid} left the mempool without a block", txid=display(txid))
        return gone
