"""Finds or makes the master key that seals every scan secret; losing it makes the registered wallets unreadable.

It is a file that only the relay's user can read: the configured one, else systemd's credential, else ``master.key`` in the
data folder, made at the first start. A configured file is never made: a volume that is not mounted must not become a new key.
The key is in no message of this module.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..crypto.seal import KEY_SIZE
from ..ports import Entropy

FILE_NAME = "master.key"
CREDENTIAL = "sdkrelay-master-key"

#: Nobody but the owner; systemd shows a credential's access list as group bits, and keeps the group out itself.
OTHERS = 0o077
OTHERS_OF_CREDENTIAL = 0o007

#: A key in hexadecimal with a line end is 65 bytes; nothing longer is read.
LONGEST = 128


class MasterKeyError(Exception):
    """There is no master key to be used; the message says what to do and never holds a part of the key."""


def master_key(data_dir: Path, configured: Path | None, environment: Mapping[str, str], entropy: Entropy) -> bytes:
    """The 32 bytes of the master key; made, and on the disk, when there is none yet in ``data_dir``."""
    if configured is not None:
        return _read(configured, OTHERS)
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    if credentials and os.path.lexists(os.path.join(credentials, CREDENTIAL)):
        return _read(Path(credentials) / CREDENTIAL, OTHERS_OF_CREDENTIAL)
    path = data_dir / FILE_NAME
    if not os.path.lexists(path):
        _make(path, entropy)
    return _read(path, OTHERS)


def _read(path: Path, forbidden: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise MasterKeyError(f"the master key {path} cannot be read ({error.strerror}): put the file back") from None
    try:
        _check_mode(path, os.fstat(descriptor).st_mode, forbidden)
        return _decode(path, os.read(descriptor, LONGEST))
    finally:
        os.close(descriptor)


def _check_mode(path: Path, mode: int, forbidden: int) -> None:
    if not stat.S_ISREG(mode):
        raise MasterKeyError(f"the master key {path} is not a plain file")
    if mode & forbidden:
        raise MasterKeyError(f"others can read the master key {path} (mode {stat.S_IMODE(mode):04o}): chmod 600 {path}")


def _decode(path: Path, content: bytes) -> bytes:
    """32 raw bytes, or 64 hexadecimal characters and a line end as ``openssl rand -hex 32`` prints them."""
    if len(content) == KEY_SIZE:
        return content
    with suppress(ValueError):
        key = bytes.fromhex(content.decode("ascii"))
        if len(key) == KEY_SIZE:
            return key
    raise MasterKeyError(f"the master key {path} is neither 32 bytes nor 64 hexadecimal characters")


def _make(path: Path, entropy: Entropy) -> None:
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
        raise MasterKeyError(
            f"no master key can be made in {path.parent} ({error.strerror}): check the folder"
        ) from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
