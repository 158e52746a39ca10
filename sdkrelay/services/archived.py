"""What payments and wallets look like in an export, and how they are taken in again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from ..crypto.seal import Unsealable
from ..crypto.silent import decode_address
from ..domain.chain import BlockHash, BlockId, Network, Txid, display, from_display
from ..domain.expected import Expected
from ..domain.payment import outpoint_of
from ..domain.problem import invalid
from ..domain.wallet import Keys
from ..messages.catalog import encode
from ..messages.rest.archive import PaymentRecord, WalletRecord
from ..messages.values import PrivateKey, decode_value
from ..ports import Store
from .archive import Outcome
from .keys import Vault, checked_keys
from .payments import PaymentService, metadata_text
from .seals import Seals
from .wallets import WalletService

#: Payments read from the store at a time.
PAGE = 200


class PaymentSection:
    """The expected payments, as recorded."""

    name = "payments"
    sealed = False

    def __init__(self, store: Store, service: PaymentService, network: Network) -> None:
        self._store = store
        self._service = service
        self._prefix = "sp" if network is Network.MAIN else "tsp"

    async def items(self, seals: Seals | None) -> AsyncIterator[Any]:
        """All of them."""
        after = 0
        while page := await self._store.payments.payments(after, PAGE, None):
            for payment in page:
                yield _record(payment)
            after = page[-1].number

    async def check(self, item: Any, seals: Seals | None) -> None:
        """Problem unless it is a payment as this relay exports them."""
        self._payment(item)

    async def take(self, item: Any, seals: Seals | None) -> tuple[Outcome, str]:
        """Keep it, unless there is one of its name."""
        payment = self._payment(item)
        known = await self._store.payments.payment(payment.payment_id)
        if known is None:
            await self._store.payments.put(payment)
            self._service.look_soon()
            return Outcome.IMPORTED, payment.payment_id
        same = known.digest == payment.digest
        return Outcome.SKIPPED if same else Outcome.CONFLICT, payment.payment_id

    def _payment(self, item: Any) -> Expected:
        record = _converted(item, PaymentRecord)
        try:
            address = decode_address(record.recipient)
        except ValueError:
            raise invalid("recipient", "a silent payment address") from None
        if address.hrp != self._prefix:
            raise invalid("recipient", "an address of this network")
        return _payment(record, str(address))


class WalletSection:
    """The registered wallets, each sealed."""

    name = "wallets"
    sealed = True

    def __init__(self, store: Store, service: WalletService, vault: Vault) -> None:
        self._store = store
        self._service = service
        self._vault = vault

    async def items(self, seals: Seals | None) -> AsyncIterator[Any]:
        """All that the relay can read."""
        assert seals is not None, "sealed sections are exported with a passphrase only"
        for sealed in await self._store.wallets.wallets():
            try:
                wallet = self._vault.open(sealed)
            except Unsealable:
                continue
            record = WalletRecord(
                scan_private_key=PrivateKey(wallet.keys.scan_secret.hex()),
                spend_public_key=wallet.keys.spend_key.hex(),
                labels=wallet.keys.labels,
                birthday=wallet.birthday,
                created_at=wallet.created_at,
                tokens=tuple(token.hex() for token in await self._store.wallets.token_hashes(wallet.wallet_id)),
            )
            yield await seals.seal(encode(record))

    async def check(self, item: Any, seals: Seals | None) -> None:
        """Problem unless it opens, and is a wallet."""
        await self._opened(item, seals)

    async def take(self, item: Any, seals: Seals | None) -> tuple[Outcome, str]:
        """Watch it, from its birthday on; one that is watched gets the labels, tokens and blocks it has more here."""
        record, keys = await self._opened(item, seals)
        tokens = [bytes.fromhex(token) for token in record.tokens]
        wallet_id, changed = await self._service.restore(keys, record.birthday, record.created_at, tokens)
        return Outcome.IMPORTED if changed else Outcome.SKIPPED, wallet_id

    async def _opened(self, item: Any, seals: Seals | None) -> tuple[WalletRecord, Keys]:
        assert seals is not None, "sealed sections are taken in with a passphrase only"
        try:
            value = msgspec.json.decode(await seals.open(item))
        except (ValueError, RecursionError):
            raise invalid("$", "a sealed wallet") from None
        record = _converted(value, WalletRecord)
        return record, checked_keys(record.scan_private_key.reveal(), record.spend_public_key, record.labels)


def _converted(item: Any, kind: type[Any]) -> Any:
    """The item as this struct. Problem names the field at fault and repeats no value."""
    try:
        return msgspec.convert(item, kind, dec_hook=decode_value)
    except (msgspec.ValidationError, OverflowError, RecursionError) as error:
        told, _, path = str(error).partition(" - at `$")
        raise invalid(path.rstrip("`").removeprefix(".") or "$", told.removeprefix("Expected ")[:200]) from None


def _record(payment: Expected) -> PaymentRecord:
    outpoint, block = payment.outpoint, payment.block
    return PaymentRecord(
        payment_id=payment.payment_id,
        creator=payment.creator,
        recipient=payment.recipient,
        amount_sats=payment.amount_sats,
        metadata=msgspec.json.decode(payment.metadata),
        confirmations_required=payment.confirmations_required,
        expected_txid=display(payment.txid) if payment.txid else None,
        digest=payment.digest.hex(),
        created_at=payment.created_at,
        created_height=payment.created_height,
        expires_at=payment.expires_at,
        updated_at=payment.updated_at,
        status=payment.status,
        txid=display(outpoint[:32]) if outpoint else None,
        vout=int.from_bytes(outpoint[32:], "little") if outpoint else None,
        received_sats=payment.received_sats,
        block_height=block.height if block else None,
        block_hash=display(block.hash) if block else None,
    )


def _payment(record: PaymentRecord, recipient: str) -> Expected:
    return Expected(
        payment_id=record.payment_id,
        creator=record.creator,
        recipient=recipient,
        amount_sats=record.amount_sats,
        metadata=metadata_text(record.metadata),
        confirmations_required=record.confirmations_required,
        txid=Txid(from_display(record.expected_txid.lower())) if record.expected_txid else None,
        digest=bytes.fromhex(record.digest),
        created_at=record.created_at,
        created_height=record.created_height,
        expires_at=record.expires_at,
        updated_at=record.updated_at,
        status=record.status,
        outpoint=_outpoint(record),
        received_sats=record.received_sats,
        block=_block(record),
    )


def _outpoint(record: PaymentRecord) -> bytes | None:
    if (record.txid is None) != (record.vout is None):
        raise invalid("vout", "a number where there is a txid, and nothing else")
    if record.txid is None or record.vout is None:
        return None
    return outpoint_of(from_display(record.txid.lower()), record.vout)


def _block(record: PaymentRecord) -> BlockId | None:
    if (record.block_height is None) != (record.block_hash is None):
        raise invalid("block_hash", "a hash where there is a height, and nothing else")
    if record.block_height is None or record.block_hash is None:
        return None
    return BlockId(record.block_height, BlockHash(from_display(record.block_hash.lower())))
