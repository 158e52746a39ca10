"""The binding: points and secrets, in range and out of it, and multiples of the generator from the table."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto import secp256k1
from sdkrelay.crypto.generator import generator_table
from sdkrelay.crypto.secp256k1 import (
    ORDER,
    add,
    compress,
    context,
    decompress,
    ec_combine,
    ffi,
    is_point,
    is_secret,
    multiply,
    public_key,
    serialize,
)

OFF_CURVE = b"\x02" + bytes(31) + b"\x05"
OUT_OF_RANGE = (bytes(32), ORDER.to_bytes(32, "big"), b"\xff" * 32, b"", b"\x01" * 31, b"\x01" * 33)


def number(value: int) -> bytes:
    """A scalar as 32 bytes."""
    return (value % ORDER).to_bytes(32, "big")


class PointTests(SynchronousTestCase):
    """What is a point, and in which form."""

    def test_forms(self) -> None:
        """Compressed and uncompressed forms turn into each other."""
        for value in range(1, 20):
            key = public_key(number(value))
            self.assertEqual((len(key), len(decompress(key))), (33, 64))
            self.assertEqual(compress(decompress(key)), key)

    def test_no_points(self) -> None:
        """What is off the curve, of another length or form is refused."""
        point = decompress(public_key(number(1)))
        for bad in (OFF_CURVE, b"", bytes(33), b"\x02" + bytes(32), b"\x04" + point, b"\x02" + b"\xff" * 32):
            self.assertFalse(is_point(bad))
        for bad in (OFF_CURVE, b"", bytes(33), b"\x05" + point):
            self.assertRaises(ValueError, decompress, bad)

    def test_sums_and_products(self) -> None:
        """Points add up and multiply as their scalars do."""
        self.assertEqual(add([public_key(number(5)), public_key(number(7))]), public_key(number(12)))
        self.assertEqual(multiply(public_key(number(5)), number(7)), public_key(number(35)))

    def test_infinity(self) -> None:
        """A sum may pass through infinity but not end there."""
        one, minus, two = (public_key(number(value)) for value in (1, -1, 2))
        self.assertEqual(add([one, minus, two]), two)
        self.assertRaises(ValueError, add, [one, minus])
        self.assertRaises(ValueError, add, [])

    def test_scalars_out_of_range(self) -> None:
        """A secret or factor that is 0, too large or of another length is refused."""
        for bad in OUT_OF_RANGE:
            self.assertFalse(is_secret(bad))
            self.assertRaises(ValueError, public_key, bad)
            self.assertRaises(ValueError, multiply, public_key(number(1)), bad)
        self.assertTrue(is_secret(number(-1)) and is_secret(number(1)))

    def test_errors_keep_secrets(self) -> None:
        """No error shows the secret it is about."""
        bad = b"\xff" * 31 + b"\xab"
        problem = self.assertRaises(ValueError, secp256k1.public_key, bad)
        self.assertNotIn("ab", str(problem).split())
        self.assertNotIn("ffff", str(problem))


class GeneratorTests(SynchronousTestCase):
    """The table gives what the library gives."""

    def sum_of(self, scalar: int) -> bytes | None:
        """The sum of the terms of a scalar, 33 bytes, or None for infinity."""
        terms, total = (
            ffi.from_buffer("secp256k1_pubkey *[32]", generator_table().terms(number(scalar))),
            ffi.new("secp256k1_pubkey *"),
        )
        return serialize(total) if ec_combine(context, total, terms, 32) else None

    def test_multiples(self) -> None:
        """Small, large and random scalars, and each byte at each place, give the library's point."""
        source = random.Random(5)
        scalars = [*range(1, 300), *(-value for value in range(1, 300)), *(source.getrandbits(256) for _ in range(500))]
        scalars += [255 * 256**place for place in range(32)] + [sum(256**place for place in range(32))]
        for scalar in scalars:
            self.assertEqual(self.sum_of(scalar), public_key(number(scalar)))

    def test_zero(self) -> None:
        """Zero has no point."""
        self.assertIsNone(self.sum_of(0))

    def test_length(self) -> None:
        """A scalar of another length is an error, not a read beyond the table."""
        for bad in (b"", bytes(31), bytes(33)):
            self.assertRaises(ValueError, generator_table().terms, bad)
