"""The command line of this process, and becoming the same program anew.

The new program keeps the process: its number, its parent, its environment. twistd would take its own process for another
server, so the file with the process number goes first.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

from attrs import frozen


@frozen
class CommandLine:
    """How the process was started: program, arguments (the program's name first), folder; and twistd's file for its number."""

    program: str
    arguments: tuple[str, ...]
    folder: str
    pidfile: str | None = None

    def run_again(self) -> NoReturn:
        """Become this program. Whatever must be flushed has been."""
        if self.pidfile:
            with suppress(OSError):
                os.unlink(self.pidfile)
        os.chdir(self.folder)
        os.execv(self.program, self.arguments)


def this_command(pidfile: str | None) -> CommandLine:
    """The command line of this process; call it before twistd changes the folder."""
    return CommandLine(sys.executable, tuple(sys.orig_argv), os.getcwd(), pidfile or None)
