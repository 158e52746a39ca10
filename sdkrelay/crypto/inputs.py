"""Which inputs of a transaction count for silent payments, and the tweak that they make (BIP352, "Inputs").

The scripts are those of a transaction that a node has accepted: signatures and hashes that consensus checks are not
checked again here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from .digest import hash160, tagged
from .secp256k1 import COMPRESSED, UNCOMPRESSED, context, ec_combine, ec_multiply, ec_parse, ec_serialize, ffi, is_point

#: An internal key without a known secret (BIP341): who spends by script under it has no key to add.
NUMS = bytes.fromhex("50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0")

_INPUTS = tagged("BIP0352/Inputs")


class SpentInput(Protocol):
    """An input with what it spends; ``outpoint`` is 36 bytes (txid internal order, index little-endian)."""

    @property
    def outpoint(self) -> bytes: ...
    @property
    def script_sig(self) -> bytes: ...
    @property
    def witness(self) -> tuple[bytes, ...]: ...
    @property
    def prevout_script(self) -> bytes: ...


def spends_unknown_segwit(spent: SpentInput) -> bool:
    """Whether the input spends a witness program of a version above 1, which excludes its whole transaction."""
    script = spent.prevout_script
    return 4 <= len(script) <= 42 and 0x52 <= script[0] <= 0x60 and script[1] == len(script) - 2


def input_public_key(spent: SpentInput) -> bytes | None:
    """The 33-byte key an input adds (BIP352, "Inputs For Shared Secret Derivation"), or None for one that adds none.

    Taproot keys have an even y, as BIP340 lifts them.
    """
    key = _key_of(spent)
    return key if key is not None and is_point(key) else None


def smallest_outpoint(outpoints: Iterable[bytes]) -> bytes:
    """The first of 36-byte outpoints in the order of their bytes; all of the transaction's inputs are meant."""
    return min(outpoints)


def input_hash(outpoint: bytes, key_sum: bytes) -> bytes:
    """The 32-byte factor that binds a payment to its inputs: of the smallest outpoint and the sum of keys, 33 bytes."""
    state = _INPUTS.copy()
    state.update(outpoint + key_sum)
    return state.digest()


def transaction_tweak(inputs: Sequence[SpentInput]) -> bytes | None:
    """T = input_hash·A of a transaction as 64 bytes x ‖ y, or None for inputs that make it ineligible.

    That it pays to taproot at all is for the caller to know.
    """
    return TweakComputer().tweak(inputs)


class TweakComputer:
    """Tweaks of many transactions with one set of native buffers; make one per job, never share it between threads."""

    def __init__(self) -> None:
        self._key_sum = ffi.new("secp256k1_pubkey *")
        self._compressed = ffi.new("unsigned char[33]")
        self._uncompressed = ffi.new("unsigned char[65]")
        self._compressed_size = ffi.new("size_t *", 33)
        self._uncompressed_size = ffi.new("size_t *", 65)
        self._compressed_bytes = ffi.buffer(self._compressed)
        self._uncompressed_bytes = ffi.buffer(self._uncompressed)
        self._make_room(64)

    def tweaks_of(self, transactions: Iterable[Sequence[SpentInput]]) -> list[bytes | None]:
        """The tweak of each transaction, given by its inputs, as :meth:`tweak` has it."""
        return [self.tweak(inputs) for inputs in transactions]

    def tweak(self, inputs: Sequence[SpentInput]) -> bytes | None:
        """T as 64 bytes x ‖ y; None without a usable key, with an unknown witness version, or with a sum at infinity."""
        keys = _keys_of(inputs)
        if not keys:
            return None
        point, key_sum = self._sum(keys)
        if point is None:
            return None
        outpoint = inputs[0].outpoint if len(inputs) == 1 else min([spent.outpoint for spent in inputs])
        if not ec_multiply(context, point, input_hash(outpoint, key_sum)):
            return None
        ec_serialize(context, self._uncompressed, self._uncompressed_size, point, UNCOMPRESSED)
        tweak: bytes = self._uncompressed_bytes[1:65]
        return tweak

    def _sum(self, keys: list[bytes]) -> tuple[Any, bytes]:
        """The sum of the keys that are on the curve, native and as 33 bytes; None at infinity or without any."""
        if len(keys) > len(self._slots):
            self._make_room(2 * len(keys))
        count, last = 0, b""
        for key in keys:
            if ec_parse(context, self._slots[count], key, 33):
                count, last = count + 1, key
        if count < 2:
            return (self._slots[0], last) if count else (None, b"")
        if not ec_combine(context, self._key_sum, self._pointers, count):
            return None, b""
        ec_serialize(context, self._compressed, self._compressed_size, self._key_sum, COMPRESSED)
        return self._key_sum, self._compressed_bytes[:]

    def _make_room(self, count: int) -> None:
        self._points = ffi.new("secp256k1_pubkey[]", count)
        self._slots = [self._points + index for index in range(count)]
        self._pointers = ffi.new("secp256k1_pubkey *[]", self._slots)


def _keys_of(inputs: Iterable[SpentInput]) -> list[bytes] | None:
    """The keys the inputs add, on the curve or not; None if one of them excludes the transaction."""
    keys = []
    for spent in inputs:
        key = _key_of(spent)
        if key is not None:
            keys.append(key)
        elif spends_unknown_segwit(spent):
            return None
    return keys


def _key_of(spent: SpentInput) -> bytes | None:
    """The 33 bytes that stand where an input of a known kind has its key; they need not be on the curve."""
    script = spent.prevout_script
    size = len(script)
    if size == 34 and script.startswith(b"\x51\x20"):
        return _taproot_key(script, spent.witness)
    if size == 22 and script.startswith(b"\x00\x14"):
        return _witness_key(spent.witness)
    if size == 23 and script.startswith(b"\xa9\x14") and script[22] == 0x87:
        return _nested_key(spent)
    if size == 25 and script.startswith(b"\x76\xa9\x14") and script.endswith(b"\x88\xac"):
        return _pushed_key(spent.script_sig, script[3:23])
    return None


def _taproot_key(script: bytes, witness: tuple[bytes, ...]) -> bytes | None:
    """The output key, unless it was spent by a script under the internal key nobody has."""
    items = len(witness)
    if items > 1 and witness[-1].startswith(b"\x50"):
        items -= 1
    if not items or (items > 1 and witness[items - 1][1:33] == NUMS):
        return None
    return b"\x02" + script[2:]


def _witness_key(witness: tuple[bytes, ...]) -> bytes | None:
    """The last witness item, if it has the size of a compressed key."""
    return witness[-1] if witness and len(witness[-1]) == 33 else None


def _nested_key(spent: SpentInput) -> bytes | None:
    """The key of P2SH-P2WPKH, whose scriptSig pushes exactly the witness program."""
    script_sig = spent.script_sig
    if len(script_sig) != 23 or not script_sig.startswith(b"\x16\x00\x14"):
        return None
    return _witness_key(spent.witness)


def _pushed_key(script_sig: bytes, key_hash: bytes) -> bytes | None:
    """The compressed key with this hash nearest to the end of scriptSig, wherever a malleated one has it."""
    for start in range(len(script_sig) - 33, -1, -1):
        if script_sig[start] in b"\x02\x03" and hash160(script_sig[start : start + 33]) == key_hash:
            return script_sig[start : start + 33]
    return None
