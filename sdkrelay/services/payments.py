"""Expected payments: recording and showing them, and linking each to the wallet its recipient belongs to.

How a payment stands follows in the store from what is found for that wallet; here is what follows from requests, from
wallets that are registered later, and from time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from twisted.logger import Logger

from ..crypto.address import labelled_address
from ..crypto.silent import decode_address
from ..domain.access import Role
from ..domain.chain import Network, Txid, display, from_display
from ..domain.expected import Expected, creator
from ..domain.notification import Entry, btc
from ..domain.problem import Code, Problem, invalid
from ..messages.native.payments import (
    CreatePayment,
    GetPayment,
    ListPayments,
    Payment,
    PaymentCreated,
    PaymentItem,
    Payments,
)
from ..messages.rest.payments import GetPayments
from ..ports import Caller, Cancelled, Clock, Store, Task, Tasks, Unavailable
from .hub import Hub, names_of
from .router import handles
from .watching import Watch, Watched

log = Logger()

#: Seconds after which a payment expires when nothing else is asked for.
EXPIRY = 30 * 86_400
#: Seconds between two looks at what expires.
REVIEW = 5.0
#: Bytes of metadata as JSON.
METADATA = 4_096
#: Payments that one creator may have pending.
PENDING = 10_000


class PaymentService:
    """Answers what sessions ask about expected payments; :meth:`start` lets them expire and be linked."""

    def __init__(self, store: Store, hub: Hub, watch: Watch, tasks: Tasks, clock: Clock, network: Network) -> None:
        self._store = store
        self._hub = hub
        self._watch = watch
        self._tasks = tasks
        self._clock = clock
        self._prefix = "sp" if network is Network.MAIN else "tsp"
        self._looking: Task | None = None
        self._changed = tasks.event()
        self.on_create: Callable[[str], None] = lambda payment_id: None

    def start(self) -> None:
        """Follow the wallets that are watched, and the time."""
        self._watch.on_change = lambda watched: self._changed.set()
        self._changed.set()
        self._looking = self._tasks.start("payments", self._look())

    def look_soon(self) -> None:
        """Payments were put into the store: link them to their wallets."""
        self._changed.set()

    async def stop(self) -> None:
        """Follow no more."""
        if self._looking is not None:
            self._looking.cancel()
            await self._looking.wait()

    @handles(CreatePayment)
    async def create(self, request: CreatePayment, caller: Caller) -> PaymentCreated:
        """Expect a payment; how it stands at once is told after the answer."""
        metadata = metadata_text(request.metadata)
        recipient = self._recipient(request.recipient)
        digest = _digest(request, recipient)
        known = await self._store.payments.payment(request.payment_id)
        if known is None:
            expected = self._expected(request, caller, recipient, metadata, digest)
            await self._check_room(expected)
            known, entries = await self._store.payments.create(expected)
            self.on_create(known.payment_id)
            self._tasks.start("payment update", self._tell_later(entries))
        if known.digest != digest:
            raise Problem(Code.CONFLICT, "another payment has this payment_id", field="payment_id")
        return _created(known)

    @handles(GetPayment)
    async def get(self, request: GetPayment, caller: Caller) -> Payment:
        """One payment of the caller's."""
        payment = await self._store.payments.payment(request.payment_id)
        names = names_of(caller)
        if payment is None or names.isdisjoint((payment.creator, payment.wallet_id)):
            raise Problem(Code.NOT_FOUND, "there is no such payment of this session or of a wallet it holds")
        return Payment(**_fields(payment, await self._tip_height()))

    @handles(ListPayments)
    async def list_payments(self, request: ListPayments, caller: Caller) -> Payments:
        """The caller's payments as recorded, a page at a time."""
        return await self._page(request.cursor, request.limit, names_of(caller))

    @handles(GetPayments)
    async def get_payments(self, request: GetPayments, caller: Caller) -> Payments:
        """Those of the wallet whose token was given, or an operator's view of all. AUTH_REQUIRED for anybody else."""
        operator = caller.principal is not None and Role.OPERATOR in caller.principal.roles
        if not (caller.wallet_ids or operator):
            raise Problem(Code.AUTH_REQUIRED, "give a wallet's token in the header X-Wallet-Token, or be an operator")
        return await self._page(request.cursor, request.limit, caller.wallet_ids or None)

    async def _page(self, cursor: str | None, limit: int, names: frozenset[str] | None) -> Payments:
        found = await self._store.payments.payments(_after(cursor), limit + 1, names)
        page, tip = found[:limit], await self._tip_height()
        items = tuple(PaymentItem(**_fields(payment, tip)) for payment in page)
        return Payments(payments=items, cursor=str(page[-1].number) if len(found) > limit else None)

    def _expected(
        self, request: CreatePayment, caller: Caller, recipient: str, metadata: str, digest: bytes
    ) -> Expected:
        now = int(self._clock.now())
        expires_at = now + EXPIRY if request.expires_at is None else request.expires_at
        if expires_at <= now:
            raise invalid("expires_at", "a time to come, in seconds since the epoch", value=expires_at)
        wallet_id, label = self._owner(recipient) or (None, None)
        return Expected(
            payment_id=request.payment_id,
            creator=creator(caller.principal, caller.session_id),
            recipient=recipient,
            amount_sats=request.amount_sats,
            metadata=metadata,
            confirmations_required=request.confirmations_required,
            txid=None if request.txid is None else Txid(from_display(request.txid.lower())),
            digest=digest,
            created_at=now,
            created_height=0,
            expires_at=expires_at,
            updated_at=now,
            wallet_id=wallet_id,
            label=label,
        )

    async def _check_room(self, expected: Expected) -> None:
        assert expected.creator is not None, "who asks has a name"
        if await self._store.payments.open_of(expected.creator) >= PENDING:
            raise Problem(Code.LIMIT_EXCEEDED, f"at most {PENDING} payments may be pending at a time", limit=PENDING)

    def _recipient(self, text: str) -> str:
        """The address in its usual form. Problem unless it is one of this network."""
        try:
            address = decode_address(text)
        except ValueError as wrong:
            raise invalid("recipient", "a silent payment address", str(wrong), text[:128]) from None
        if address.hrp != self._prefix:
            raise invalid("recipient", f"an address that begins with {self._prefix}1, as on this network", value=text)
        return str(address)

    def _owner(self, recipient: str) -> tuple[str, int | None] | None:
        """The watched wallet an address belongs to, and the label it carries."""
        for watched in self._watch.all():
            labels = self._labels(watched, [recipient])
            if labels:
                return watched.wallet.wallet_id, labels[recipient]
        return None

    def _labels(self, watched: Watched, recipients: Iterable[str]) -> Mapping[str, int | None]:
        """Which of these addresses are the wallet's, each with its label."""
        own = decode_address(watched.wallet.address).scan_key
        asked = {recipient for recipient in recipients if decode_address(recipient).scan_key == own}
        if not asked:
            return {}
        keys = watched.keys
        labelled = {
            labelled_address(keys.scan_secret, keys.spend_key, label, self._prefix): label for label in keys.labels
        }
        addresses: dict[str, int | None] = {watched.wallet.address: None, **labelled}
        return {recipient: addresses[recipient] for recipient in sorted(asked & addresses.keys())}

    async def _look(self) -> None:
        """Link payments when wallets change, and let time pass for them; a failure is logged and tried again."""
        while True:
            changed = await self._changed.wait(REVIEW)
            try:
                if changed:
                    await self._link()
                await self._hub.publish(await self._store.payments.review())
            except Cancelled:
                raise
            except Unavailable as away:
                log.warn("payments cannot be reviewed now: {reason}", reason=str(away))
                await self._tasks.sleep(REVIEW)
                self._changed.set()
            except Exception:
                log.failure("payments could not be reviewed")

    async def _link(self) -> None:
        recipients = await self._store.payments.unlinked()
        for watched in self._watch.all() if recipients else ():
            labels = self._labels(watched, recipients)
            if labels:
                await self._hub.publish(await self._store.payments.link(watched.wallet.wallet_id, labels))

    async def _tell_later(self, entries: Sequence[Entry]) -> None:
        await self._tasks.sleep(0)
        await self._hub.publish(entries)

    async def _tip_height(self) -> int:
        tip = await self._store.index.tip()
        return 0 if tip is None else tip.height


def metadata_text(given: Mapping[str, Any]) -> str:
    """The metadata as JSON. Problem for more than is kept."""
    expected = f"an object of at most {METADATA} bytes as JSON"
    try:
        text = msgspec.json.encode(given, order="deterministic")
    except (ValueError, RecursionError):
        raise invalid("metadata", expected) from None
    if len(text) > METADATA:
        raise invalid("metadata", expected)
    return text.decode()


def _digest(request: CreatePayment, recipient: str) -> bytes:
    """What tells one request from another: all its fields but ``id``, the address in its usual form."""
    fields = {name: getattr(request, name) for name in request.__struct_fields__ if name != "id"}
    txid = request.txid.lower() if request.txid else None
    text = msgspec.json.encode({**fields, "recipient": recipient, "txid": txid}, order="deterministic")
    return sha256(text).digest()


def _after(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise invalid("cursor", "the cursor of an earlier page", value=cursor)
    return int(cursor)


def _created(payment: Expected) -> PaymentCreated:
    return PaymentCreated(
        payment_id=payment.payment_id,
        status="pending",
        amount_sats=payment.amount_sats,
        recipient=payment.recipient,
        confirmations_required=payment.confirmations_required,
        created_at=payment.created_at,
        expires_at=payment.expires_at,
    )


def _fields(payment: Expected, tip_height: int) -> dict[str, Any]:
    """A payment as ``payment`` and ``payments`` show it."""
    outpoint, block = payment.outpoint, payment.block
    return {
        "payment_id": payment.payment_id,
        "status": payment.status.value,
        "recipient": payment.recipient,
        "amount_sats": payment.amount_sats,
        "amount": btc(payment.amount_sats),
        "received_sats": payment.received_sats,
        "metadata": msgspec.json.decode(payment.metadata),
        "txid": display(outpoint[:32]) if outpoint else None,
        "vout": int.from_bytes(outpoint[32:], "little") if outpoint else None,
        "block_height": block.height if block else None,
        "block_hash": display(block.hash) if block else None,
        "confirmations": payment.confirmations(tip_height),
        "confirmations_required": payment.confirmations_required,
        "created_at": payment.created_at,
        "updated_at": payment.updated_at,
        "expires_at": payment.expires_at,
    }
