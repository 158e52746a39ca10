"""TLS towards a bus: only the certificates named are trusted, and the host's name does not matter, as in the original."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate, CertificateOptions, trustRootFromCertificates
from zope.interface import implementer

from ..crypto import pem
from .config import BusConfig
from .errors import BusError

T = TypeVar("T")
_INLINE = "base64:"


@implementer(IOpenSSLClientConnectionCreator)
class BusTls:
    """The client's side of TLS for both connections. Raises :class:`BusError` for files that cannot be used."""

    def __init__(self, config: BusConfig) -> None:
        trusted = [Certificate(_wrapped(each)) for each in _read("ca_path", config.ca_path, pem.certificates)]
        options = CertificateOptions(trustRoot=trustRootFromCertificates(trusted), **_own(config))
        self._name = None if isIPAddress(config.host) or isIPv6Address(config.host) else config.host.encode("idna")
        try:
            self._context = options.getContext()
        except SSL.Error:
            raise BusError("cert_path and key_path cannot be used by OpenSSL") from None

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        """The TLS state of a new connection."""
        connection = SSL.Connection(self._context, None)
        if self._name is not None:
            connection.set_tlsext_host_name(self._name)
        return connection


def _own(config: BusConfig) -> dict[str, Any]:
    """The client's certificate, if it has one, as Twisted's options want it."""
    if not (config.key_path and config.cert_path):
        return {}
    chain = _read("cert_path", config.cert_path, pem.certificates)
    key = _read("key_path", config.key_path, pem.private_key)
    try:
        pem.check_pair(chain[0], key)
    except ValueError as error:
        raise BusError(f"key_path: it {error}") from None
    return {
        "privateKey": crypto.PKey.from_cryptography_key(key),  # type: ignore[arg-type]
        "certificate": _wrapped(chain[0]),
        "extraCertChain": [_wrapped(each) for each in chain[1:]],
    }


def _wrapped(certificate: x509.Certificate) -> crypto.X509:
    return crypto.X509.from_cryptography(certificate)


def _read(name: str, source: str, parse: Callable[[bytes], T]) -> T:
    try:
        if source.startswith(_INLINE):
            return parse(base64.b64decode(source.removeprefix(_INLINE), validate=True))
        return parse(Path(source).read_bytes())
    except OSError as error:
        raise BusError(f"{name}: the file cannot be read ({error.strerror})") from None
    except binascii.Error:
        raise BusError(f"{name}: what follows base64: is not base64") from None
    except ValueError as error:
        raise BusError(f"{name}: it {error}") from None
