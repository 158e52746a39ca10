"""A payment while the wallet sleeps, over a real bitcoind and a relay that is killed: a Nostr client is told of it."""

from __future__ import annotations

import json
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from sdkrelay.client import connect
from sdkrelay.crypto.silent import public_key
from sdkrelay.domain.nostr.event import Event
from sdkrelay.domain.nostr.filter import Filter
from sdkrelay.domain.nostr.wrapping import unwrap
from sdkrelay.io.mesh.trust import Trust
from sdkrelay.io.net.calling import Pauses
from sdkrelay.io.nostr.dialler import NostrPhone
from sdkrelay.io.ops.metrics import RegistryMeter
from sdkrelay.io.world import ReactorTasks, SystemClock, SystemEntropy
from sdkrelay.ports.remotes import RemoteWire
from sdkrelay.services.nostr.remote import Remote, Tools
from tests.support.conversation import InlineCompute
from tests.support.live import LiveTestCase, indexed
from tests.support.nostr_relay import ALICE

WRAPS = Filter(kinds=frozenset({1059}), tags=(("p", frozenset({ALICE.pubkey})),))


class _Phone:
    """Somebody's Nostr client: one conversation in which it proves a key."""

    def __init__(self) -> None:
        clock, entropy = SystemClock(), SystemEntropy()
        tools = Tools(
            ReactorTasks(cast(Any, reactor)), clock, entropy, cast(Any, InlineCompute()), RegistryMeter(), ALICE.secret
        )
        self._tools = tools
        self._line: Any = None
        self.connected: Deferred[Remote] = Deferred()
        self.phone = NostrPhone(clock, entropy, reactor, Trust(), lambda: Pauses(0.1, 0.1), 1_000_000)

    def wanted(self) -> bool:
        """Until it is connected."""
        return not self.connected.called

    def opened(self, wire: RemoteWire) -> None:
        """There it is."""
        self.connected.callback(Remote(self.url, wire, self._tools, lambda: None))

    def failed(self, why: str) -> None:
        """It is tried again."""

    async def wraps(self, url: str) -> list[Event]:
        """The wraps that are for it now."""
        self.url = url
        self.connected = Deferred()
        line = self.phone.line(url, self)
        remote = await self.connected
        found: list[Event] = []
        await remote.fetch(WRAPS, 100, found.append)
        line.stop()
        ended: Deferred[None] = Deferred()
        remote.on_end = lambda: ended.callback(None)
        await ended
        return found


class NostrPaymentTests(LiveTestCase):
    """One relay and a wallet whose owner has a Nostr key."""

    async def test_a_client_is_told_while_the_wallet_sleeps(self) -> None:
        """Even if the relay is killed right after the payment; the message names it."""
        relay = self.stage.relay(self.node, "nostr-payments")
        relay.start()
        await indexed(relay)
        connection = await connect(reactor, relay.ws_url, capabilities=["silent_payments"])
        keys = {"scan_private_key": "31" * 32, "spend_public_key": public_key(b"\x32" * 32).hex()}
        wallet = await connection.request("register_wallet", **keys, nostr={"pubkey": ALICE.pubkey})
        connection.abort()
        txid = await self.pay((wallet["address"], 70_000))
        relay.kill()
        await self.mine()
        relay.start()
        rumor = await self.told(relay.ws_url)
        words, _, notification = rumor.partition("\n\n")
        self.assertIn("0.0007 BTC", words)
        self.assertEqual(json.loads(notification)["data"]["txid"], txid)

    async def told(self, url: str) -> str:
        """The first message that there is; the test's own timeout ends the waiting."""
        phone = _Phone()
        while True:
            wraps = await phone.wraps(url)
            if wraps:
                return unwrap(wraps[-1], ALICE.secret).content
            await ReactorTasks(cast(Any, reactor)).sleep(0.2)
