"""What the settings of the bus say together with others."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.bus import Bus
from sdkrelay.config.check import check
from sdkrelay.config.guarding import Tls
from sdkrelay.config.model import Config


class BusTests(SynchronousTestCase):
    """Faults are told before anything is opened."""

    def faults(self, tls: Tls | None = None, **bus: object) -> list[str]:
        """The keys at fault."""
        config = Config(ws_url="127.0.0.1:8090", bus=Bus(**bus), tls=tls or Tls())  # type: ignore[arg-type]
        return [fault.key for fault in check(config)]

    def test_it_is_off(self) -> None:
        """By default nothing listens; what it would listen on is this machine's."""
        self.assertFalse(Bus().enabled)
        self.assertEqual((Bus().commands_url, Bus().events_url), ("127.0.0.1:35400", "127.0.0.1:35800"))

    def test_ports_are_its_own(self) -> None:
        """Neither the sockets' nor one for both; while it is off it does not matter."""
        self.assertEqual(self.faults(enabled=True), [])
        self.assertEqual(self.faults(enabled=True, commands_url="0.0.0.0:8090"), ["bus.commands_url"])
        self.assertEqual(self.faults(enabled=True, events_url="127.0.0.1:35400"), ["bus.events_url"])
        self.assertEqual(self.faults(events_url="127.0.0.1:35400"), [])
        self.assertEqual(self.faults(enabled=True, events_url="nowhere"), ["bus.events_url"])

    def test_certificates_need_an_authority(self) -> None:
        """Without one nobody could come."""
        self.assertEqual(self.faults(enabled=True, require_certificate=True), ["bus.require_certificate"])
        tls = Tls(certificate="a", key="b", client_ca="c")
        self.assertEqual(self.faults(tls, enabled=True, require_certificate=True), [])
