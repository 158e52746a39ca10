"""NIP-44 against the vectors published with it, as the Rust package ``nostr`` brings them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto import nip44, schnorr
from tests.support.crates import crate


@cache
def published() -> dict[str, Any]:
    """Version 2, ``valid`` and ``invalid``, each by what is tested."""
    found: dict[str, Any] = json.loads((crate("nostr", "0.45.6") / "src/nips/nip44/nip44.vectors.json").read_bytes())
    return found["v2"]


class VectorTests(SynchronousTestCase):
    """What must come out, and what must be refused."""

    def cases(self, sort: str, what: str) -> Iterator[Any]:
        """The cases, of which there must be some."""
        cases = published()[sort][what]
        self.assertTrue(cases)
        yield from cases

    def test_conversation_keys(self) -> None:
        """Of a secret and a key."""
        for case in self.cases("valid", "get_conversation_key"):
            key = nip44.conversation_key(bytes.fromhex(case["sec1"]), bytes.fromhex(case["pub2"]))
            self.assertEqual(key.hex(), case["conversation_key"], case)

    def test_padded_lengths(self) -> None:
        """Of each length."""
        for size, padded in self.cases("valid", "calc_padded_len"):
            self.assertEqual(padded, nip44.padded_size(size), size)

    def test_payloads(self) -> None:
        """The very payload, and the text again, for both sides."""
        for case in self.cases("valid", "encrypt_decrypt"):
            one, other, nonce = (bytes.fromhex(case[name]) for name in ("sec1", "sec2", "nonce"))
            key = nip44.conversation_key(one, schnorr.xonly(other))
            self.assertEqual(key.hex(), case["conversation_key"], case)
            self.assertEqual(key, nip44.conversation_key(other, schnorr.xonly(one)), case)
            self.assertEqual(nip44.encrypt(case["plaintext"], key, nonce), case["ciphertext"], case)
            self.assertEqual(nip44.decrypt(case["ciphertext"], key), case["plaintext"], case)

    def test_lengths_that_are_refused(self) -> None:
        """Too short or too long to be encrypted."""
        for size in self.cases("invalid", "encrypt_msg_lengths"):
            self.assertRaises(ValueError, nip44.encrypt, "a" * size, bytes(32), bytes(32))

    def test_keys_that_are_refused(self) -> None:
        """No secret, or no point of the curve."""
        for case in self.cases("invalid", "get_conversation_key"):
            with self.assertRaises(ValueError, msg=case["note"]):
                nip44.conversation_key(bytes.fromhex(case["sec1"]), bytes.fromhex(case["pub2"]))

    def test_payloads_that_are_refused(self) -> None:
        """Of another version, not base64, of a wrong code or padding."""
        for case in self.cases("invalid", "decrypt"):
            with self.assertRaises(nip44.Undecryptable, msg=case["note"]):
                nip44.decrypt(case["ciphertext"], bytes.fromhex(case["conversation_key"]))
