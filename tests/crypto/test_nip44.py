"""NIP-44: both sides share a key, payloads open for them alone, lengths are hidden as the specification says."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto import nip44, schnorr

SECRETS = st.integers(1, 2**256 - 2**130).map(lambda number: number.to_bytes(32, "big"))
KEY = sha256(b"key").digest()
NONCE = sha256(b"nonce").digest()


class Nip44Tests(SynchronousTestCase):
    """Version 2."""

    @settings(deadline=None, max_examples=30)
    @given(SECRETS, SECRETS, st.text(min_size=1, max_size=300), st.binary(min_size=32, max_size=32))
    def test_both_sides_read_the_same(self, ours: bytes, theirs: bytes, text: str, nonce: bytes) -> None:
        """One key from either side, and any text comes back."""
        key = nip44.conversation_key(ours, schnorr.xonly(theirs))
        self.assertEqual(key, nip44.conversation_key(theirs, schnorr.xonly(ours)))
        self.assertEqual(nip44.decrypt(nip44.encrypt(text, key, nonce), key), text)

    def test_lengths_are_padded_as_specified(self) -> None:
        """32 at least, steps of 32 to 256, then of an eighth of the next power of two."""
        sizes = {1: 32, 32: 32, 33: 64, 65: 96, 256: 256, 257: 320, 384: 384, 1025: 1280, 65535: 65536}
        self.assertEqual({size: nip44.padded_size(size) for size in sizes}, sizes)

    def test_texts_have_bounds(self) -> None:
        """Neither nothing nor more than 65,535 bytes; what fits exactly comes back."""
        for text in ("", "x" * 65536, "é" * 32768):
            self.assertRaises(ValueError, nip44.encrypt, text, KEY, NONCE)
        longest = "x" * 65535
        self.assertEqual(nip44.decrypt(nip44.encrypt(longest, KEY, NONCE), KEY), longest)
        self.assertRaises(ValueError, nip44.encrypt, "x", KEY, NONCE[1:])

    @settings(deadline=None, max_examples=60)
    @given(st.data())
    def test_one_changed_bit_is_noticed(self, data: st.DataObject) -> None:
        """Wherever it is."""
        payload = bytearray(b64decode(nip44.encrypt("hello", KEY, NONCE)))
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        self.assertRaises(nip44.Undecryptable, nip44.decrypt, b64encode(payload).decode(), KEY)

    @settings(deadline=None, max_examples=100)
    @given(st.text(max_size=200) | st.binary(min_size=99, max_size=200).map(lambda data: b64encode(data).decode()))
    def test_anything_else_is_refused(self, payload: str) -> None:
        """With one exception, which repeats nothing of it."""
        self.assertRaises(nip44.Undecryptable, nip44.decrypt, payload, KEY)

    def test_wrong_padding_is_refused(self) -> None:
        """Even where the code is right."""
        for padded in (b"\0\0" + bytes(32), b"\0\x01" + bytes(64), b"\xff\xff" + bytes(32), b"\0\x21" + bytes(32)):
            self.assertRaises(nip44.Undecryptable, nip44.unpad, padded)

    def test_another_key_opens_nothing(self) -> None:
        """Nor does a key that is no point of the curve make a conversation."""
        payload = nip44.encrypt("hello", KEY, NONCE)
        self.assertRaises(nip44.Undecryptable, nip44.decrypt, payload, NONCE)
        self.assertRaises(ValueError, nip44.conversation_key, KEY, b"\xff" * 32)
        self.assertRaises(ValueError, nip44.conversation_key, bytes(32), schnorr.xonly(KEY))
