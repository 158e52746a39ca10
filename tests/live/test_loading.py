"""A real bitcoind started again with a mempool: while it loads, transactions are missing that are not gone."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from sdkrelay.domain.chain import Txid, from_display
from sdkrelay.io.bitcoind.credentials import Cookie
from sdkrelay.io.bitcoind.http import NodeHttp
from sdkrelay.io.bitcoind.mempool import mempool_transaction, whole_mempool
from sdkrelay.io.bitcoind.rpc import Batcher, BitcoinRpc
from sdkrelay.messages.bitcoin.rpc import RpcFailure
from sdkrelay.ports import Unavailable
from tests.support.bitcoind import make_node, pause

#: Transactions enough that bitcoind takes a moment to load them.
MANY = 150


class LoadingTests(TestCase):
    """Asked without a pause from its first answer on, and without the loop that looks after it."""

    timeout = 120

    async def setUp(self) -> None:
        """A node whose mempool is full of payments."""
        self.bitcoind = make_node(self)
        self.bitcoind.start()
        self.bitcoind.call("createwallet", "test")
        address = self.bitcoind.call("getnewaddress", "", "bech32m")
        self.bitcoind.call("generatetoaddress", 100 + MANY, address)
        self.paid = {self.bitcoind.call("sendtoaddress", address, "1") for _ in range(MANY)}
        http = NodeHttp(reactor, self.bitcoind.rpc_url)
        self.addCleanup(http.close)
        self.rpc = BitcoinRpc(http, Cookie(self.bitcoind.cookie_path))
        self.batcher = Batcher(reactor, self.rpc)  # type: ignore[arg-type]

    async def unless_unavailable(self, question: Any) -> Any:
        """The answer, or an ellipsis while the node cannot give one."""
        try:
            return await question
        except (Unavailable, RpcFailure):
            return ...

    async def test_a_mempool_is_whole_or_not_given(self) -> None:
        """Every list is complete, and no transaction is ever said not to be there."""
        last = Txid(from_display(sorted(self.paid)[-1]))
        self.bitcoind.stop()
        self.bitcoind.spawn()
        seen: Any = None
        while seen in (None, ...):
            await pause(0)
            self.assertIsNotNone(await self.unless_unavailable(mempool_transaction(self.batcher, last)))
            seen = await self.unless_unavailable(whole_mempool(self.rpc))
        self.assertEqual(set(seen), self.paid)
