"""What the relay knows of the block chain, as plain values.

Hashes are 32 bytes in internal order (as hashed and sent on the wire); only :func:`display` and :func:`from_display` know
the reversed hexadecimal form that people and JSON use. Values of which a block has thousands are structs that the garbage
collector does not follow: made in a third of a bare tuple's time, and in no cycle, since they hold bytes and each other.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, NewType

import msgspec
from attrs import frozen

BlockHash = NewType("BlockHash", bytes)
Txid = NewType("Txid", bytes)


class Network(StrEnum):
    """The chains a relay can serve, by the names of the configuration."""

    MAIN = "main"
    TEST = "test"
    TESTNET4 = "testnet4"
    SIGNET = "signet"
    REGTEST = "regtest"


#: The height from which taproot outputs can be spent by consensus: nothing earlier can hold a silent payment.
TAPROOT_HEIGHT = {
    Network.MAIN: 709632,
    Network.TEST: 2032291,
    Network.TESTNET4: 0,
    Network.SIGNET: 0,
    Network.REGTEST: 0,
}


#: The hash of each network's first block, in display form (bitcoind's ``chainparams.cpp``; a signet of one's own has signet's).
GENESIS = {
    Network.MAIN: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    Network.TEST: "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943",
    Network.TESTNET4: "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
    Network.SIGNET: "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
    Network.REGTEST: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
}


def display(value: bytes) -> str:
    """The reversed hexadecimal form of a 32-byte hash, as bitcoind and block explorers show it."""
    return value[::-1].hex()


def from_display(text: str) -> bytes:
    """The 32 bytes, internal order, of a hash in display form; ValueError if it is none."""
    if len(text) != 64:
        raise ValueError("a hash is 64 hexadecimal characters")
    return bytes.fromhex(text)[::-1]


class BlockId(NamedTuple):
    """One block: its height and its hash (internal order)."""

    height: int
    hash: BlockHash


class TxOut(NamedTuple):
    """An output: its value in satoshi and its scriptPubKey."""

    value: int
    script: bytes


class TaprootOutput(msgspec.Struct, frozen=True, gc=False):
    """A pay-to-taproot output of a transaction: index, satoshi, and the 32-byte x-only key as it stands in the script."""

    vout: int
    value: int
    key: bytes


class Input(msgspec.Struct, frozen=True, gc=False):
    """An input with what it spends: the 36-byte outpoint (txid internal order, vout LE), scriptSig, witness, prevout script."""

    outpoint: bytes
    script_sig: bytes
    witness: tuple[bytes, ...]
    prevout_script: bytes


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """A transaction as far as silent payments need it.

    ``outputs`` holds its taproot outputs only, in order; a coinbase has no inputs here. ``fee`` is satoshi (0 for the
    coinbase), ``size`` the serialised size in bytes, witness included.
    """

    txid: Txid
    inputs: tuple[Input, ...]
    outputs: tuple[TaprootOutput, ...]
    fee: int
    size: int


class Spend(msgspec.Struct, frozen=True, gc=False):
    """An input that spends a taproot output: its 36-byte outpoint, the x-only key spent, the spender's txid."""

    outpoint: bytes
    key: bytes
    spender: Txid


@frozen
class Header:
    """An 80-byte block header, decoded; hashes in internal order."""

    hash: BlockHash
    prev_hash: BlockHash
    merkle_root: bytes
    version: int
    time: int
    bits: int
    nonce: int

    @property
    def difficulty(self) -> float:
        """How much harder than the easiest target, as bitcoind's ``difficulty`` has it."""
        exponent, mantissa = self.bits >> 24, self.bits & 0xFFFFFF
        return (0xFFFF / mantissa) * 256.0 ** (0x1D - exponent) if mantissa else 0.0


@frozen
class Block:
    """A parsed block: the transactions that pay to taproot, in block order, and every spend of a taproot output."""

    header: Header
    size: int
    transaction_count: int
    transactions: tuple[Transaction, ...]
    spends: tuple[Spend, ...]


@frozen
class IndexedBlock:
    """One row of the index: a block's eligible transactions as packed columns, in block order.

    Per eligible transaction: ``txids`` 32 bytes, ``tweaks`` 64 bytes (x ‖ y of T = input_hash·A, big-endian), ``counts``
    u32 LE (its taproot outputs), ``prefixes`` 8 bytes for each of these outputs (the start of the x-only key, in order),
    ``largest`` u64 LE (its largest taproot value in satoshi). Apart, 8 bytes each: ``others`` for every taproot output of
    the block's ineligible transactions, ``spent`` for the key of every taproot output the block spends. ``digest`` is
    SHA-256 over the 33-byte compressed tweaks in block order.
    """

    height: int
    hash: BlockHash
    prev_hash: BlockHash
    time: int
    count: int
    digest: bytes
    txids: bytes
    tweaks: bytes
    counts: bytes
    prefixes: bytes
    largest: bytes
    others: bytes
    spent: bytes

    @property
    def id(self) -> BlockId:
        """The block this row is of."""
        return BlockId(self.height, self.hash)
