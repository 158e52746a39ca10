"""Digests: our RIPEMD-160 beside OpenSSL's, HASH160, and the digest of a block's tweaks."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from sdkrelay.crypto.digest import block_digest, hash160, tagged
from sdkrelay.crypto.ripemd160 import ripemd160
from sdkrelay.crypto.secp256k1 import decompress, public_key


class HashTests(SynchronousTestCase):
    """The hashes are those everybody has."""

    @settings(deadline=None, max_examples=60)
    @given(st.binary(max_size=200))
    def test_fallback_equals_openssl(self, data: bytes) -> None:
        """RIPEMD-160 in Python gives what OpenSSL gives."""
        try:
            expected = hashlib.new("ripemd160", data).digest()
        except ValueError:
            raise SkipTest("this OpenSSL has no RIPEMD-160 to compare with") from None
        self.assertEqual(ripemd160(data), expected)

    def test_fallback_without_openssl(self) -> None:
        """RIPEMD-160 of nothing is the value its authors publish."""
        self.assertEqual(ripemd160(b"").hex(), "9c1185a5c5e9fc54612808977ee8f548b2258d31")

    def test_hash160(self) -> None:
        """HASH160 is RIPEMD-160 of SHA-256, however often it is asked."""
        for data in (b"", b"key", b"key"):
            self.assertEqual(hash160(data), ripemd160(hashlib.sha256(data).digest()))

    def test_tagged(self) -> None:
        """A midstate has read the hash of its tag twice."""
        tag = hashlib.sha256(b"a tag").digest()
        self.assertEqual(tagged("a tag").digest(), hashlib.sha256(tag + tag).digest())


class BlockDigestTests(SynchronousTestCase):
    """The digest that makes two indexes comparable."""

    def test_is_over_compressed_tweaks_in_order(self) -> None:
        """It is SHA-256 over the 33-byte forms, of either parity, in block order."""
        keys = [public_key(number.to_bytes(32, "big")) for number in range(1, 12)]
        self.assertEqual({key[0] for key in keys}, {2, 3})
        digest = block_digest(b"".join(decompress(key) for key in keys))
        self.assertEqual(digest, hashlib.sha256(b"".join(keys)).digest())
        self.assertNotEqual(digest, block_digest(b"".join(decompress(key) for key in reversed(keys))))

    def test_empty_block(self) -> None:
        """Without tweaks it is SHA-256 of nothing."""
        self.assertEqual(block_digest(b""), hashlib.sha256().digest())

    def test_cut_short(self) -> None:
        """Half a tweak is an error."""
        self.assertRaises(ValueError, block_digest, bytes(96))
