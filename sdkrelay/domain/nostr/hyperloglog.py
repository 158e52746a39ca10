"""Counts distinct authors in 256 bytes that sum up across relays (NIP-45, HyperLogLog)."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from .event import is_hex
from .filter import Filter
from .rules import parse_address

REGISTERS = 256


def offset_of(wanted: Filter) -> int | None:
    """Which byte of the authors' keys names the register, 8 … 23, from the first value of the filter's first tag.

    It is the hexadecimal digit at position 32 of the value as 32 bytes, plus 8. None for a filter without exactly one tag
    condition of one value, of which there is no such figure.
    """
    if len(wanted.tags) != 1 or len(wanted.tags[0][1]) != 1:
        return None
    (value,) = wanted.tags[0][1]
    return int(_hexadecimal(value)[32], 16) + 8


def registers(pubkeys: Iterable[bytes], offset: int) -> bytes:
    """The 256 registers of these keys (32 bytes each, repeated ones counted once): leading zero bits behind the offset, plus 1."""
    highest = bytearray(REGISTERS)
    for pubkey in pubkeys:
        rest = pubkey[offset + 1 :]
        rank = 8 * len(rest) - int.from_bytes(rest, "big").bit_length() + 1
        if rank > highest[pubkey[offset]]:
            highest[pubkey[offset]] = rank
    return bytes(highest)


def _hexadecimal(value: str) -> str:
    if is_hex(value, 32):
        return value
    address = parse_address(value)
    return address.pubkey if address else sha256(value.encode()).hexdigest()
