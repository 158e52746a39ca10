"""Who we are for bitcoind: the cookie it writes anew at each start, or a user and a password.

The secret leaves this module only as a header; what is shown of it is where it came from.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from .trouble import Trouble


class Cookie:
    """The contents of bitcoind's ``.cookie``, read when first needed and again when bitcoind refuses it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._header: bytes | None = None

    def __str__(self) -> str:
        return f"the cookie read from {self._path}"

    __repr__ = __str__

    def header(self) -> bytes:
        """The value of ``Authorization``; Trouble when the file cannot be read."""
        if self._header is None:
            self._header = self._read()
        return self._header

    def renew(self, refused: bytes) -> bool:
        """Read the file again; whether it holds something else than the header that was refused."""
        self._header = None
        return self.header() != refused

    def _read(self) -> bytes:
        try:
            return _basic(self._path.read_bytes()[:1024].strip())
        except OSError as error:
            raise Trouble(
                f"the cookie file {self._path} cannot be read ({error.strerror}): is bitcoind running, "
                "may this user read the file, and is it the right data directory?"
            ) from None


class Password:
    """A user of ``rpcauth`` or ``rpcuser``."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._header = _basic(f"{user}:{password}".encode())

    def __str__(self) -> str:
        return f"the user {self._user!r} with the configured password"

    __repr__ = __str__

    def header(self) -> bytes:
        """The value of ``Authorization``."""
        return self._header

    def renew(self, refused: bytes) -> bool:
        """There is nothing to read again."""
        return False


Credentials = Cookie | Password


def _basic(secret: bytes) -> bytes:
    return b"Basic " + b64encode(secret)
