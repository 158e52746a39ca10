"""``twistd sdkrelay``: its options, what they set, and how it says that something is wrong, as a process of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr
from pathlib import Path

from twisted.application.service import Application, IServiceMaker, MultiService
from twisted.logger import FilteringLogObserver, ILogObserver
from twisted.plugin import getPlugins
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.chain import Network
from sdkrelay.logs import LoggedService
from sdkrelay.tap import OPTION_KEYS, Options, with_log

from .support.source import ROOT


def twistd(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run twistd from the checkout, with these variables and none of ours from outside."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SDKRELAY_")}
    command = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile=", "sdkrelay"]
    return subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class OptionsTests(SynchronousTestCase):
    """The options in this process."""

    def setUp(self) -> None:
        """A file with some settings."""
        self.file = Path(self.mktemp())
        self.file.write_text('network = "regtest"\nws_url = "127.0.0.1:1111"\n')

    def parsed(self, *arguments: str) -> Options:
        """The options from a command line."""
        options = Options()
        options.parseOptions(["--config", str(self.file), *arguments])
        return options

    def test_joining_a_mesh_takes_one_line(self) -> None:
        """Peers add up, the token comes from a file."""
        options = self.parsed("--peer", "ws://b:8090", "--peer=c", "--mesh-token-file", "/etc/token")
        mesh = options.settings.mesh
        self.assertEqual((mesh.peers, mesh.token_file), (("ws://b:8090", "c"), "/etc/token"))

    def test_the_plugin_is_found(self) -> None:
        """twistd knows ``sdkrelay`` and loads these options for it."""
        (plugin,) = {
            maker.tapname: maker for maker in getPlugins(IServiceMaker) if maker.tapname == "sdkrelay"
        }.values()
        self.assertIs(plugin.options, Options)

    def test_the_file_is_read(self) -> None:
        """Settings stand in ``settings``, whole."""
        settings = self.parsed().settings
        self.assertIs(settings.network, Network.REGTEST)
        self.assertEqual(settings.bitcoin_core.url, "http://127.0.0.1:18443")

    def test_options_win(self) -> None:
        """Each option sets its key."""
        settings = self.parsed("--ws", "127.0.0.1:2222", "--bitcoin-zmq", "tcp://a:1,tcp://b:2", "-d", "/data").settings
        self.assertEqual((settings.ws_url, settings.data_dir), ("127.0.0.1:2222", "/data"))
        self.assertEqual(settings.bitcoin_core.zmq_url, ("tcp://a:1", "tcp://b:2"))

    def test_each_option_has_its_key(self) -> None:
        """No option is without effect, and none takes a secret."""
        options = {row[0] for row in Options.optParameters} - {"config"}
        self.assertEqual(options, set(OPTION_KEYS))
        self.assertNotIn("bitcoin_core.password", OPTION_KEYS.values())

    def test_unknown_options_are_refused(self) -> None:
        """As twistd does it."""
        self.assertRaises(usage.UsageError, self.parsed, "--wss", "1")

    def test_faults_end_it_with_status_1(self) -> None:
        """All of them, on standard error."""
        self.file.write_text('netwrk = "main"\nws_url = 5\n')
        with redirect_stderr(io.StringIO()) as told:
            stopped = self.assertRaises(SystemExit, self.parsed)
        self.assertEqual(stopped.code, 1)
        self.assertIn("netwrk: no such key; did you mean network?\nws_url: expected str, got int\n", told.getvalue())

    def test_a_file_that_cannot_be_read_is_told(self) -> None:
        """A folder, a file that is not there, and one that is no text."""
        binary = Path(self.mktemp())
        binary.write_bytes(b"\xff\xfe")
        for path in (self.mktemp(), str(ROOT), str(binary)):
            with redirect_stderr(io.StringIO()) as told:
                self.assertRaises(SystemExit, Options().parseOptions, ["--config", path])
            self.assertTrue(told.getvalue().startswith(f"{path}: "), told.getvalue())

    def test_the_relay_brings_its_log(self) -> None:
        """The application twistd makes holds our observer, at the level set, and the relay below it."""
        application, relay = Application("sdkrelay"), MultiService()
        with_log(self.parsed(), relay).setServiceParent(application)
        self.assertIsInstance(ILogObserver(application), FilteringLogObserver)
        self.assertIsInstance(relay.parent, LoggedService)

    def test_syslog_is_left_to_twistd(self) -> None:
        """Where it was asked for."""
        options, relay = self.parsed(), MultiService()
        options.parent = usage.Options()
        options.parent["syslog"] = True
        self.assertIs(with_log(options, relay), relay)


class CheckTests(SynchronousTestCase):
    """``--check`` as a process."""

    def test_every_problem_is_printed(self) -> None:
        """Wrong settings, each with its name, status 1, and nothing is started."""
        run = twistd("--check", "--network", "mars", SDKRELAY_LIMITS__HTTP_CONNECTIONS="0", SDKRELAY_NOTHING="1")
        self.assertEqual(run.returncode, 1)
        names = [line.partition(":")[0] for line in run.stderr.splitlines()]
        self.assertEqual(names, ["SDKRELAY_NOTHING", "SDKRELAY_LIMITS__HTTP_CONNECTIONS", "network (option)"])

    def test_what_is_out_of_reach_is_printed(self) -> None:
        """Sound settings are tried; the file is named by a variable here."""
        file = Path(self.mktemp()).absolute()
        file.write_text('data_dir = "/dev/null/x"\n[bitcoin_core]\ncookie_path = "/nowhere/.cookie"\n')
        run = twistd("--check", "--ws", "127.0.0.1:0", "--http", "127.0.0.1:0", SDKRELAY_CONFIG=str(file))
        self.assertEqual(run.returncode, 1)
        self.assertIn("data_dir: ", run.stderr)
        self.assertIn("bitcoin_core.cookie_path: /nowhere/.cookie", run.stderr)
