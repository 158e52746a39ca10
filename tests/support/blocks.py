"""Transactions and blocks written by hand, with what they spend: the mirror of the parser, sharing no code with it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from hashlib import sha256

from attrs import field, frozen

from sdkrelay.crypto.digest import hash160
from sdkrelay.domain.chain import TxOut

KeySource = Callable[[random.Random], bytes]

NULL_OUTPOINT = bytes(32) + b"\xff" * 4
SEGWIT_COMMITMENT = bytes.fromhex("6a24aa21a9ed") + bytes(32)


@frozen
class Spending:
    """One input as it is written, with the output it spends (None for a coinbase's)."""

    outpoint: bytes
    prevout: TxOut | None
    script_sig: bytes = b""
    witness: tuple[bytes, ...] = ()
    sequence: int = 0xFFFFFFFD


@frozen
class Written:
    """A transaction by its parts; ``raw`` and ``txid`` follow from them."""

    inputs: tuple[Spending, ...]
    outputs: tuple[TxOut, ...]
    version: int = 2
    lock_time: int = 0
    raw: bytes = field(init=False)
    txid: bytes = field(init=False)

    def __attrs_post_init__(self) -> None:
        bare = self._serialise(witness=False)
        segwit = any(spending.witness for spending in self.inputs)
        object.__setattr__(self, "raw", self._serialise(witness=True) if segwit else bare)
        object.__setattr__(self, "txid", double_sha256(bare))

    @property
    def prevouts(self) -> tuple[TxOut, ...]:
        """What the inputs spend, in order; nothing for a coinbase."""
        return tuple(spending.prevout for spending in self.inputs if spending.prevout is not None)

    def outpoint(self, vout: int) -> bytes:
        """The 36 bytes by which another transaction spends an output of this one."""
        return self.txid + vout.to_bytes(4, "little")

    def _serialise(self, witness: bool) -> bytes:
        parts = [self.version.to_bytes(4, "little"), b"\0\1" if witness else b"", compact(len(self.inputs))]
        for spending in self.inputs:
            parts += [spending.outpoint, sized(spending.script_sig), spending.sequence.to_bytes(4, "little")]
        parts += [compact(len(self.outputs)), *map(serialise_output, self.outputs)]
        if witness:
            parts += [compact(len(each.witness)) + b"".join(map(sized, each.witness)) for each in self.inputs]
        return b"".join([*parts, self.lock_time.to_bytes(4, "little")])


@frozen
class WrittenBlock:
    """A block by its transactions; every hash is right but for the proof of work."""

    height: int
    prev_hash: bytes
    time: int
    transactions: tuple[Written, ...]
    raw: bytes = field(init=False)
    undo: bytes = field(init=False)
    hash: bytes = field(init=False)

    def __attrs_post_init__(self) -> None:
        root = merkle_root([each.txid for each in self.transactions])
        stamp = self.time.to_bytes(4, "little") + bytes.fromhex("ffff7f20") + bytes(4)
        header = (0x20000000).to_bytes(4, "little") + self.prev_hash + root + stamp
        body = compact(len(self.transactions)) + b"".join(each.raw for each in self.transactions)
        object.__setattr__(self, "raw", header + body)
        object.__setattr__(self, "undo", undo_of(self.transactions))
        object.__setattr__(self, "hash", double_sha256(header))


def undo_of(transactions: Sequence[Written]) -> bytes:
    """The layout of ``/rest/spenttxouts``."""
    each = [compact(len(one.prevouts)) + b"".join(map(serialise_output, one.prevouts)) for one in transactions]
    return compact(len(each)) + b"".join(each)


def coinbase(height: int, outputs: Sequence[TxOut] = (TxOut(5_000_000_000, b"\x51"),), tag: bytes = b"") -> Written:
    """A block's first transaction, with its witness commitment; ``tag`` tells two of one height apart."""
    script = b"\x04" + height.to_bytes(4, "little") + tag
    spending = Spending(NULL_OUTPOINT, None, script, (bytes(32),))
    return Written((spending,), (*outputs, TxOut(0, SEGWIT_COMMITMENT)))


def merkle_root(hashes: list[bytes]) -> bytes:
    """The root over the txids, the last doubled where their number is odd."""
    while len(hashes) > 1:
        if len(hashes) % 2:
            hashes = [*hashes, hashes[-1]]
        hashes = [double_sha256(hashes[at] + hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def serialise_output(output: TxOut) -> bytes:
    """Value, length, script."""
    return output.value.to_bytes(8, "little") + sized(output.script)


def sized(data: bytes) -> bytes:
    """The bytes behind their length."""
    return compact(len(data)) + data


def compact(number: int) -> bytes:
    """A CompactSize."""
    if number < 253:
        return number.to_bytes(1, "little")
    if number < 2**16:
        return b"\xfd" + number.to_bytes(2, "little")
    return b"\xfe" + number.to_bytes(4, "little") if number < 2**32 else b"\xff" + number.to_bytes(8, "little")


def double_sha256(data: bytes) -> bytes:
    """As bitcoin hashes."""
    return sha256(sha256(data).digest()).digest()


def p2tr(key: bytes) -> bytes:
    """The script that pays a 32-byte x-only key."""
    return b"\x51\x20" + key


def p2wpkh(key: bytes) -> bytes:
    """The script that pays a compressed key's hash."""
    return b"\x00\x14" + hash160(key)


def p2pkh(key: bytes) -> bytes:
    """The same before SegWit."""
    return b"\x76\xa9\x14" + hash160(key) + b"\x88\xac"


def any_key(source: random.Random) -> bytes:
    """33 bytes like a compressed key, on the curve or not: enough for whoever does not compute with it."""
    return b"\x02" + source.randbytes(32)


def random_transaction(
    source: random.Random, taproot: bool, inputs: int = 2, outputs: int = 2, key_of: KeySource = any_key
) -> Written:
    """A transaction like those of today: mostly P2WPKH inputs, some taproot and P2PKH, one taproot output or none."""
    spending = tuple(_random_spending(source, key_of(source)) for _ in range(inputs))
    scripts = [p2wpkh(key_of(source)) for _ in range(outputs)]
    if taproot:
        scripts[source.randrange(outputs)] = p2tr(key_of(source)[1:])
    value = sum(each.prevout.value for each in spending if each.prevout) // (outputs + 1)
    return Written(spending, tuple(TxOut(value, script) for script in scripts))


def _random_spending(source: random.Random, key: bytes) -> Spending:
    outpoint = source.randbytes(32) + source.randrange(4).to_bytes(4, "little")
    value = source.randrange(1000, 10**9)
    kind = source.random()
    if kind < 0.2:
        return Spending(outpoint, TxOut(value, p2tr(key[1:])), b"", (source.randbytes(64),))
    if kind < 0.3:
        return Spending(outpoint, TxOut(value, p2pkh(key)), sized(source.randbytes(71)) + sized(key))
    return Spending(outpoint, TxOut(value, p2wpkh(key)), b"", (source.randbytes(71), key))


def random_block(
    seed: int, transactions: int, taproot: int, height: int = 800_000, key_of: KeySource = any_key
) -> WrittenBlock:
    """A block of that many transactions, ``taproot`` of them with a taproot output; the same for the same seed."""
    source = random.Random(seed)
    paying = set(source.sample(range(1, transactions), taproot))
    written = [
        random_transaction(
            source, number in paying, source.choice((1, 1, 1, 2, 2, 4)), source.choice((1, 2, 2, 2, 4)), key_of
        )
        for number in range(1, transactions)
    ]
    return WrittenBlock(height, source.randbytes(32), 1_700_000_000 + height, (coinbase(height), *written))
