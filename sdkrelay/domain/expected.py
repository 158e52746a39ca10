"""Payments somebody expects: which output found for a wallet fulfils which of them, and how each stands then.

A payment takes the first output that fits and that no other took, and keeps it while it stands; so its state follows from
the outputs and the height of the tip alone, whatever happened in between and however often this is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from attrs import evolve, frozen

from .access import Principal
from .chain import BlockId, Txid, display
from .notification import Kind, Notice, PaymentUpdateData, Topic, btc
from .wallet import Standing

#: Whose news about a payment to no watched wallet are, beside the creator's: no wallet has this id, so they are not public.
NO_WALLET = ""
#: Whoever sits at the machine is no one in particular: their payments belong to their session.
_NOBODY = "loopback"


class PaymentStatus(StrEnum):
    """How an expected payment stands."""

    PENDING = "pending"
    """Nothing that fits was found."""

    DETECTED = "detected"
    """Paid, and not yet deep enough in the best chain."""

    CONFIRMED = "confirmed"
    """Paid, with as many confirmations as were asked for."""

    ORPHANED = "orphaned"
    """What paid it left the mempool or the best chain, and nothing else that fits is there; it may come back."""

    EXPIRED = "expired"
    """Nothing that fits was found in time; what comes later is not for it."""


@frozen
class Expected:
    """A payment that is expected, and what was found of it.

    ``recipient`` is a silent payment address, ``metadata`` a JSON object as text, ``digest`` tells one request from another,
    ``txid`` is the transaction it must be, if one was named. ``baseline`` is the number of the last output found when it was
    recorded, ``created_height`` the height of the index then, or the lowest it fell to since: what was there before is not
    for it, unless by its ``txid``. ``wallet_id`` is None while no watched wallet has the recipient; ``label`` says which of
    its addresses that is. ``outpoint`` (36 bytes) is what pays it, ``block`` where that is confirmed. Times are seconds since
    the epoch.
    """

    payment_id: str
    creator: str | None
    recipient: str
    amount_sats: int
    metadata: str
    confirmations_required: int
    txid: Txid | None
    digest: bytes
    created_at: int
    created_height: int
    expires_at: int
    updated_at: int
    number: int = 0
    baseline: int = 0
    wallet_id: str | None = None
    label: int | None = None
    status: PaymentStatus = PaymentStatus.PENDING
    outpoint: bytes | None = None
    received_sats: int | None = None
    block: BlockId | None = None

    @property
    def due_height(self) -> int | None:
        """The height of the tip from which it is confirmed; None while it is in no block."""
        return None if self.block is None else self.block.height + self.confirmations_required - 1

    def confirmations(self, tip_height: int) -> int:
        """How many blocks, its own included, are on top; 0 while it is in no block."""
        return 0 if self.block is None else max(1, tip_height - self.block.height + 1)


@frozen
class Receipt:
    """An output of the recipient's wallet: ``found`` numbers outputs in the order they were first found."""

    outpoint: bytes
    value: int
    label: int | None
    found: int
    standing: Standing
    block: BlockId | None

    @property
    def stands(self) -> bool:
        """Whether it is in the mempool or the best chain."""
        return self.standing is not Standing.ORPHANED


def creators(principal: Principal | None, session_id: str) -> frozenset[str]:
    """The names under which somebody can have recorded payments; the colon tells them from wallet ids."""
    session = f"session:{session_id}"
    known = principal is not None and principal.name != _NOBODY
    return frozenset({session, f"user:{principal.name}"} if principal and known else {session})


def creator(principal: Principal | None, session_id: str) -> str:
    """The name under which somebody records payments: the user's, where there is one, else the session's."""
    return max(creators(principal, session_id))


def fits(payment: Expected, receipt: Receipt) -> bool:
    """Whether this output may fulfil the payment: it pays the recipient, by the txid if one was named, else the amount."""
    if receipt.label != payment.label:
        return False
    if payment.txid is not None:
        return receipt.outpoint[:32] == payment.txid
    later = receipt.block is None or receipt.block.height > payment.created_height
    return receipt.value == payment.amount_sats and receipt.found > payment.baseline and later


def judge(
    payments: Iterable[Expected], taken: Mapping[bytes, Receipt], free: Sequence[Receipt], tip_height: int
) -> list[Expected]:
    """How these payments of one wallet stand; only those that changed, in the order they were recorded.

    ``taken`` are the outputs the payments have, by outpoint; ``free`` those that stand and that no payment has, as found.
    """
    left = list(free)
    changed = []
    for payment in sorted(payments, key=lambda payment: payment.number):
        own = taken.get(payment.outpoint) if payment.outpoint else None
        if own is None or not own.stands:
            own = _take(payment, left) or own
        placed = payment if own is None else _placed(payment, own, tip_height)
        if placed != payment:
            changed.append(placed)
    return changed


def at_tip(payment: Expected, tip_height: int) -> Expected:
    """A payment that is in a block, as it stands with this tip."""
    due = payment.due_height
    if due is None:
        return payment
    return evolve(payment, status=PaymentStatus.CONFIRMED if due <= tip_height else PaymentStatus.DETECTED)


def _take(payment: Expected, left: list[Receipt]) -> Receipt | None:
    """The first output that fits, one of the right amount before others; it is no longer left."""
    if payment.status is PaymentStatus.EXPIRED:
        return None
    fitting = [receipt for receipt in left if receipt.stands and fits(payment, receipt)]
    if not fitting:
        return None
    chosen = min(fitting, key=lambda receipt: (receipt.value != payment.amount_sats, receipt.found))
    left.remove(chosen)
    return chosen


def _placed(payment: Expected, receipt: Receipt, tip_height: int) -> Expected:
    found = evolve(payment, outpoint=receipt.outpoint, received_sats=receipt.value)
    if not receipt.stands:
        return evolve(found, status=PaymentStatus.ORPHANED, block=None)
    return at_tip(evolve(found, status=PaymentStatus.DETECTED, block=receipt.block), tip_height)


def update_notice(payment: Expected, tip_height: int) -> Notice:
    """What is told of a payment that changed: to its creator, and to whoever holds the wallet."""
    block, outpoint = payment.block, payment.outpoint
    data = PaymentUpdateData(
        payment_id=payment.payment_id,
        status=payment.status.value,
        recipient=payment.recipient,
        amount_sats=payment.amount_sats,
        amount=btc(payment.amount_sats),
        received_sats=payment.received_sats,
        txid=display(outpoint[:32]) if outpoint else None,
        vout=int.from_bytes(outpoint[32:], "little") if outpoint else None,
        block_height=block.height if block else None,
        block_hash=display(block.hash) if block else None,
        confirmations=payment.confirmations(tip_height),
        confirmations_required=payment.confirmations_required,
        updated_at=payment.updated_at,
    )
    return Notice(Kind.PAYMENT_UPDATE, Topic.PAYMENTS, data, payment.wallet_id or NO_WALLET, payment.creator)
