"""A real block, signet's 200000: parsed, checked by its own hashes, and its tweaks found in order."""

from __future__ import annotations

import json
import os
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.inputs import transaction_tweak
from sdkrelay.domain.chain import Block
from sdkrelay.messages.bitcoin.block import decode_block

_BESIDE = Path(__file__).resolve().parents[2] / ".." / "shared" / "vectors"


def vector(name: str) -> bytes:
    """A file of the block's folder; SkipTest where the vectors are absent."""
    path = Path(os.environ.get("SDKRELAY_TEST_VECTORS") or _BESIDE) / "signet" / "200000" / name
    if not path.exists():
        raise SkipTest(f"signet's block 200000 is not at {path}: set SDKRELAY_TEST_VECTORS")
    return path.read_bytes()


def compressed(tweak: bytes) -> str:
    """33 bytes in hexadecimal of x ‖ y."""
    return (bytes([2 + tweak[63] % 2]) + tweak[:32]).hex()


class SignetBlockTests(SynchronousTestCase):
    """What the network agrees on about this block."""

    def block(self) -> Block:
        """The block, parsed."""
        return decode_block(vector("block.bin"), vector("spenttxouts.bin"))

    def test_its_hash_meets_its_target(self) -> None:
        """Proof of work: the header was read where it is."""
        header = self.block().header
        exponent, mantissa = header.bits >> 24, header.bits & 0xFFFFFF
        self.assertLess(int.from_bytes(header.hash, "little"), mantissa << 8 * (exponent - 3))

    def test_its_transactions_are_counted(self) -> None:
        """141 of them, the coinbase included, and the whole of its bytes."""
        block = self.block()
        self.assertEqual((block.transaction_count, block.size), (141, len(vector("block.bin"))))

    def test_its_tweaks_in_order(self) -> None:
        """All 133 as Bitcoin Core's index has them."""
        expected = json.loads(vector("tweaks.json"))["bip352_tweaks"]
        found = [transaction_tweak(each.inputs) for each in self.block().transactions if each.inputs]
        self.assertEqual([compressed(tweak) for tweak in found if tweak is not None], expected)
        self.assertEqual(len(expected), 133)
