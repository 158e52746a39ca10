"""TLS as the settings have it, and SIGHUP, at which its files are read again."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import Any

from twisted.application.service import Service
from twisted.logger import Logger

from ..config.model import Config
from ..io.net.tls import Tls, TlsError, TlsFiles

log = Logger()


def make_tls(config: Config, reactor: Any) -> Tls | None:
    """What encrypts the ports; None where no certificate is set. Raises :class:`TlsError`."""
    files = config.tls
    if not files.certificate:
        return None
    authorities = Path(files.client_ca) if files.client_ca else None
    return Tls(TlsFiles(Path(files.certificate), Path(files.key), authorities), reactor)


class ReloadAtHangup(Service):
    """While it runs, SIGHUP reads the TLS files again; what cannot be used is told in the log and leaves all as it was."""

    def __init__(self, tls: Tls, reactor: Any) -> None:
        self._tls = tls
        self._reactor = reactor
        self._before: Any = signal.SIG_DFL

    def startService(self) -> None:
        super().startService()
        self._before = signal.signal(signal.SIGHUP, self._hung_up)

    def stopService(self) -> None:
        super().stopService()
        signal.signal(signal.SIGHUP, self._before)

    def reload(self) -> None:
        """Take what the files hold now for new connections."""
        try:
            self._tls.reload()
        except TlsError as error:
            log.error("the TLS files were not taken, the old ones stay in use: {reason}", reason=str(error))
        else:
            log.info("the TLS files were read again")

    def _hung_up(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self.reload)
