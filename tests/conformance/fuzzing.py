"""The HTTP interface of a real relay, tried by a program of others that knows nothing but its ``/openapi.json``.

It makes requests that fit the schema and requests that do not, and holds every answer against what the document says.
Its name keeps it out of the ordinary run: it has an environment of tox of its own, ``tox -e schemathesis``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from sdkrelay.build.users import with_users
from sdkrelay.config.model import Config, Database
from sdkrelay.demo.payer import Payer
from sdkrelay.demo.relay import RelayProcess
from sdkrelay.domain.access import Role
from tests.support.bitcoind import make_node
from tests.support.source import ROOT

PASSWORD = "correct horse battery"
LOGIN = "POST /auth/token"
SETTINGS = Path(__file__).with_name("schemathesis.toml")
#: One client asks thousands of times a minute, and no limit is what is tried here.
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "SDKRELAY_LIMITS__HTTP_REQUESTS_PER_MINUTE": "10000000",
}


class FuzzingTests(TestCase):
    """Everything that the document lists, but what ends the run."""

    timeout = 300

    def setUp(self) -> None:
        """A relay over a node with a few blocks, and an operator's token."""
        node = make_node(self)
        node.start()
        Payer(node, b"\x07" * 32).mine(3)
        folder = tempfile.TemporaryDirectory(prefix="sdkrelay-fuzzed-")
        self.addCleanup(folder.cleanup)
        self.relay = RelayProcess(Path(folder.name) / "relay", node, (), ENVIRONMENT)
        self.addCleanup(self.relay.kill)
        self.relay.folder.mkdir()
        config = Config(
            data_dir=str(self.relay.folder), database=Database(url=f"sqlite:///{self.relay.folder}/sdkrelay.sqlite")
        )
        with_users(config, lambda users: users.add("ann", PASSWORD, Role.OPERATOR))
        self.relay.start()

    def token(self) -> str:
        """A bearer token of the operator."""
        connection = HTTPConnection("127.0.0.1", self.relay.http_port, timeout=20)
        self.addCleanup(connection.close)
        body = msgspec.json.encode({"username": "ann", "password": PASSWORD})
        connection.request("POST", "/auth/token", body, {"Content-Type": "application/json"})
        answer: dict[str, Any] = msgspec.json.decode(connection.getresponse().read())
        return str(answer["token"])

    async def ask(self, *options: str) -> None:
        """Run the program, which ends well if it has found nothing."""
        program = str(Path(sys.executable).with_name("schemathesis"))
        command = ["--config-file", str(SETTINGS), "run", *options, f"{self.relay.http_url}/openapi.json"]
        environment = {**os.environ, "SDKRELAY_TEST_TOKEN": self.token()}
        out, err, status = await getProcessOutputAndValue(program, command, environment, self.relay.folder)
        self.assertEqual(status, 0, f"\n{(out + err).decode(errors='replace')[-20_000:]}")

    async def test_answers_are_what_the_document_says(self) -> None:
        """No failure, no error, and the relay is well afterwards.

        Only ten passwords a minute are looked at, so wrong ones at the other endpoints come first.
        """
        await self.ask("--max-time=40", f"--exclude-name={LOGIN}")
        await self.ask("--max-time=10", f"--include-name={LOGIN}")
        health = self.relay.get("/health")
        self.assertEqual(health["status"], "healthy", health["reasons"])
        self.assertNotIn("Traceback", self.relay.log_path.read_text(errors="replace"))
