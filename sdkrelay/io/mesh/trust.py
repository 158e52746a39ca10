"""TLS towards relays that are dialled: whose certificates are believed, and the one this relay shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import frozen
from OpenSSL import crypto
from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS
from twisted.internet.ssl import trustRootFromCertificates as trusting
from twisted.protocols.tls import TLSMemoryBIOFactory

from ...crypto import pem
from ..net.tls import TlsError, TlsFiles


@frozen
class Trust:
    """``authorities`` (PEM) issue the certificates of other relays, else those the system trusts; ``own`` is shown to them."""

    authorities: Path | None = None
    own: TlsFiles | None = None

    def check(self) -> None:
        """Raises :class:`TlsError` where a file cannot be used."""
        self._authorities()
        self._certificate()

    def over(self, factory: Any, host: str, reactor: Any) -> TLSMemoryBIOFactory:
        """The factory, spoken to over TLS with this host, whose certificate is verified; files are read each time it is made."""
        options = optionsForClientTLS(host, self._authorities(), self._certificate())
        return TLSMemoryBIOFactory(options, True, factory, reactor)

    def _authorities(self) -> Any:
        if self.authorities is None:
            return None
        try:
            found = pem.certificates(self.authorities.read_bytes())
        except OSError as error:
            raise TlsError(f"mesh.ca_file: {self.authorities} cannot be read ({error.strerror})") from None
        except ValueError as error:
            raise TlsError(f"mesh.ca_file: {self.authorities} {error}") from None
        return trusting([Certificate(crypto.X509.from_cryptography(one)) for one in found])

    def _certificate(self) -> PrivateCertificate | None:
        if self.own is None:
            return None
        self.own.context()
        text = self.own.certificate.read_bytes() + b"\n" + self.own.key.read_bytes()
        shown: PrivateCertificate = PrivateCertificate.loadPEM(text)
        return shown
