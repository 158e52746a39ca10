"""The files of the client's TLS: what can be used, and which setting is named where it cannot."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.bus import BusConfig, BusError
from sdkrelay.bus.tls import BusTls
from tests.support.certificates import Authority


def inline(path: Path) -> str:
    """The file's content as a setting."""
    return "base64:" + base64.b64encode(path.read_bytes()).decode()


class FilesTests(SynchronousTestCase):
    """One set of files each."""

    def setUp(self) -> None:
        """An authority and a client's pair."""
        self.authority = Authority(Path(self.mktemp()))
        self.certificate, self.key = self.authority.issue("client", client=True)

    def settings(self, **changes: Any) -> BusConfig:
        """What can be used, but for the changes."""
        usable = {"ca_path": self.authority.path, "cert_path": self.certificate, "key_path": self.key, **changes}
        return BusConfig(**{name: str(path) for name, path in usable.items()})

    def assertNamed(self, name: str, **changes: Any) -> None:
        """The changes are refused, and the setting is named."""
        error = self.assertRaises(BusError, BusTls, self.settings(**changes))
        self.assertIn(name, str(error))

    def test_what_can_be_used(self) -> None:
        """Names of files, their content, without a pair of one's own; a host by its name is told to the server."""
        for config in (
            self.settings(),
            self.settings(
                ca_path=inline(self.authority.path), cert_path=inline(self.certificate), key_path=inline(self.key)
            ),
            self.settings(cert_path="", key_path="", host="bus.example"),
        ):
            self.assertIsInstance(BusTls(config).clientConnectionForTLS(None), SSL.Connection)
        connection = BusTls(self.settings(host="bus.example")).clientConnectionForTLS(None)
        self.assertEqual(connection.get_servername(), b"bus.example")

    def test_what_cannot(self) -> None:
        """Missing, no PEM, another's key, a key with a passphrase."""
        _, other = self.authority.issue("other", client=True)
        _, locked = self.authority.issue("locked", client=True, passphrase=b"x")
        self.assertNamed("ca_path", ca_path="missing.pem")
        self.assertNamed("ca_path", ca_path="base64:!")
        self.assertNamed("ca_path", ca_path=self.key)
        self.assertNamed("cert_path", cert_path=self.key)
        self.assertNamed("key_path", key_path=other)
        self.assertNamed("key_path", key_path=locked)

    def test_nothing_of_a_key_is_told(self) -> None:
        """Not by an error, not by the settings."""
        config = self.settings(key_path=inline(self.certificate))
        error = self.assertRaises(BusError, BusTls, config)
        self.assertNotIn(config.key_path[10:40], f"{error} {config!r}")
