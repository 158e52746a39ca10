"""The files for TLS towards other relays: what is wrong with them is told, and a relay that serves survives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.io.mesh.dialler import Pauses, PeerDialler
from sdkrelay.io.mesh.trust import Trust
from sdkrelay.io.net.tls import TlsError, TlsFiles
from tests.support.certificates import Authority
from tests.support.greeting import GreetedRelay
from tests.support.stores import CountedEntropy

from .test_dialler import Watching


class TrustTests(SynchronousTestCase):
    """A relay with a certificate of its own, and authorities it believes."""

    def setUp(self) -> None:
        """All is well."""
        self.authority = Authority(Path(self.mktemp()).absolute())
        self.certificate, self.key = self.authority.issue("relay")
        self.trust = Trust(self.authority.path, TlsFiles(self.certificate, self.key))
        self.trust.check()

    def told(self) -> str:
        """What is said of the files now."""
        return str(self.assertRaises(TlsError, self.trust.check))

    def test_what_is_wrong_is_told_with_its_key(self) -> None:
        """A certificate that is none, a key of another one, a file that is not there, authorities that are none."""
        _, other = self.authority.issue("other")
        self.key.write_bytes(other.read_bytes())
        self.assertIn("tls.key", self.told())
        self.certificate.write_text("broken")
        self.assertIn("tls.certificate", self.told())
        self.certificate.unlink()
        self.assertIn("cannot be read", self.told())
        self.authority.path.write_text("broken")
        self.assertIn("mesh.ca_file", self.told())

    def test_files_that_break_later_are_a_failure_of_the_line(self) -> None:
        """They are read at each attempt, so it heals as they do."""
        reactor, watch, text = MemoryReactorClock(), Watching(), self.certificate.read_text()
        around: Any = GreetedRelay().around
        dialler = PeerDialler(around, CountedEntropy(), reactor, self.trust, lambda: Pauses(1.0, 1.0), 1_000_000)
        self.certificate.write_text("broken")
        dialler.line("wss://b.example:8090", watch)
        self.assertEqual((len(watch.failures), reactor.tcpClients), (1, []))
        self.certificate.write_text(text)
        reactor.advance(1)
        self.assertEqual([client[:2] for client in reactor.tcpClients], [("b.example", 8090)])
