"""Signatures of BIP340, against another binding and against the algorithm written out; and what is no signature."""

from __future__ import annotations

from hashlib import sha256

from coincurve import PrivateKey, PublicKeyXOnly
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.schnorr import is_xonly, sign, verify, xonly
from sdkrelay.crypto.secp256k1 import ORDER, add, multiply, public_key

#: The field of the curve.
PRIME = 2**256 - 2**32 - 977
SECRETS = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
BLOCKS = st.binary(min_size=32, max_size=32)
#: The x of no point: 5 has no square root of its right side.
OFF_CURVE = bytes(31) + b"\x05"


def tagged(tag: str, *parts: bytes) -> bytes:
    """The hash under a tag, as BIP340 defines it."""
    prefix = sha256(tag.encode()).digest()
    return sha256(prefix + prefix + b"".join(parts)).digest()


def holds(key: bytes, message: bytes, signature: bytes) -> bool:
    """BIP340's check written out: R = s·G - e·P has an even y and the x that the signature starts with."""
    challenge = int.from_bytes(tagged("BIP0340/challenge", signature[:32], key, message), "big") % ORDER
    minus = multiply(b"\x02" + key, (ORDER - challenge).to_bytes(32, "big"))
    return add([public_key(signature[32:]), minus]) == b"\x02" + signature[:32]


class SignatureTests(SynchronousTestCase):
    """What is signed holds."""

    @settings(deadline=None, max_examples=50)
    @given(SECRETS, BLOCKS, BLOCKS)
    def test_same_as_another_binding(self, secret: bytes, message: bytes, noise: bytes) -> None:
        """Keys and signatures are, byte for byte, those of coincurve, and each accepts the other's."""
        theirs = PrivateKey(secret)
        signature = sign(secret, message, noise)
        self.assertEqual(xonly(secret), theirs.public_key_xonly.format())
        self.assertEqual(signature, theirs.sign_schnorr(message, noise))
        self.assertTrue(verify(xonly(secret), message, signature))
        self.assertTrue(PublicKeyXOnly(xonly(secret)).verify(signature, message))

    @settings(deadline=None, max_examples=50)
    @given(SECRETS, st.binary(max_size=200), BLOCKS)
    def test_any_length(self, secret: bytes, message: bytes, noise: bytes) -> None:
        """A message of any length is signed as the algorithm says."""
        signature = sign(secret, message, noise)
        self.assertTrue(verify(xonly(secret), message, signature))
        self.assertTrue(holds(xonly(secret), message, signature))

    @settings(deadline=None, max_examples=50)
    @given(SECRETS, BLOCKS, st.integers(0, 127))
    def test_every_bit_counts(self, secret: bytes, message: bytes, place: int) -> None:
        """One bit changed in message, key or signature, and it does not hold."""
        key, signature = xonly(secret), sign(secret, message, bytes(32))
        whole = bytearray(key + message + signature)
        whole[place] ^= 1
        self.assertFalse(verify(bytes(whole[:32]), bytes(whole[32:64]), bytes(whole[64:])))

    def test_randomness_changes_the_signature_only(self) -> None:
        """Other auxiliary bytes make another signature, which holds too."""
        first, second = (sign(b"\x07" * 32, b"message", noise * 32) for noise in (b"\x00", b"\x01"))
        self.assertNotEqual(first, second)
        self.assertTrue(verify(xonly(b"\x07" * 32), b"message", second))


class RefusalTests(SynchronousTestCase):
    """What is no key and no signature."""

    def setUp(self) -> None:
        """A signature that holds."""
        self.key, self.message = xonly(b"\x09" * 32), b"\x05" * 32
        self.signature = sign(b"\x09" * 32, self.message, bytes(32))

    def test_numbers_out_of_range(self) -> None:
        """An r of the field's size or more, an s of the group's or more, and the opposite s do not hold."""
        point, scalar = self.signature[:32], self.signature[32:]
        opposite = (ORDER - int.from_bytes(scalar, "big")).to_bytes(32, "big")
        for number in (PRIME, 2**256 - 1):
            self.assertFalse(verify(self.key, self.message, number.to_bytes(32, "big") + scalar))
        for number in (ORDER, ORDER + 1, 2**256 - 1):
            self.assertFalse(verify(self.key, self.message, point + number.to_bytes(32, "big")))
        self.assertFalse(verify(self.key, self.message, point + opposite))
        self.assertFalse(verify(self.key, self.message, OFF_CURVE + scalar))

    def test_keys_off_the_curve(self) -> None:
        """A key that is the x of no point, or not below the field's size, verifies nothing."""
        for key in (OFF_CURVE, PRIME.to_bytes(32, "big"), (PRIME + 1).to_bytes(32, "big"), b"\xff" * 32):
            self.assertFalse(is_xonly(key))
            self.assertFalse(verify(key, self.message, self.signature))
        self.assertTrue(is_xonly(self.key))

    def test_wrong_lengths(self) -> None:
        """Nothing of another length is read, and nothing is raised."""
        for key in (b"", self.key[:31], self.key + b"\x00", b"\x02" + self.key):
            self.assertFalse(is_xonly(key))
            self.assertFalse(verify(key, self.message, self.signature))
        for signature in (b"", self.signature[:63], self.signature + b"\x00"):
            self.assertFalse(verify(self.key, self.message, signature))

    def test_no_secrets(self) -> None:
        """A secret out of range or of another length neither signs nor has a key; nor do 31 random bytes serve."""
        for secret in (bytes(32), ORDER.to_bytes(32, "big"), b"\xff" * 32, b"", b"\x01" * 31, b"\x01" * 33):
            self.assertRaises(ValueError, xonly, secret)
            self.assertRaises(ValueError, sign, secret, b"message", bytes(32))
        self.assertRaises(ValueError, sign, b"\x01" * 32, b"message", bytes(31))
