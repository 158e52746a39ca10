"""How two relays prove to each other that they are of one mesh: greetings with nonces, then proofs over both.

A greeting travels inside ``handshake`` and ``handshake_response``; the proof of the one who dialled follows by itself. Each
proof is made of the mesh token, which is never sent, and signed by the relay's identity key.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, Struct, UnsetType

from ...domain.access import Access
from ..message import Reply, Request
from ..values import Hash, Word, Words

#: The capability of relays that exchange signed records and reconcile their sets.
RECONCILES = "reconcile/1"

RelayName = Annotated[str, Meta(min_length=1, max_length=128)]
BootId = Annotated[str, Meta(min_length=1, max_length=64)]
RelayAddress = Annotated[str, Meta(max_length=300)]
Bytes32 = Annotated[str, Meta(min_length=64, max_length=64, pattern=r"\A[0-9a-f]{64}\Z")]
Bytes64 = Annotated[str, Meta(min_length=128, max_length=128, pattern=r"\A[0-9a-f]{128}\Z")]

_ZERO, _KEY = "00" * 32, "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"


class TipFigures(Struct, frozen=True, kw_only=True):
    """The highest block a relay has indexed."""

    height: Annotated[int, Meta(ge=0, le=500_000_000)]
    hash: Hash


class RelayGreeting(Struct, frozen=True, kw_only=True):
    """Which relay this is: its name, this run of its process, its chain, how far it is, and the set of records it holds.

    ``key`` is its identity key (32 bytes, x only, hex), ``nonce`` 32 fresh random bytes. ``address`` is where other relays
    reach it, if it knows. ``tip`` is null before the first block. ``fingerprint`` is negentropy's of its whole set of records,
    16 bytes in hex; empty if it tells none.
    """

    relay_id: RelayName
    boot_id: BootId
    network: Word
    genesis_hash: Hash
    key: Bytes32
    nonce: Bytes32
    tip: TipFigures | None = None
    record_count: Annotated[int, Meta(ge=0)] = 0
    fingerprint: Annotated[str, Meta(max_length=64)] = ""
    address: RelayAddress | None = None


class RelayAnswer(RelayGreeting, frozen=True, kw_only=True):
    """The greeting of the relay that was dialled, with its proof: ``proof`` by the token, ``signature`` by its key."""

    proof: Bytes32
    signature: Bytes64


class RelayProof(Request, frozen=True, kw_only=True, tag="relay_proof"):
    """The dialling relay's proof, once it has checked the other's; answered by ``relay_welcome``."""

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 20
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "relay_proof", "proof": _ZERO, "signature": _ZERO * 2}

    proof: Bytes32
    signature: Bytes64


class RelayWelcome(Reply, frozen=True, kw_only=True, tag="relay_welcome"):
    """Whether the relay that dialled is taken as one: ``accepted``, or ``rejected`` with a ``reason`` (1008 follows)."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "relay_welcome",
        "timestamp": 1703001600,
        "status": "accepted",
        "relay_id": "relay-2",
    }

    status: str
    relay_id: str
    reason: str | UnsetType = UNSET


class Welcomed(Request, frozen=True, kw_only=True, tag="relay_welcome"):
    """What a relay that dialled is told in the end, as it reads it; nobody else may send it."""

    ACCESS: ClassVar[Access] = Access.OPEN
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = RelayWelcome.EXAMPLE

    status: Word
    reason: Annotated[str, Meta(max_length=1000)] | None = None


class Greeted(Request, frozen=True, kw_only=True, tag="handshake_response"):
    """The answer to a relay's own ``handshake``, as the relay that dialled reads it; nobody else may send it."""

    ACCESS: ClassVar[Access] = Access.OPEN
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "handshake_response",
        "timestamp": 1703001600,
        "status": "accepted",
        "relay_id": "relay-2",
        "version": "0.1.0",
        "capabilities": ["sync", RECONCILES],
        "relay": {
            "relay_id": "relay-2",
            "boot_id": "5f0c9a2be1d4",
            "network": "signet",
            "genesis_hash": _ZERO,
            "key": _KEY,
            "nonce": _ZERO,
            "proof": _ZERO,
            "signature": _ZERO * 2,
        },
    }

    status: Word
    relay_id: RelayName
    version: Word = ""
    capabilities: Words = ()
    relay: RelayAnswer | None = None
    reason: Annotated[str, Meta(max_length=1000)] | None = None
