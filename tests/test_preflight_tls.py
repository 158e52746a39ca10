"""What ``--check`` says of certificates, before a relay would stumble over them."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.model import BitcoinCore, Config, Database, Tls
from sdkrelay.preflight import try_out

from .support.certificates import Authority


class CertificateTests(SynchronousTestCase):
    """An authority, and a certificate with its key."""

    def setUp(self) -> None:
        """Good files."""
        self.folder = Path(self.mktemp()).absolute()
        self.authority = Authority(self.folder)
        self.certificate, self.key = self.authority.issue("relay")
        self.key.chmod(0o600)

    def found(self, **paths: Path) -> dict[str, str]:
        """The faults of TLS by key, with these files instead of the good ones."""
        files = {"certificate": self.certificate, "key": self.key, "client_ca": self.authority.path, **paths}
        config = Config(
            ws_url="127.0.0.1:0",
            http_url="127.0.0.1:0",
            data_dir=str(self.folder),
            bitcoin_core=BitcoinCore(cookie_path="/nowhere"),
            database=Database(url="sqlite://"),
            tls=Tls(**{name: str(path) for name, path in files.items()}),
        )
        return {fault.key: fault.message for fault in try_out(config) if fault.key.startswith("tls.")}

    def test_good_files_are_no_fault(self) -> None:
        """Nothing is said."""
        self.assertEqual(self.found(), {})

    def test_each_file_is_told_by_its_key(self) -> None:
        """Not there, or something else than it should be."""
        nowhere = self.folder / "nowhere"
        self.assertEqual(
            set(self.found(certificate=nowhere, key=nowhere, client_ca=nowhere)),
            {"tls.certificate", "tls.key", "tls.client_ca"},
        )
        self.assertIn("no certificate", self.found(certificate=self.key)["tls.certificate"])
        self.assertIn("no private key", self.found(key=self.certificate)["tls.key"])

    def test_a_key_that_does_not_fit_is_told(self) -> None:
        """And so is one that everybody can read."""
        _, other = self.authority.issue("other")
        other.chmod(0o600)
        self.assertIn("is not the key", self.found(key=other)["tls.key"])
        self.key.chmod(0o644)
        self.assertIn("chmod 600", self.found()["tls.key"])
