"""Finds or makes the master key that seals every scan secret; losing it makes the registered wallets unreadable.

It is a file that only the relay's user can read: the configured one, else systemd's credential, else ``master.key`` in the
data folder, made at the first start. A configured file is never made: a volume that is not mounted must not become a new key.
Beside it is the relay's identity, the static key that clients of ``encrypted_message`` know it by.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..ports import Entropy
from .keyfile import OTHERS, KeyFileError, kept_key, read_key

FILE_NAME = "master.key"
IDENTITY_FILE_NAME = "identity.key"
CREDENTIAL = "sdkrelay-master-key"

#: systemd shows a credential's access list as group bits, and keeps the group out itself.
OTHERS_OF_CREDENTIAL = 0o007

MasterKeyError = KeyFileError
_NAME = "master key"


def master_key(data_dir: Path, configured: Path | None, environment: Mapping[str, str], entropy: Entropy) -> bytes:
    """The 32 bytes of the master key; made, and on the disk, when there is none yet in ``data_dir``."""
    if configured is not None:
        return read_key(configured, _NAME, OTHERS)
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    if credentials and os.path.lexists(os.path.join(credentials, CREDENTIAL)):
        return read_key(Path(credentials) / CREDENTIAL, _NAME, OTHERS_OF_CREDENTIAL)
    return kept_key(data_dir / FILE_NAME, _NAME, entropy)


def identity_key(data_dir: Path, entropy: Entropy) -> bytes:
    """The 32 private bytes of the relay's identity; made, and on the disk, when there are none yet in ``data_dir``."""
    return kept_key(data_dir / IDENTITY_FILE_NAME, "identity key", entropy)


def known_identity_key(data_dir: Path) -> bytes:
    """The same, of a relay that has run before; KeyFileError if there is none."""
    return read_key(data_dir / IDENTITY_FILE_NAME, "identity key", OTHERS)
