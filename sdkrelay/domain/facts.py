"""Payments as relays have them in common: facts that never change, and what follows from them on each relay's own best chain.

A fact is one of: a payment was created, an output that pays it was seen, that output was mined in a block, its metadata was set.
Nothing is merged and nobody's word about a status counts: of the same facts and the same chain every relay makes the same, in
whatever order, and however often, it heard of them. Only metadata is the last writer's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import msgspec
from attrs import evolve, frozen
from msgspec import Meta, Struct

from .canonical import canonical
from .chain import BlockHash, BlockId, Txid, from_display
from .expected import Expected, PaymentStatus, at_tip
from .record import Record, Sort

_Hash = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Outpoint = Annotated[str, Meta(pattern=r"\A[0-9a-f]{72}\Z")]
_Sats = Annotated[int, Meta(ge=0, le=2_100_000_000_000_000)]
_Height = Annotated[int, Meta(ge=0, le=500_000_000)]
_Time = Annotated[int, Meta(ge=0, le=253_402_300_799)]


class Created(Struct, frozen=True, kw_only=True, tag="created", tag_field="fact", forbid_unknown_fields=True):
    """Somebody expects a payment: what was asked for, times in seconds since the epoch, ``digest`` of the request in hex."""

    recipient: Annotated[str, Meta(min_length=1, max_length=1023)]
    amount_sats: _Sats
    confirmations_required: Annotated[int, Meta(ge=0, le=1_000_000)]
    txid: _Hash | None
    digest: _Hash
    created_at: _Time
    expires_at: _Time
    metadata: dict[str, Any]


class Seen(Struct, frozen=True, kw_only=True, tag="seen", tag_field="fact", forbid_unknown_fields=True):
    """An output pays it: the outpoint (36 bytes in hex) and its value."""

    outpoint: _Outpoint
    received_sats: _Sats


class Mined(Struct, frozen=True, kw_only=True, tag="mined", tag_field="fact", forbid_unknown_fields=True):
    """An output that pays it is in a block, whose hash is in display form."""

    outpoint: _Outpoint
    received_sats: _Sats
    block_height: _Height
    block_hash: _Hash

    @property
    def block(self) -> BlockId:
        """The block."""
        return BlockId(self.block_height, BlockHash(from_display(self.block_hash)))


class Described(Struct, frozen=True, kw_only=True, tag="described", tag_field="fact", forbid_unknown_fields=True):
    """Its metadata was set; the last one counts."""

    metadata: dict[str, Any]


Said = Created | Seen | Mined | Described
_decoder = msgspec.json.Decoder(Said)


@frozen
class Fact:
    """What was said of a payment, by whom, and its place in the order of all records."""

    payment_id: str
    author: str
    rank: tuple[int, bytes]
    said: Said

    @classmethod
    def of(cls, record: Record) -> Fact:
        """The fact in a record; ValueError if it holds none."""
        if record.kind is not Sort.PAYMENT:
            raise ValueError("a record about something else")
        try:
            said = _decoder.decode(record.content)
        except msgspec.ValidationError as error:
            raise ValueError(f"no fact: {error}") from None
        return cls(record.message_id, record.author, record.rank, said)


def content_of(said: Said) -> bytes:
    """What a record holds of a fact: canonical JSON."""
    return canonical(msgspec.to_builtins(said))


def facts_of(payment: Expected, display: Callable[[bytes], str]) -> list[Said]:
    """What a relay can say of a payment as it stands there."""
    facts: list[Said] = [_created(payment, display)]
    if payment.outpoint is None:
        return facts
    outpoint, received = payment.outpoint.hex(), payment.received_sats or 0
    facts.append(Seen(outpoint=outpoint, received_sats=received))
    if payment.block is not None:
        height, block_hash = payment.block.height, display(payment.block.hash)
        facts.append(Mined(outpoint=outpoint, received_sats=received, block_height=height, block_hash=block_hash))
    return facts


def standing(
    facts: Iterable[Fact], hash_at: Callable[[int], BlockHash | None], tip_height: int, now: float
) -> Expected | None:
    """The payment that these facts are about, on the chain that has these hashes; None while nobody created it.

    The author of the lowest rank keeps the name, and only what is said in that name counts. An output in the best chain pays it
    before one that is only seen; of several the lowest block, then the lowest rank.
    """
    known = sorted(facts, key=lambda fact: fact.rank)
    first = next((fact for fact in known if isinstance(fact.said, Created)), None)
    if first is None or not isinstance(first.said, Created):
        return None
    own = [fact for fact in known if fact.author == first.author]
    return _paid(_expected(first, first.said, _metadata(own)), own, hash_at, tip_height, now)


def _paid(
    payment: Expected, own: list[Fact], hash_at: Callable[[int], BlockHash | None], tip_height: int, now: float
) -> Expected:
    mined = [fact.said for fact in own if isinstance(fact.said, Mined)]
    seen = [fact.said for fact in own if isinstance(fact.said, Seen)]
    buried = [said for said in mined if hash_at(said.block_height) == said.block.hash]
    if buried:
        said = min(buried, key=lambda said: said.block_height)
        found = evolve(payment, outpoint=bytes.fromhex(said.outpoint), received_sats=said.received_sats)
        return at_tip(evolve(found, block=said.block), max(tip_height, said.block_height))
    lost = {said.outpoint for said in mined if said.block_height <= tip_height}
    told: list[Seen | Mined] = [*seen, *mined]
    afloat = [said for said in told if said.outpoint not in lost]
    if afloat or lost:
        known = afloat[0] if afloat else mined[0]
        status = PaymentStatus.DETECTED if afloat else PaymentStatus.ORPHANED
        return evolve(payment, status=status, outpoint=bytes.fromhex(known.outpoint), received_sats=known.received_sats)
    return evolve(payment, status=PaymentStatus.EXPIRED) if payment.expires_at <= now else payment


def _metadata(own: list[Fact]) -> dict[str, Any]:
    """The last that was set."""
    return next(
        (fact.said.metadata for fact in reversed(own) if isinstance(fact.said, Created | Described)),
        {},
    )


def _expected(first: Fact, said: Created, metadata: dict[str, Any]) -> Expected:
    return Expected(
        payment_id=first.payment_id,
        creator=first.author,
        recipient=said.recipient,
        amount_sats=said.amount_sats,
        metadata=msgspec.json.encode(metadata, order="deterministic").decode(),
        confirmations_required=said.confirmations_required,
        txid=None if said.txid is None else Txid(from_display(said.txid)),
        digest=bytes.fromhex(said.digest),
        created_at=said.created_at,
        created_height=0,
        expires_at=said.expires_at,
        updated_at=said.created_at,
    )


def _created(payment: Expected, display: Callable[[bytes], str]) -> Created:
    return Created(
        recipient=payment.recipient,
        amount_sats=payment.amount_sats,
        confirmations_required=payment.confirmations_required,
        txid=None if payment.txid is None else display(payment.txid),
        digest=payment.digest.hex(),
        created_at=payment.created_at,
        expires_at=payment.expires_at,
        metadata=msgspec.json.decode(payment.metadata),
    )
