"""What is encrypted by a passphrase: sealed for an export, opened for an import."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from typing import Any

import msgspec

from ..crypto.passphrase import SALT_SIZE, key_of
from ..crypto.seal import NONCE_SIZE, Unsealable, open_sealed, seal
from ..domain.problem import Problem, invalid
from ..messages.rest.archive import Sealed
from ..ports import Compute, Entropy

#: What is sealed says what it is, so that it opens as nothing else.
CONTEXT = b"sdkrelay/export/1"
#: Different salts in one document: each costs 64 MiB and a good part of a second.
SALTS = 4


class Seals:
    """Seals and opens under one passphrase, for one export or import; each salt's key is made once."""

    def __init__(self, passphrase: str, compute: Compute, entropy: Entropy) -> None:
        self._passphrase = passphrase
        self._compute = compute
        self._entropy = entropy
        self._keys: dict[bytes, bytes] = {}
        self._salt = b""

    async def seal(self, secret: bytes) -> Sealed:
        """Encrypt under a key whose salt is the same for all of an export."""
        self._salt = self._salt or self._entropy.bytes(SALT_SIZE)
        key = await self._key(self._salt)
        sealed = seal(key, self._entropy.bytes(NONCE_SIZE), secret, CONTEXT)
        return Sealed(salt=b64encode(self._salt).decode(), sealed=b64encode(sealed).decode())

    async def open(self, item: Any) -> bytes:
        """What was sealed. Problem for another passphrase, or what was never sealed so."""
        try:
            given = msgspec.convert(item, Sealed)
            salt, sealed = b64decode(given.salt, validate=True), b64decode(given.sealed, validate=True)
            return open_sealed(await self._key(salt), sealed, CONTEXT)
        except (msgspec.ValidationError, binascii.Error):
            raise invalid("$", "salt and sealed, in base64") from None
        except Unsealable:
            raise invalid("$", "something sealed by the passphrase in X-Export-Passphrase") from None

    async def _key(self, salt: bytes) -> bytes:
        if salt not in self._keys:
            if len(salt) != SALT_SIZE or len(self._keys) >= SALTS:
                raise self._bad_salt()
            self._keys[salt] = await self._compute.run(key_of, self._passphrase, salt)
        return self._keys[salt]

    @staticmethod
    def _bad_salt() -> Problem:
        return invalid("salt", f"{SALT_SIZE} bytes in base64, at most {SALTS} different ones")
