"""TLS on a listening port: from files that can be exchanged while it listens, with client certificates asked for.

A new connection gets what was last loaded well; those that are open keep what they began with.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IReactorTime, ISSLTransport
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from ...crypto import pem
from ...domain.access import Certificate

T = TypeVar("T")


class TlsError(Exception):
    """The files for TLS cannot be used; the message says which one and why, with the key of the settings."""


@frozen
class TlsFiles:
    """A certificate with its chain, its key and, for client certificates, the authorities that issue them; all PEM."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def context(self) -> SSL.Context:
        """What new connections are made of. Raises :class:`TlsError`."""
        chain = _read("certificate", self.certificate, pem.certificates)
        key = _read("key", self.key, pem.private_key)
        try:
            pem.check_pair(chain[0], key)
        except ValueError as error:
            raise TlsError(f"tls.key: {self.key} {error}") from None
        authorities = [] if self.client_ca is None else _read("client_ca", self.client_ca, pem.certificates)
        options = CertificateOptions(
            privateKey=crypto.PKey.from_cryptography_key(key),  # type: ignore[arg-type]
            certificate=crypto.X509.from_cryptography(chain[0]),
            extraCertChain=[crypto.X509.from_cryptography(certificate) for certificate in chain[1:]],
            acceptableProtocols=[b"http/1.1"],
            **_asking(authorities),
        )
        try:
            return options.getContext()
        except SSL.Error:
            raise TlsError(f"tls.certificate: {self.certificate} cannot be used by OpenSSL") from None


def _asking(authorities: list[x509.Certificate]) -> dict[str, Any]:
    """How clients are asked for a certificate: none is needed, but one that is shown must be of these authorities."""
    if not authorities:
        return {}
    issuers = [crypto.X509.from_cryptography(certificate) for certificate in authorities]
    return {"verify": True, "requireCertificate": False, "caCerts": issuers}


def _read(name: str, path: Path, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise TlsError(f"tls.{name}: {path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise TlsError(f"tls.{name}: {path} {error}") from None


@implementer(IOpenSSLServerConnectionCreator)
class Tls:
    """The server's side of TLS for any number of ports; loads the files when it is made. Raises :class:`TlsError`."""

    def __init__(self, files: TlsFiles, reactor: IReactorTime) -> None:
        self._files = files
        self._reactor = reactor
        self._context = files.context()

    def reload(self) -> None:
        """Load the files again; when that raises :class:`TlsError`, what was loaded before stays in use."""
        self._context = self._files.context()

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """The TLS state of a new connection."""
        return SSL.Connection(self._context, None)

    def over(self, factory: Any) -> TLSMemoryBIOFactory:
        """The factory, spoken to over TLS."""
        return TLSMemoryBIOFactory(self, False, factory, self._reactor)


def peer_certificate(transport: Any) -> Certificate | None:
    """The certificate that the client has shown and the handshake verified; None without TLS, or without one."""
    if not ISSLTransport.providedBy(transport):
        return None
    shown: crypto.X509 | None = transport.getPeerCertificate()  # type: ignore[assignment]
    return None if shown is None else described(shown.to_cryptography())


def described(certificate: x509.Certificate) -> Certificate:
    """What the relay keeps of a certificate."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    name = names[0].value if len(names) == 1 else ""
    return Certificate(
        common_name=name if isinstance(name, str) else "",
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:x}",
        not_after=int(certificate.not_valid_after_utc.timestamp()),
        fingerprint=certificate.fingerprint(SHA256()).hex(),
    )
