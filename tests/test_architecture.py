"""The layers are law: what each package may import, for every module, and proof that the law bites."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from .support.architecture import offences
from .support.source import Module, read


class LayersTests(SynchronousTestCase):
    """The rules of the layers, on the code as it is."""

    maxDiff = None

    def test_no_module_breaks_a_layer(self) -> None:
        """Pure code, the app, io and the top import only what their layer may."""
        self.assertEqual([offence for module in read("sdkrelay") for offence in offences(module)], [])

    def test_the_plugin_file_imports_the_service_maker_only(self) -> None:
        """What twistd reads at each start brings in neither the relay nor a reactor."""
        (plugin,) = read("twisted")
        expected = {"twisted.application.service", "twisted.application.service.ServiceMaker"}
        self.assertEqual(plugin.imports(), expected)


class CheckerTests(SynchronousTestCase):
    """The checker refuses small samples of each kind, and lets through what is allowed."""

    def assertRefused(self, name: str, *texts: str) -> None:
        """Each text, as a module of that name, is refused."""
        for text in texts:
            self.assertNotEqual(offences(Module.of(name, text)), [], text)

    def assertAllowed(self, name: str, *texts: str) -> None:
        """Each text, as a module of that name, is let through."""
        for text in texts:
            self.assertEqual(offences(Module.of(name, text)), [], text)

    def test_pure_code_is_pure(self) -> None:
        """No Twisted, clock, entropy, thread, file or socket in pure code."""
        for line in ("import twisted", "from twisted.logger import Logger", "import time", "from os import environ"):
            self.assertRefused("sdkrelay.domain.chain", line)
        self.assertRefused("sdkrelay.messages.values", "import threading", "def f():\n  from random import random")
        self.assertAllowed("sdkrelay.domain.chain", "from attrs import frozen", "import hashlib, msgspec")

    def test_back_doors_are_closed(self) -> None:
        """The clock and files are not reached without an import either."""
        for line in ("open('x')", "when = datetime.datetime.now()", "when = datetime.now(UTC)"):
            self.assertRefused("sdkrelay.domain.chain", line)
            self.assertRefused("sdkrelay.services.hub", line)
            self.assertAllowed("sdkrelay.io.net.http", line)

    def test_pure_packages_import_earlier_ones_only(self) -> None:
        """The order is crypto, domain, config, messages."""
        self.assertRefused("sdkrelay.crypto.silent", "from ..domain import chain", "import sdkrelay.messages")
        self.assertRefused("sdkrelay.domain.chain", "from ..config.model import Config")
        self.assertAllowed("sdkrelay.messages.values", "from ..domain.chain import Txid", "from ..crypto import silent")

    def test_the_app_knows_ports_only(self) -> None:
        """Services and sessions see no io, no reactor, no SQL and no Deferred."""
        for line in (
            "from ..io.world import World",
            "import sqlalchemy",
            "from twisted.internet.defer import Deferred",
        ):
            self.assertRefused("sdkrelay.services.hub", line)
        self.assertRefused("sdkrelay.session.session", "from twisted.internet import reactor", "from .. import build")
        self.assertAllowed("sdkrelay.services.hub", "from ..ports import Clock", "from twisted.logger import Logger")

    def test_io_packages_do_not_know_each_other(self) -> None:
        """Only net may be shared, and nothing above io is known."""
        self.assertRefused("sdkrelay.io.rest.resource", "from ..storage import open_store", "from ..world import World")
        self.assertRefused("sdkrelay.io.rest.resource", "from ...build import make_service", "import sdkrelay.tap")
        self.assertAllowed("sdkrelay.io.rest.resource", "from ..net.http import Site", "from ...services import router")
        self.assertAllowed("sdkrelay.io.rest.resource", "from .errors import table", "import klein")

    def test_the_client_brings_no_relay(self) -> None:
        """Programs of others get pure code, the network and the world with it, and no service, session or store."""
        for line in (
            "from ..services.hub import Hub",
            "from ..session import session",
            "from ..io.storage import runner",
        ):
            self.assertRefused("sdkrelay.client.keeper", line, "from ..build import make_service", "import time")
        self.assertAllowed(
            "sdkrelay.client.keeper", "from ..domain import position", "from ..io.net.backoff import Backoff"
        )
        self.assertAllowed("sdkrelay.client.client", "from ..io.world import running_reactor", "import treq")

    def test_the_client_of_the_bus_is_a_library(self) -> None:
        """It stands on Twisted and the messages, knows nothing of the relay, and nobody inside the relay needs it."""
        self.assertAllowed("sdkrelay.bus.client", "from twisted.internet import defer", "from ..io import world")
        self.assertAllowed(
            "sdkrelay.bus.client", "from ..messages.bus import Decoder", "from ..io.net.backoff import Backoff"
        )
        self.assertRefused("sdkrelay.bus.client", "from ..services import router", "from ..io.bus import door")
        self.assertRefused("sdkrelay.bus.client", "from ..build import make_service", "import time")
        self.assertRefused("sdkrelay.io.bus.door", "from ...bus import BusClient")
        self.assertRefused("sdkrelay.services.hub", "from ..bus import BusClient")

    def test_only_the_world_has_reactor_clock_and_entropy(self) -> None:
        """Everybody else is given them."""
        for line in ("from twisted.internet import reactor", "import time", "from secrets import token_bytes"):
            self.assertRefused("sdkrelay.io.net.websocket", line)
            self.assertRefused("sdkrelay.build", line)
            self.assertAllowed("sdkrelay.io.world", line)

    def test_only_build_makes_io(self) -> None:
        """The other modules of the top ask build; the demo is a client, and offline has the database only."""
        self.assertRefused("sdkrelay.tap", "from .io.world import World", "import sdkrelay.io.storage")
        self.assertRefused("sdkrelay.demo", "from .io.storage import open_store")
        self.assertAllowed("sdkrelay.demo", "from .client import Client", "from .build import make_service")
        self.assertRefused("sdkrelay.offline", "from .io.bitcoind.node import BitcoinNode", "from .io import net")
        self.assertAllowed(
            "sdkrelay.offline", "from .io.storage import DatabaseStore", "from .io.world import SystemClock"
        )
        self.assertAllowed("sdkrelay.build", "from .io.world import World", "from .io.storage import open_store")

    def test_a_dot_is_counted_from_the_package(self) -> None:
        """Relative imports of a package's own file are not taken for those of its parent."""
        package = Module.of("sdkrelay.domain", "from .chain import Txid\nfrom ..io import world", is_package=True)
        self.assertEqual(
            offences(package), ["sdkrelay.domain imports sdkrelay.io", "sdkrelay.domain imports sdkrelay.io.world"]
        )
