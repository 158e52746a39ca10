"""Makes signed records, each told apart by a number."""

from __future__ import annotations

from sdkrelay.crypto.schnorr import xonly
from sdkrelay.domain.canonical import canonical
from sdkrelay.domain.record import Record, Sort

from .tasks import EPOCH

#: The identity key of the relay that signs them.
SECRET = bytes(range(1, 33))


def record(number: int, at: float = EPOCH, size: int = 0, ttl: int = 3600) -> Record:
    """A record of the relay ``origin``, made at a time."""
    unsigned = Record(
        kind=Sort.MESSAGE,
        origin="origin",
        key=xonly(SECRET),
        author="user:anna",
        message_id=f"msg-{number}",
        content=canonical({"number": number, "filling": "x" * size}),
        hlc=int(at * 1000) << 16 | number % 65536,
        ttl=ttl,
    )
    return unsigned.signed(SECRET, bytes(32))


def records(count: int, first: int = 0, size: int = 0) -> list[Record]:
    """So many of them."""
    return [record(number, size=size) for number in range(first, first + count)]
