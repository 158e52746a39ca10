"""Expected payments, and how they follow what wallets receive and what the chain does.

``follow``, ``risen`` and ``fallen`` are called inside the transactions that change outputs or the tip, so the state of a
payment, what is told of it and their cause are on the disk together, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from attrs import evolve
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, exists, func, insert, or_, select, update

from ...domain.chain import BlockHash, BlockId, Txid
from ...domain.expected import Expected, PaymentStatus, Receipt, at_tip, judge, update_notice
from ...domain.notification import Entry
from ...domain.wallet import Output, Standing
from ...ports import WalletChange
from . import facts, log
from .facts import Counter
from .runner import Runner
from .schema import block, output, payment, wallet

T = TypeVar("T")

#: Values in one statement; databases bound the number of parameters.
ASK = 400
#: Payments that expire, or whose confirmations are counted, in one transaction.
REVIEW = 1_000

#: Fields that stand in a column of the same name.
PLAIN = (
    "payment_id",
    "number",
    "creator",
    "recipient",
    "amount_sats",
    "metadata",
    "confirmations_required",
    "txid",
    "digest",
    "created_at",
    "created_height",
    "expires_at",
    "updated_at",
    "baseline",
    "wallet_id",
    "label",
    "outpoint",
    "received_sats",
    "due_height",
)
#: Of these, what a payment is made with.
MADE = tuple(name for name in PLAIN if name != "due_height")
#: What facts of other relays say of a payment's state.
CONCLUDED = ("status", "outpoint", "received_sats", "block")
#: States in which a payment looks for an output.
LOOKING = (PaymentStatus.PENDING, PaymentStatus.ORPHANED)

TIP_HEIGHT = select(func.max(block.c.height))
UNLINKED = (
    select(payment.c.recipient)
    .where(payment.c.wallet_id.is_(None), payment.c.status != PaymentStatus.EXPIRED)
    .distinct()
)


def follow(connection: Connection, changes: Sequence[WalletChange], at: int) -> list[Entry]:
    """Outputs of wallets were put: see how the payments stand that they concern; what is told of them."""
    entries: list[Entry] = []
    for change in changes:
        for outputs in _chunks(change.outputs):
            concerned = _fetch(connection, _concerned(change.wallet_id, outputs))
            entries += _judge(connection, change.wallet_id, concerned, at)
    return entries


def risen(connection: Connection, at: int) -> list[Entry]:
    """The tip rose: confirm what is deep enough now."""
    tip = _tip_height(connection)
    deep = and_(payment.c.status == PaymentStatus.DETECTED, payment.c.due_height <= tip)
    found = _fetch(connection, select(payment).where(deep).order_by(payment.c.number))
    return _settle(connection, [at_tip(item, tip) for item in found], tip, at)


def fallen(connection: Connection, at: int) -> list[Entry]:
    """The tip was taken away: what is not deep enough any more is not confirmed any more, and blocks to come are later ones."""
    tip = _tip_height(connection)
    higher = and_(payment.c.status.in_(LOOKING), payment.c.created_height > tip)
    connection.execute(update(payment).where(higher).values(created_height=tip))
    shallow = and_(payment.c.status == PaymentStatus.CONFIRMED, payment.c.due_height > tip)
    found = _fetch(connection, select(payment).where(shallow).order_by(payment.c.number))
    return _settle(connection, [at_tip(item, tip) for item in found], tip, at)


class DatabasePayments:
    """The ``PaymentStore``."""

    def __init__(self, runner: Runner, now: Callable[[], float]) -> None:
        self._runner = runner
        self._now = now

    async def create(self, item: Expected) -> tuple[Expected, list[Entry]]:
        """Record a payment, and see at once how it stands; the one of this ``payment_id``, unchanged, if there is one."""
        at = int(self._now())

        def work(connection: Connection) -> tuple[Expected, list[Entry]]:
            known = _find(connection, item.payment_id)
            if known is not None:
                return known, []
            seen = facts.value(connection, Counter.OUTPUTS)
            made = _insert(connection, evolve(item, baseline=seen, created_height=_tip_height(connection)))
            entries = _judge(connection, made.wallet_id, [made], at) if made.wallet_id else []
            return made, entries

        return await self._runner.write(work)

    async def put(self, item: Expected) -> Expected:
        """Keep a payment as it is given; the one of this ``payment_id``, unchanged, if there is one."""
        return await self._runner.write(
            lambda connection: _find(connection, item.payment_id) or _insert(connection, item)
        )

    async def conclude(self, item: Expected) -> list[Entry]:
        """Keep a payment as facts of other relays have it, and log what is told if its state changed."""
        at = int(self._now())

        def work(connection: Connection) -> list[Entry]:
            known = _find(connection, item.payment_id) or _insert(connection, _pending(item))
            if known.wallet_id is not None or known.creator != item.creator or known.digest != item.digest:
                return []
            found = evolve(known, metadata=item.metadata, **{name: getattr(item, name) for name in CONCLUDED})
            if found == known:
                return []
            told = any(getattr(found, name) != getattr(known, name) for name in CONCLUDED)
            if told:
                return _settle(connection, [found], _tip_height(connection), at)
            _update(connection, [found])
            return []

        return await self._runner.write(work)

    async def payment(self, payment_id: str) -> Expected | None:
        """The payment of this name."""
        return await self._runner.read(lambda connection: _find(connection, payment_id))

    async def payments(self, after: int, limit: int, names: frozenset[str] | None) -> list[Expected]:
        """Those numbered above ``after``, ascending: of these wallets and creators, or all of them."""
        asked = select(payment).where(payment.c.number > after).order_by(payment.c.number).limit(limit)
        if names is None:
            return await self._runner.read(lambda connection: _fetch(connection, asked))

        def work(connection: Connection) -> list[Expected]:
            found: dict[int, Expected] = {}
            for name in names:
                column = payment.c.creator if ":" in name else payment.c.wallet_id
                found.update({item.number: item for item in _fetch(connection, asked.where(column == name))})
            return [found[number] for number in sorted(found)[:limit]]

        return await self._runner.read(work)

    async def open_of(self, creator: str) -> int:
        """How many payments of a creator are pending."""
        pending = select(func.count()).where(payment.c.creator == creator, payment.c.status == PaymentStatus.PENDING)
        return await self._runner.read(lambda connection: connection.execute(pending).scalar_one())

    async def unlinked(self) -> list[str]:
        """The recipients, once each, that belong to no watched wallet as far as is known."""
        return await self._runner.read(lambda connection: list(connection.execute(UNLINKED).scalars()))

    async def link(self, wallet_id: str, labels: Mapping[str, int | None]) -> list[Entry]:
        """These recipients are a wallet's, each with its label: its payments are followed from now on."""
        at = int(self._now())

        def work(connection: Connection) -> list[Entry]:
            entries: list[Entry] = []
            for recipient, label in labels.items() if _is_known(connection, wallet_id) else ():
                waiting = and_(payment.c.recipient == recipient, payment.c.wallet_id.is_(None))
                found = _fetch(connection, select(payment).where(waiting).order_by(payment.c.number))
                linked = [evolve(item, wallet_id=wallet_id, label=label) for item in found]
                _update(connection, linked)
                entries += _judge(connection, wallet_id, linked, at)
            return entries

        return await self._runner.write(work)

    async def review(self) -> list[Entry]:
        """Let those expire whose time has come, and confirm those that are deep enough by now."""
        at = int(self._now())

        def work(connection: Connection) -> list[Entry]:
            late = and_(payment.c.status == PaymentStatus.PENDING, payment.c.expires_at <= at)
            found = _fetch(connection, select(payment).where(late).order_by(payment.c.number).limit(REVIEW))
            expired = [evolve(item, status=PaymentStatus.EXPIRED) for item in found]
            return _settle(connection, expired, _tip_height(connection), at) + risen(connection, at)

        return await self._runner.write(work)


def _concerned(wallet_id: str, outputs: Sequence[Output]) -> Select[Any]:
    """The payments of a wallet that have one of these outputs, or look for one like it."""
    alike = or_(
        payment.c.amount_sats.in_({item.value for item in outputs}),
        payment.c.txid.in_({item.outpoint[:32] for item in outputs}),
    )
    has = payment.c.outpoint.in_([item.outpoint for item in outputs])
    looks = and_(payment.c.status.in_(LOOKING), alike)
    return select(payment).where(payment.c.wallet_id == wallet_id, or_(has, looks))


def _judge(connection: Connection, wallet_id: str, payments: Sequence[Expected], at: int) -> list[Entry]:
    """See how payments of one wallet stand, and settle what changed."""
    if not payments:
        return []
    tip = _tip_height(connection)
    taken = _taken(connection, wallet_id, payments)
    changed = judge(payments, taken, _free(connection, wallet_id, payments), tip)
    return _settle(connection, changed, tip, at)


def _taken(connection: Connection, wallet_id: str, payments: Sequence[Expected]) -> dict[bytes, Receipt]:
    receipts: dict[bytes, Receipt] = {}
    for outpoints in _chunks([item.outpoint for item in payments if item.outpoint]):
        receipts.update(
            {found.outpoint: found for found in _receipts(connection, wallet_id, output.c.outpoint.in_(outpoints))}
        )
    return receipts


def _free(connection: Connection, wallet_id: str, payments: Sequence[Expected]) -> list[Receipt]:
    """The outputs that stand, no payment has, and one of these payments could take; as found."""
    free: dict[bytes, Receipt] = {}
    stands = and_(
        output.c.standing != Standing.ORPHANED,
        output.c.reuse_of.is_(None),
        ~exists().where(payment.c.wallet_id == wallet_id, payment.c.outpoint == output.c.outpoint),
    )
    for some in _chunks(payments):
        txids = [item.txid for item in some if item.txid]
        named = [and_(output.c.outpoint >= txid, output.c.outpoint <= txid + b"\xff" * 4) for txid in txids]
        later = and_(
            output.c.value.in_({item.amount_sats for item in some}),
            output.c.found > min(item.baseline for item in some),
        )
        found = _receipts(connection, wallet_id, and_(stands, or_(later, *named)))
        free.update({receipt.outpoint: receipt for receipt in found})
    return sorted(free.values(), key=lambda receipt: receipt.found)


def _receipts(connection: Connection, wallet_id: str, wanted: ColumnElement[bool]) -> list[Receipt]:
    rows = connection.execute(select(output).where(output.c.wallet_id == wallet_id, wanted)).mappings()
    return [
        Receipt(
            row["outpoint"],
            row["value"],
            row["label"],
            row["found"],
            Standing(row["standing"]),
            _block(row["block_height"], row["block_hash"]),
        )
        for row in rows
    ]


def _settle(connection: Connection, changed: Sequence[Expected], tip_height: int, at: int) -> list[Entry]:
    """Keep payments that changed, and log what is told of them."""
    updated = [evolve(item, updated_at=at) for item in changed]
    _update(connection, updated)
    return log.record(connection, [update_notice(item, tip_height) for item in updated], at)


def _insert(connection: Connection, item: Expected) -> Expected:
    """Keep a new payment under the next number; linked only to a wallet that is registered."""
    number = facts.advance(connection, Counter.PAYMENTS, 1) + 1
    owned = item.wallet_id is not None and _is_known(connection, item.wallet_id)
    made = evolve(item, number=number, wallet_id=item.wallet_id if owned else None)
    connection.execute(insert(payment), _row(made))
    return made


def _update(connection: Connection, items: Iterable[Expected]) -> None:
    for item in items:
        connection.execute(update(payment).where(payment.c.payment_id == item.payment_id).values(_row(item)))


def _pending(item: Expected) -> Expected:
    """A payment as it was when nothing that pays it had been found."""
    return evolve(item, status=PaymentStatus.PENDING, outpoint=None, received_sats=None, block=None)


def _find(connection: Connection, payment_id: str) -> Expected | None:
    found = _fetch(connection, select(payment).where(payment.c.payment_id == payment_id))
    return found[0] if found else None


def _fetch(connection: Connection, statement: Select[Any]) -> list[Expected]:
    return [_payment_of(row) for row in connection.execute(statement).mappings()]


def _tip_height(connection: Connection) -> int:
    return connection.execute(TIP_HEIGHT).scalar_one() or 0


def _is_known(connection: Connection, wallet_id: str) -> bool:
    asked = select(wallet.c.wallet_id).where(wallet.c.wallet_id == wallet_id)
    return connection.execute(asked).one_or_none() is not None


def _row(item: Expected) -> dict[str, Any]:
    height, block_hash = item.block or (None, None)
    plain = {name: getattr(item, name) for name in PLAIN}
    return {**plain, "status": item.status, "block_height": height, "block_hash": block_hash}


def _payment_of(row: RowMapping) -> Expected:
    fields = {name: row[name] for name in MADE}
    fields["txid"] = None if row["txid"] is None else Txid(row["txid"])
    where = _block(row["block_height"], row["block_hash"])
    return Expected(**fields, status=PaymentStatus(row["status"]), block=where)


def _block(height: int | None, block_hash: bytes | None) -> BlockId | None:
    return None if height is None or block_hash is None else BlockId(height, BlockHash(block_hash))


def _chunks(items: Iterable[T]) -> Iterable[list[T]]:
    left = iter(items)
    while chunk := list(islice(left, ASK)):
        yield chunk
