"""Finds or makes the master key that seals every scan secret; losing it makes the registered wallets unreadable.

It is a file that only the relay's user can read: the configured one, else systemd's credential, else ``master.key`` in the
data folder, made at the first start. A configured file is never made: a volume that is not mounted must not become a new key.
Beside it are the relay's identities: the static key that clients of ``encrypted_message`` know it by, and the key it signs with.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..crypto.secp256k1 import is_secret
from ..ports import Entropy

FILE_NAME = "master.key"
IDENTITY_FILE_NAME = "identity.key"
SIGNING_FILE_NAME = "identity-schnorr.key"
CREDENTIAL = "sdkrelay-master-key"

KEY_SIZE = 32
#: A key in hexadecimal with a line end is 65 bytes; nothing longer is read.
LONGEST = 128
#: Nobody but the owner.
OTHERS = 0o077
#: systemd shows a credential's access list as group bits, and keeps the group out itself.
OTHERS_OF_CREDENTIAL = 0o007

_NAME = "master key"


class KeyFileError(Exception):
    """There is no key to be used; the message says what to do and never holds a part of the key."""


MasterKeyError = KeyFileError


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


def signing_key(data_dir: Path, entropy: Entropy) -> bytes:
    """The 32 secret bytes the relay signs with (secp256k1, BIP340), by which other relays know it; made when there are none."""
    path = data_dir / SIGNING_FILE_NAME
    key = kept_key(path, "signing key", entropy)
    if not is_secret(key):
        raise KeyFileError(
            f"the signing key {path} is no secret key of the curve: remove the file, and another is made"
        )
    return key


def read_key(path: Path, name: str, forbidden: int = OTHERS) -> bytes:
    """The 32 bytes in a file, called ``name`` in messages; refused if its mode has a forbidden bit."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise KeyFileError(f"the {name} {path} cannot be read ({error.strerror}): put the file back") from None
    try:
        _check_mode(path, name, os.fstat(descriptor).st_mode, forbidden)
        return _decode(path, name, os.read(descriptor, LONGEST))
    finally:
        os.close(descriptor)


def kept_key(path: Path, name: str, entropy: Entropy) -> bytes:
    """The key in a file; made, and on the disk, when there is none yet."""
    if not os.path.lexists(path):
        _make(path, name, entropy)
    return read_key(path, name)


def _check_mode(path: Path, name: str, mode: int, forbidden: int) -> None:
    if not stat.S_ISREG(mode):
        raise KeyFileError(f"the {name} {path} is not a plain file")
    if mode & forbidden:
        raise KeyFileError(f"others can read the {name} {path} (mode {stat.S_IMODE(mode):04o}): chmod 600 {path}")


def _decode(path: Path, name: str, content: bytes) -> bytes:
    """32 raw bytes, or 64 hexadecimal characters and a line end as ``openssl rand -hex 32`` prints them."""
    if len(content) == KEY_SIZE:
        return content
    with suppress(ValueError):
        key = bytes.fromhex(content.decode("ascii"))
        if len(key) == KEY_SIZE:
            return key
    raise KeyFileError(f"the {name} {path} is neither 32 bytes nor 64 hexadecimal characters")


def _make(path: Path, name: str, entropy: Entropy) -> None:
    """Write it whole beside its place, then link it there: a crash leaves no half key, a race leaves the first one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(entropy.bytes(KEY_SIZE).hex().encode() + b"\n")
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            os.link(draft, path)
        os.unlink(draft)
        _sync_folder(path.parent)
    except OSError as error:
        raise KeyFileError(f"no {name} can be made in {path.parent} ({error.strerror}): check the folder") from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
