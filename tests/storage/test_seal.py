"""Scan secrets at rest: sealed as published AES-256-GCM has it, and opened by nothing but the same key and context."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.seal import VERSION, Unsealable, open_sealed, seal, token_hash, wallet_id_of

KEY, NONCE, SECRET, CONTEXT = b"k" * 32, b"n" * 12, b"s" * 32, b"wallet"


class SealTests(SynchronousTestCase):
    """seal and open_sealed."""

    @settings(deadline=None, max_examples=50)
    @given(
        st.binary(min_size=32, max_size=32),
        st.binary(min_size=12, max_size=12),
        st.binary(max_size=64),
        st.binary(max_size=64),
    )
    def test_opens_what_was_sealed(self, key: bytes, nonce: bytes, secret: bytes, context: bytes) -> None:
        """The secret comes back, whatever it is."""
        self.assertEqual(open_sealed(key, seal(key, nonce, secret, context), context), secret)

    def test_the_cipher_is_the_published_one(self) -> None:
        """Test case 14 of McGrew and Viega's GCM specification: a block of zeros under zeros."""
        cipher = AESGCM(bytes(32)).encrypt(bytes(12), bytes(16), None)
        self.assertEqual(cipher.hex(), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")
        sealed = seal(bytes(32), bytes(12), bytes(16), b"")
        self.assertEqual(sealed[:-16], VERSION + bytes(12) + cipher[:16])

    def test_the_layout_can_be_opened_without_us(self) -> None:
        """Version, nonce, then ciphertext and tag, with version and context as associated data."""
        sealed = seal(KEY, NONCE, SECRET, CONTEXT)
        self.assertEqual((sealed[:1], sealed[1:13], len(sealed)), (VERSION, NONCE, 61))
        self.assertEqual(AESGCM(KEY).decrypt(sealed[1:13], sealed[13:], VERSION + CONTEXT), SECRET)

    def test_another_key_or_context_opens_nothing(self) -> None:
        """A sealed secret moved to another wallet, or under a lost master key, is Unsealable."""
        sealed = seal(KEY, NONCE, SECRET, CONTEXT)
        self.assertRaises(Unsealable, open_sealed, b"x" * 32, sealed, CONTEXT)
        self.assertRaises(Unsealable, open_sealed, KEY, sealed, b"another")

    def test_any_changed_bit_is_seen(self) -> None:
        """Version, nonce, ciphertext and tag are all authenticated."""
        sealed = seal(KEY, NONCE, SECRET, CONTEXT)
        for place in range(len(sealed) * 8):
            changed = bytearray(sealed)
            changed[place // 8] ^= 1 << place % 8
            self.assertRaises(Unsealable, open_sealed, KEY, bytes(changed), CONTEXT)

    @settings(deadline=None, max_examples=50)
    @given(st.binary(max_size=80))
    def test_other_bytes_are_unsealable(self, junk: bytes) -> None:
        """Whatever stands in the row, nothing but Unsealable comes of it."""
        self.assertRaises(Unsealable, open_sealed, KEY, junk, CONTEXT)
        self.assertRaises(Unsealable, open_sealed, KEY, VERSION + junk, CONTEXT)

    def test_wrong_lengths_are_refused(self) -> None:
        """A key that is not 32 bytes or a nonce that is not 12 is a ValueError."""
        self.assertRaises(ValueError, seal, b"short", NONCE, SECRET, CONTEXT)
        self.assertRaises(ValueError, seal, KEY, b"short", SECRET, CONTEXT)
        self.assertRaises(ValueError, open_sealed, b"short", seal(KEY, NONCE, SECRET, CONTEXT), CONTEXT)

    def test_errors_show_no_secret(self) -> None:
        """Neither key nor secret is in what Unsealable says."""
        error = self.assertRaises(Unsealable, open_sealed, b"x" * 32, seal(KEY, NONCE, SECRET, CONTEXT), CONTEXT)
        self.assertNotIn("xxx", repr(error))
        self.assertIsNone(error.__cause__)


class NameTests(SynchronousTestCase):
    """What is derived one way."""

    def test_a_wallet_is_named_by_its_keys(self) -> None:
        """32 hex characters, the same for the same keys, another when either key or their order is another."""
        one, other = b"\x02" + b"1" * 32, b"\x03" + b"2" * 32
        names = [wallet_id_of(one, other), wallet_id_of(other, one), wallet_id_of(one, one)]
        self.assertRegex(names[0], "^[0-9a-f]{32}$")
        self.assertEqual((len(set(names)), wallet_id_of(one, other)), (3, names[0]))
        self.assertRaises(ValueError, wallet_id_of, one[1:], other)

    def test_a_token_is_kept_as_its_sha256(self) -> None:
        """The digest of the empty text is the well-known one; text that UTF-8 forbids has one too."""
        self.assertEqual(token_hash("").hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        self.assertEqual(len(token_hash("\ud800")), 32)
