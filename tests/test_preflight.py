"""What ``--check`` tries, each with the key it tells it under."""

from __future__ import annotations

import json
import os
import socket
from base64 import b64decode
from pathlib import Path

from msgspec.structs import replace
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from sdkrelay.config.model import Auth, BitcoinCore, Config, Database, Sync
from sdkrelay.domain.chain import Network
from sdkrelay.node_probe import ask_node
from sdkrelay.preflight import try_out

from .support.canned import answering

CHAIN = {"chain": "regtest", "blocks": 5}


def result(**changes: object) -> bytes:
    """bitcoind's answer about its chain."""
    return json.dumps({"result": CHAIN | changes, "error": None, "id": "check"}).encode()


class PreflightTests(SynchronousTestCase):
    """Against a folder of its own and a node that gives one answer."""

    def setUp(self) -> None:
        """Settings that need nothing but a node."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        cookie = self.folder / "cookie"
        cookie.write_text("__cookie__:secret\n")
        self.config = Config(
            network=Network.REGTEST,
            ws_url="127.0.0.1:0",
            http_url="127.0.0.1:0",
            data_dir=str(self.folder / "new/data"),
            bitcoin_core=BitcoinCore(cookie_path=str(cookie)),
            database=Database(url="sqlite://"),
        )

    def found(self, config: Config, status: int = 200, body: bytes | None = None) -> dict[str, str]:
        """The faults by key, with a node that answers so."""
        with answering(status, result() if body is None else body) as (url, self.seen):
            with_node = replace(config, bitcoin_core=replace(config.bitcoin_core, url=url))
            return {fault.key: fault.message for fault in try_out(with_node)}

    def test_nothing_is_missing(self) -> None:
        """Folders that can be made, a node that answers: no fault, and nothing is left behind."""
        self.assertEqual(self.found(self.config), {})
        self.assertFalse((self.folder / "new").exists())
        self.assertEqual([b64decode(value.split()[1]) for value in self.seen], [b"__cookie__:secret"])

    def test_another_network(self) -> None:
        """The node's chain is told beside ours."""
        self.assertEqual(
            self.found(self.config, body=result(chain="main")), {"network": "is regtest, but the node is on main"}
        )

    def test_pruned_too_far(self) -> None:
        """A node that has pruned above our first block is no help; one below it is."""
        config = replace(self.config, sync=Sync(start_height=50))
        self.assertIn("sync.start_height", self.found(config, body=result(pruned=True, pruneheight=51)))
        self.assertEqual(self.found(config, body=result(pruned=True, pruneheight=50)), {})

    def test_credentials_refused(self) -> None:
        """The key told is the one that holds them, and the secret is not shown."""
        self.assertEqual(list(self.found(self.config, 401, b"")), ["bitcoin_core.cookie_path"])
        user = replace(self.config, bitcoin_core=BitcoinCore(user="u", password="hunter2"))
        faults = self.found(user, 401, b"")
        self.assertEqual(list(faults), ["bitcoin_core.password"])
        self.assertNotIn("hunter2", repr(faults))

    def test_a_starting_node_says_so(self) -> None:
        """bitcoind's own words are handed on."""
        body = b'{"result":null,"error":{"code":-28,"message":"Verifying blocks..."},"id":"check"}'
        self.assertEqual(self.found(self.config, 500, body), {"bitcoin_core.url": "the node says: Verifying blocks..."})

    def test_something_else_answers(self) -> None:
        """A web page, a truncated answer, nested brackets, bytes that are no text, and a chain that is none."""
        for body in (b"<html>", b"", b'{"result":', b"[" * 100_000, b'{"result":"\xff"}', b'{"result":5}', b"{}"):
            self.assertIn("bitcoin_core.url", self.found(self.config, 200, body), body[:20])

    def test_odd_figures_are_told_not_raised(self) -> None:
        """What a node says of its chain is not trusted to be of the right type."""
        for changes in ({"chain": ["regtest"]}, {"chain": None}, {"pruneheight": "x"}, {"pruneheight": 1.5}):
            self.assertIn("bitcoin_core.url", self.found(self.config, body=result(**changes)), changes)

    def test_no_cookie(self) -> None:
        """The path is told; the node is not asked."""
        config = replace(self.config, bitcoin_core=BitcoinCore(cookie_path="/nowhere/.cookie"))
        self.assertEqual(list(self.found(config)), ["bitcoin_core.cookie_path"])
        self.assertEqual(self.seen, [])

    def test_ports_that_are_taken(self) -> None:
        """Each by its own key; one port for both is tried once."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen(1)
            text = f"127.0.0.1:{taken.getsockname()[1]}"
            self.assertEqual(list(self.found(replace(self.config, http_url=text))), ["http_url"])
            self.assertEqual(list(self.found(replace(self.config, ws_url=text, http_url=text))), ["ws_url"])

    def test_an_address_that_is_not_ours(self) -> None:
        """An interface of another machine cannot be listened on."""
        self.assertEqual(list(self.found(replace(self.config, ws_url="192.0.2.1:0"))), ["ws_url"])

    def test_a_folder_that_is_a_file(self) -> None:
        """Neither data nor a database can be put below it."""
        (self.folder / "new").write_text("")
        config = replace(self.config, database=Database(url=f"sqlite:///{self.folder}/new/x.sqlite"))
        self.assertEqual(list(self.found(config)), ["data_dir", "database.url"])

    def test_a_key_file_that_others_can_read(self) -> None:
        """Its mode is told; 0600 is fine."""
        key = self.folder / "key"
        key.write_bytes(b"k" * 32)
        config = replace(self.config, auth=Auth(master_key_file=str(key)))
        key.chmod(0o644)
        self.assertIn("chmod 600", self.found(config)["auth.master_key_file"])
        key.chmod(0o600)
        self.assertEqual(self.found(config), {})

    def test_a_key_file_that_is_not_there(self) -> None:
        """One that is named must be; the default one is made later."""
        config = replace(self.config, auth=Auth(master_key_file=str(self.folder / "key")))
        self.assertEqual(list(self.found(config)), ["auth.master_key_file"])

    def test_a_folder_without_permission(self) -> None:
        """A folder that refuses writes is told before the first write."""
        if os.geteuid() == 0:
            raise SkipTest("root may write everywhere")
        self.folder.chmod(0o500)
        self.addCleanup(self.folder.chmod, 0o700)
        self.assertIn("data_dir", self.found(self.config))

    def test_a_feed_where_nothing_answers(self) -> None:
        """Each TCP address is tried; what is no TCP is left alone."""
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            feeds = (f"tcp://127.0.0.1:{closed.getsockname()[1]}", "ipc:///nowhere")
            node = replace(self.config.bitcoin_core, zmq_url=feeds)
            self.assertEqual(list(self.found(replace(self.config, bitcoin_core=node))), ["bitcoin_core.zmq_url"])


class ProbeTests(SynchronousTestCase):
    """The one question to the node."""

    def test_nobody_there(self) -> None:
        """A refused connection is an answer with its reason."""
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            answer = ask_node(f"http://127.0.0.1:{closed.getsockname()[1]}", "u:p", 2.0)
        self.assertEqual((answer.chain, answer.refused), (None, False))
        self.assertIn("refused", answer.reason)

    def test_callers_from_elsewhere_are_refused(self) -> None:
        """Status 403 is about the address, not the credentials."""
        with answering(403, b"") as (url, _):
            answer = ask_node(url, "u:p", 2.0)
        self.assertIn("rpcallowip", answer.reason)
        self.assertFalse(answer.refused)
