"""The mesh token as it is kept on this machine: in a file that nobody but its owner can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .config.meshing import SHORTEST_TOKEN

#: Nothing longer is read.
LONGEST = 1024
OTHERS = 0o077


class TokenFileError(Exception):
    """There is no token to be used; the message says what to do and never holds a part of it."""


def read_token(path: Path) -> bytes:
    """The token in a file, without white space around it. Raises :class:`TokenFileError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise TokenFileError(f"the mesh token {path} cannot be read ({error.strerror})") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise TokenFileError(f"the mesh token {path} is not a plain file")
        if mode & OTHERS:
            raise TokenFileError(
                f"others can read the mesh token {path} (mode {stat.S_IMODE(mode):04o}): chmod 600 {path}"
            )
        token = os.read(descriptor, LONGEST + 1).strip()
    finally:
        os.close(descriptor)
    if not SHORTEST_TOKEN <= len(token) <= LONGEST:
        raise TokenFileError(
            f"the mesh token {path} must have from {SHORTEST_TOKEN} to {LONGEST} characters: openssl rand -hex 32"
        )
    return token
