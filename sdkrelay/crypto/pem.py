"""Certificates and keys out of PEM files, with a sentence for each way in which they can be wrong."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key


def certificates(pem: bytes) -> list[x509.Certificate]:
    """All certificates of a PEM text, in its order; ValueError when there is none, or one cannot be read."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ValueError("holds no certificate in PEM") from None


def private_key(pem: bytes) -> CertificateIssuerPrivateKeyTypes:
    """The private key of a PEM text; ValueError when there is none, or when it needs a passphrase."""
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise ValueError("is encrypted: nobody is there to type its passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("holds no private key in PEM") from None
    return key  # type: ignore[return-value]


def check_pair(certificate: x509.Certificate, key: CertificateIssuerPrivateKeyTypes) -> None:
    """ValueError unless the certificate is of this key."""
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        raise ValueError("is not the key of the certificate")
