"""Becomes another program, after asking the kernel to end it when its parent ends.

Run as a script, ``tether.py PARENT_PID PROGRAM ARGUMENTS…``, so that nothing runs between fork and exec in a process that
may have threads. Where the system has no such call the program runs untied.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_SET_PARENT_DEATH_SIGNAL = 1


def tie_to_parent(parent: int) -> bool:
    """Ask for SIGTERM at the parent's end; False when the parent has already ended."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, int(signal.SIGTERM), 0, 0, 0)
    return os.getppid() == parent


def main(arguments: list[str]) -> None:
    """Become the program, or end if there is nobody to run it for."""
    parent, *command = arguments
    if tie_to_parent(int(parent)):
        os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
