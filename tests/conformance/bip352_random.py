"""Random transactions of every shape that BIP352 has a rule for, with what their makers know of them.

The generator shares no code with the implementation but the curve: an input is made from what it is meant to be, and
carries that meaning along, so that another implementation can be told it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from attrs import Factory, frozen
from btclib_secp256k1 import keys as curve

from sdkrelay.crypto.digest import hash160

from .bip352 import Spent
from .bip352_extra import NUMS

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@frozen
class Meant:
    """An input and what it means: the secret if it adds its key, whether that is a taproot key, its kind."""

    spent: Spent
    kind: str
    secret: bytes | None = None
    taproot: bool = False


@frozen
class Inputs:
    """The inputs of a transaction; ``excluded`` if one of them spends an unknown witness version."""

    meant: tuple[Meant, ...]
    excluded: bool

    @property
    def spent(self) -> list[Spent]:
        """The inputs as the implementation reads them."""
        return [one.spent for one in self.meant]

    @property
    def smallest_outpoint(self) -> bytes:
        """The first outpoint in the order of bytes."""
        return sorted(one.spent.outpoint for one in self.meant)[0]


@frozen
class Generator:
    """A source of inputs that counts what it has made."""

    random: random.Random
    made: Counter[str] = Factory(Counter)

    def secret(self) -> bytes:
        """A random secret key."""
        return self.random.randrange(1, ORDER).to_bytes(32, "big")

    def key(self, secret: bytes) -> bytes:
        """The compressed key of a secret."""
        return bytes(curve.pubkey_from_prvkey(secret))

    def some_bytes(self, least: int, most: int) -> bytes:
        """Random bytes, from ``least`` to ``most`` of them."""
        return self.random.randbytes(self.random.randint(least, most))

    def inputs(self) -> Inputs:
        """The inputs of one transaction: usually a few, sometimes with secrets that cancel each other."""
        kinds = self.random.choices(list(KINDS), weights=[weight for _, weight in KINDS.values()], k=self.count())
        meant = [KINDS[kind][0](self, self.outpoint(), kind) for kind in kinds]
        if self.random.random() < 0.1:
            meant += self.cancelling()
            self.random.shuffle(meant)
        self.made.update(one.kind for one in meant)
        return Inputs(tuple(meant), any(one.kind == "unknown version" for one in meant))

    def count(self) -> int:
        """How many inputs: mostly one to three, sometimes many."""
        return self.random.randint(65, 90) if self.random.random() < 0.004 else self.random.randint(1, 3)

    def outpoint(self) -> bytes:
        """A random outpoint; half of them share their txid's start so that the index decides."""
        txid = bytes(32) if self.random.random() < 0.5 else self.random.randbytes(32)
        return txid + self.random.randrange(2**32).to_bytes(4, "little")

    def cancelling(self) -> list[Meant]:
        """Two inputs whose keys add up to infinity, alone or in between."""
        secret = self.secret()
        opposite = (ORDER - int.from_bytes(secret, "big")).to_bytes(32, "big")
        return [witness_key(self, self.outpoint(), "cancelling", one) for one in (secret, opposite)]


def witness_key(source: Generator, outpoint: bytes, kind: str, secret: bytes | None = None) -> Meant:
    """P2WPKH, or with an uncompressed key, which adds nothing."""
    secret = secret or source.secret()
    compressed = source.key(secret)
    key = compressed if kind != "uncompressed p2wpkh" else bytes(curve.pubkey_from_prvkey(secret, compressed=False))
    spent = Spent(outpoint, b"", (source.some_bytes(70, 72), key), b"\x00\x14" + hash160(key))
    return Meant(spent, kind, secret if key is compressed else None)


def nested(source: Generator, outpoint: bytes, kind: str) -> Meant:
    """P2SH-P2WPKH, or another P2SH, which adds nothing."""
    secret = source.secret()
    key = source.key(secret)
    redeem = b"\x00\x14" + hash160(key) if kind == "p2sh-p2wpkh" else b"\x21" + key + b"\xac"
    script_sig = bytes([len(redeem)]) + redeem
    witness: tuple[bytes, ...] = (source.some_bytes(70, 72), key)
    if kind == "other p2sh":
        script_sig, witness = b"\x47" + source.some_bytes(71, 71) + script_sig, ()
    spent = Spent(outpoint, script_sig, witness, b"\xa9\x14" + hash160(redeem) + b"\x87")
    return Meant(spent, kind, secret if kind == "p2sh-p2wpkh" else None)


def hashed_key(source: Generator, outpoint: bytes, kind: str) -> Meant:
    """P2PKH: as usual, malleated with anything around the key, or with an uncompressed key, which adds nothing."""
    secret = source.secret()
    key = (
        source.key(secret)
        if kind != "uncompressed p2pkh"
        else bytes(curve.pubkey_from_prvkey(secret, compressed=False))
    )
    script_sig = b"\x47" + source.some_bytes(71, 71) + bytes([len(key)]) + key
    if kind == "malleated p2pkh":
        before, after = source.some_bytes(1, 75), source.some_bytes(1, 75)
        script_sig = bytes([len(before)]) + before + b"\x75" + script_sig + bytes([len(after)]) + after + b"\x75"
    spent = Spent(outpoint, script_sig, (), b"\x76\xa9\x14" + hash160(key) + b"\x88\xac")
    return Meant(spent, kind, secret if len(key) == 33 else None)


def taproot(source: Generator, outpoint: bytes, kind: str) -> Meant:
    """P2TR: by key or by script, under a real internal key or the NUMS point, with or without an annex."""
    secret = source.secret()
    witness: tuple[bytes, ...] = (source.some_bytes(64, 65),)
    if "script" in kind:
        internal = NUMS if "nums" in kind else source.key(source.secret())[1:]
        control = (
            bytes([source.random.choice((0xC0, 0xC1))])
            + internal
            + source.random.randbytes(32 * source.random.randint(0, 3))
        )
        items = [source.some_bytes(0, 80) for _ in range(source.random.randint(0, 2))]
        witness = (*items, source.some_bytes(1, 60), control)
    if "annex" in kind:
        witness = (*witness, b"\x50" + source.random.choice((b"", NUMS, source.some_bytes(0, 90))))
    spent = Spent(outpoint, b"", witness, b"\x51\x20" + source.key(secret)[1:])
    return Meant(spent, kind, None if "nums" in kind else secret, True)


def other(source: Generator, outpoint: bytes, kind: str) -> Meant:
    """What adds nothing: P2WSH, P2PK, bare multisig, version 1 programs that are not 32 bytes, unknown versions."""
    key = source.key(source.secret())
    odd_size = source.random.choice([size for size in range(2, 41) if size != 32])
    size = source.random.randint(2, 40)
    script = {
        "p2wsh": b"\x00\x20" + source.random.randbytes(32),
        "p2pk": b"\x21" + key + b"\xac",
        "bare multisig": b"\x51\x21" + key + b"\x51\xae",
        "pay to anchor": b"\x51\x02\x4e\x73",
        "other version 1": bytes([0x51, odd_size]) + source.random.randbytes(odd_size),
        "unknown version": bytes([source.random.randint(0x52, 0x60), size]) + source.random.randbytes(size),
    }[kind]
    return Meant(Spent(outpoint, source.some_bytes(0, 80), (source.some_bytes(0, 72), key), script), kind)


#: How each kind of input is made, and how often.
KINDS: dict[str, tuple[Callable[[Generator, bytes, str], Meant], int]] = {
    "p2wpkh": (witness_key, 10),
    "uncompressed p2wpkh": (witness_key, 3),
    "p2sh-p2wpkh": (nested, 8),
    "other p2sh": (nested, 3),
    "p2pkh": (hashed_key, 8),
    "malleated p2pkh": (hashed_key, 5),
    "uncompressed p2pkh": (hashed_key, 3),
    "key path": (taproot, 12),
    "key path, annex": (taproot, 4),
    "script path": (taproot, 5),
    "script path, annex": (taproot, 4),
    "script path, nums": (taproot, 4),
    "script path, nums, annex": (taproot, 4),
    "p2wsh": (other, 3),
    "p2pk": (other, 3),
    "bare multisig": (other, 2),
    "pay to anchor": (other, 2),
    "other version 1": (other, 2),
    "unknown version": (other, 3),
}
