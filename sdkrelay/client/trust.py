"""Which certificates relays may show, and which one we show them; for the WebSocket and for HTTP alike."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS, trustRootFromCertificates
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

_END = b"-----END CERTIFICATE-----\n"

FileName = str | os.PathLike[str]


@implementer(IPolicyForHTTPS)
class Trust:
    """What the system trusts, or instead the authorities in ``ca_file``; ``certificate_file`` is ours, with its key in it.

    All PEM, read once. OSError or OpenSSL's own error for files that cannot be used.
    """

    def __init__(self, ca_file: FileName | None = None, certificate_file: FileName | None = None) -> None:
        self._options: dict[str, Any] = {}
        if ca_file is not None:
            parts = Path(ca_file).read_bytes().replace(b"\r\n", b"\n").split(_END)[:-1]
            self._options["trustRoot"] = trustRootFromCertificates([Certificate.loadPEM(part + _END) for part in parts])
        if certificate_file is not None:
            self._options["clientCertificate"] = PrivateCertificate.loadPEM(Path(certificate_file).read_bytes())

    def of(self, url: str) -> Any:
        """What a TLS connection to this address begins with."""
        return optionsForClientTLS(urlsplit(url).hostname or "", **self._options)

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        """The same, as Twisted's HTTP client asks for it."""
        return optionsForClientTLS(hostname.decode("ascii"), **self._options)
