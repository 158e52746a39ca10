"""The relay's identity for who asks on the command line: the key that clients pin."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from ..config.model import Config
from ..crypto.channel import public_key
from ..io.masterkey import KeyFileError, known_identity_key


class NoIdentity(Exception):
    """There is none to be shown; the message says what to do."""


def identity_of(config: Config) -> str:
    """The public identity key (base64) of the relay with these settings. NoIdentity before its first start."""
    try:
        return b64encode(public_key(known_identity_key(Path(config.data_dir)))).decode()
    except KeyFileError as error:
        raise NoIdentity(f"{error}; a relay makes it at its first start") from None
