"""The main job on a real bitcoind, with its REST interface and without: a wallet that sleeps is told of its payments."""

from __future__ import annotations

import signal
from typing import Any

from sdkrelay.client import RelayError
from sdkrelay.demo.payer import wallet_import_format
from sdkrelay.demo.relay import RelayProcess
from sdkrelay.io.bitcoind.process import Options
from tests.support.bitcoind import until
from tests.support.live import LiveTestCase, Stage, aside, confirmed, height, indexed, replacement

from .listener import Listener, Owner, folded, folded_chain, scanned

SATS = 250_000


def shown(client: Listener) -> list[float]:
    """The progress that a client was told of."""
    return [one["progress"] for one in client.others if one["type"] == "scan_progress"]


class MainJobTestCase(LiveTestCase):
    """A relay for the whole class; every test has a wallet and clients of its own."""

    relay: RelayProcess

    @classmethod
    def furnish(cls, stage: Stage) -> None:
        """Start node and relay."""
        super().furnish(stage)
        cls.relay = stage.relay(cls.node)
        cls.relay.start()

    async def setUp(self) -> None:  # type: ignore[override]
        """A registered wallet and its client."""
        super().setUp()
        await indexed(self.relay)
        self.owner = Owner.make()
        self.listener = self.client()
        await self.listener.come()
        self.wallet = await self.listener.register(self.owner, labels=[1, 7])

    def client(self) -> Listener:
        """A client, not connected."""
        listener = Listener(self.relay)
        self.addCleanup(listener.go)
        return listener

    async def spend(self, data: dict[str, Any]) -> str:
        """Spend what a notification tells of; the txid."""
        return await aside(self.payer.spend, self.owner.coin(data))


class WithRestTests(MainJobTestCase):
    """bitcoind serves blocks and undo data in binary."""

    async def test_told_from_mempool_and_block(self) -> None:
        """Detected with nothing confirmed, then confirmed in its block, each once."""
        txid = await self.pay((self.owner.address, SATS))
        seen = await self.listener.hear("payment_detected", txid=txid)
        self.assertEqual((seen["confirmations"], seen["block_height"], seen["block_hash"]), (0, None, None))
        self.assertEqual((seen["amount_sats"], seen["amount"], seen["label"]), (SATS, "0.0025", None))
        self.assertEqual((seen["address"], seen["wallet_id"]), (self.owner.address, self.wallet["wallet_id"]))
        [mined] = await self.mine()
        found = await self.listener.hear("payment_confirmed", txid=txid)
        self.assertEqual((found["confirmations"], found["block_hash"]), (1, mined))
        self.assertEqual(self.listener.kinds(txid), ["payment_detected", "payment_confirmed"])

    async def test_paid_from_taproot_inputs(self) -> None:
        """With two outputs to one wallet, both found with tweaks of their own."""
        txid = await self.pay((self.owner.address, SATS), (self.owner.address, SATS + 1), taproot_inputs=True)
        await self.listener.hear("payment_detected", txid=txid, vout=1)
        first, second = self.listener.heard("payment_detected", txid=txid)
        self.assertEqual((first["vout"], second["vout"], second["amount_sats"]), (0, 1, SATS + 1))
        self.assertEqual(first["tweak"], second["tweak"])
        self.assertNotEqual(first["output_tweak"], second["output_tweak"])

    async def test_paid_from_inputs_of_both_kinds(self) -> None:
        """Taproot and older inputs beside each other, however much is paid."""
        coin = 50 * 100_000_000
        txid = await self.pay((self.owner.address, coin + SATS), taproot_inputs=True)
        inputs = self.node.call("getrawtransaction", txid, True)["vin"]
        self.assertEqual(len({len(put["txinwitness"]) for put in inputs}), 2)
        await self.listener.hear("payment_detected", txid=txid, amount_sats=coin + SATS)

    async def test_labels(self) -> None:
        """A labelled address and the wallet's own change are found and named."""
        change, labelled = self.owner.labelled(0), self.owner.labelled(7)
        txid = await self.pay((change, SATS), (labelled, SATS), (self.owner.labelled(9), SATS))
        await self.listener.hear("payment_detected", txid=txid, vout=1)
        await self.mine()
        await self.listener.hear("payment_confirmed", txid=txid, vout=1)
        self.assertEqual([one["label"] for one in self.listener.heard("payment_detected", txid=txid)], [0, 7])

    async def test_spends_are_told(self) -> None:
        """What was found can be spent with its tweak; the spend is told from the mempool and again in its block."""
        for address in (self.owner.address, self.owner.labelled(1)):
            txid = await self.pay((address, SATS))
            await self.mine()
            paid = await self.listener.hear("payment_confirmed", txid=txid)
            spender = await self.spend(paid)
            await self.listener.hear("payment_spent", txid=txid, spent_by=spender, block_height=None)
            [mined] = await self.mine()
            await self.listener.hear("payment_spent", txid=txid, spent_by=spender, block_hash=mined)
        listed = await self.listener.connection.request("list_wallets")
        self.assertEqual((listed["wallets"][0]["balance_sats"], listed["wallets"][0]["unspent"]), (0, 0))

    async def test_others_hear_nothing(self) -> None:
        """Neither the session of another wallet nor one without any; and nothing is told of wallets not registered."""
        other, nobody, stranger = self.client(), self.client(), Owner.make()
        await other.come()
        await other.register(Owner.make())
        await nobody.come()
        txid = await self.pay((self.owner.address, SATS), (stranger.address, SATS))
        [mined] = await self.mine()
        await self.listener.hear("payment_confirmed", txid=txid)
        for client in (other, nobody):
            await client.hear("block_mined", block_hash=mined)
            self.assertEqual({one["notification_type"] for one in client.told}, {"block_mined"})
        self.assertEqual({one["vout"] for one in self.listener.heard("payment_detected", txid=txid)}, {0})

    async def test_a_client_that_was_away(self) -> None:
        """Gets all that it missed, once, in the order of the positions."""
        await self.listener.go()
        paid = [await self.pay((self.owner.address, SATS + number)) for number in range(3)]
        blocks = await self.mine(2)
        await indexed(self.relay)
        greeting = await self.listener.come()
        self.assertEqual(greeting["wallet_ids"], [self.wallet["wallet_id"]])
        await self.listener.hear("block_mined", block_hash=blocks[-1])
        for txid in paid:
            await self.listener.hear("payment_confirmed", txid=txid)
            self.assertEqual(self.listener.kinds(txid), ["payment_detected", "payment_confirmed"])
        self.assertTrue(self.listener.is_ascending())
        self.assertEqual(folded_chain(self.listener.told)[-2:], blocks)

    async def test_caught_up_from_its_birthday(self) -> None:
        """History is told while progress is shown, whether the birthday is a height or a time."""
        late, birthday = Owner.make(), height(self.node) + 1
        txid = await self.pay((late.address, SATS))
        [mined] = await self.mine()
        client = self.client()
        await client.come()
        answer = await client.register(late, birthday=birthday)
        self.assertEqual((answer["birthday"], answer["cursor"]["height"]), (birthday, birthday - 1))
        found = await client.hear("payment_confirmed", txid=txid)
        self.assertEqual(found["block_hash"], mined)
        await until(lambda: 1.0 in shown(client), "the progress is whole")
        self.assertEqual({one["wallet_id"] for one in client.others}, {answer["wallet_id"]})

    async def test_address_reuse(self) -> None:
        """An output key that is paid again by an ordinary transaction is told, naming the first payment."""
        first = await self.pay((self.owner.address, SATS))
        paid = await self.listener.hear("payment_detected", txid=first)
        await self.mine()
        address = self.payer.key_address(bytes.fromhex(paid["output"]))
        again = await aside(self.payer.pay_address, address, SATS * 2)
        reused = await self.listener.hear("address_reused", txid=again)
        self.assertEqual((reused["first_txid"], reused["amount_sats"]), (first, SATS * 2))
        await self.mine()
        await indexed(self.relay)
        self.assertEqual(self.listener.kinds(again), ["address_reused"])

    async def test_replaced_by_fee(self) -> None:
        """A payment that is replaced in the mempool is orphaned."""
        raw = await aside(self.payer.pay, [(self.owner.address, SATS)], broadcast=False)
        txid = await aside(self.node.call, "sendrawtransaction", raw)
        await self.listener.hear("payment_detected", txid=txid)
        keys = [wallet_import_format(b"\x11" * 32)]
        other = replacement(self.node, raw, [{self.payer.address: "1.0"}], keys)
        await aside(self.node.call, "sendrawtransaction", other, 0)
        gone = await self.listener.hear("payment_orphaned", txid=txid)
        self.assertEqual((gone["reason"], gone["block_height"]), ("evicted", None))
        await self.mine()
        await indexed(self.relay)
        self.assertEqual(self.listener.kinds(txid), ["payment_detected", "payment_orphaned"])

    async def test_a_scan_finds_what_was_told(self) -> None:
        """With keys that live as long as the scan, from a session without wallets; equal to the chain itself."""
        first = height(self.node) + 1
        txids = [await self.pay((self.owner.address, SATS), (self.owner.labelled(1), SATS)) for _ in range(2)]
        await self.mine()
        await self.spend(await self.listener.hear("payment_confirmed", txid=txids[0], vout=1))
        await self.mine()
        await indexed(self.relay)
        await self.listener.hear("payment_spent", txid=txids[0], block_height=height(self.node))
        stranger = self.client()
        await stranger.come()
        keys = [{**self.owner.keys, "labels": [1, 7]}]
        found = scanned(await stranger.scan(first, height(self.node), scan_keys=keys))
        self.assertEqual(found, folded(self.listener.told))
        truth = confirmed(self.node, [(txid, vout) for txid in txids for vout in (0, 1)])
        self.assertEqual(found, truth)
        self.assertEqual([spent for _, spent in truth.values()].count(True), 1)

    async def test_an_address_alone_cannot_be_scanned_for(self) -> None:
        """Said as what it is; a wallet that the session holds is scanned for by its address."""
        tip = height(self.node)
        with self.assertRaises(RelayError) as caught:
            await self.listener.scan(tip, tip, addresses=[Owner.make().address])
        refused = caught.exception
        self.assertEqual((refused.code, refused.details["field"]), ("VALIDATION_ERROR", "addresses[0]"))
        self.assertEqual(await self.listener.scan(tip, tip, addresses=[self.owner.address]), [])

    async def test_wallets_are_listed(self) -> None:
        """Over the socket and over HTTP with the token, alike."""
        txid = await self.pay((self.owner.address, SATS))
        await self.listener.hear("payment_detected", txid=txid)
        await self.mine()
        await self.listener.hear("payment_confirmed", txid=txid)
        await indexed(self.relay)
        [listed] = (await self.listener.connection.request("list_wallets"))["wallets"]
        [served] = self.relay.get("/wallets", {"X-Wallet-Token": self.wallet["wallet_token"]})["wallets"]
        self.assertEqual(listed, served)
        best = {"height": height(self.node), "hash": self.node.call("getbestblockhash")}
        self.assertEqual((listed["cursor"], listed["balance_sats"], listed["unspent"]), (best, SATS, 1))
        self.assertEqual(self.relay.get("/wallets")["error"]["code"], "AUTH_REQUIRED")

    async def test_what_http_says_is_real(self) -> None:
        """Health, chain and block are what bitcoind itself says."""
        health = self.relay.get("/health")
        self.assertEqual((health["status"], health["reasons"]), ("healthy", {}))
        self.assertEqual(health["services"]["bitcoin_core"], "connected")
        self.assertGreaterEqual(health["connections"]["websocket"], 1)
        info = self.relay.get("/bitcoin/info")
        self.assertEqual(info["blockchain_info"]["bestblockhash"], self.node.call("getbestblockhash"))
        self.assertEqual(info["network_info"]["subversion"], self.node.call("getnetworkinfo")["subversion"])
        best = self.node.call("getblock", self.node.call("getbestblockhash"), 1)
        shown = self.relay.get(f"/bitcoin/blocks/{best['hash']}")
        self.assertEqual(
            {name: shown[name] for name in ("hash", "height", "merkleroot", "tx", "size", "time")},
            {name: best[name] for name in ("hash", "height", "merkleroot", "tx", "size", "time")},
        )
        self.assertEqual(self.relay.get(f"/bitcoin/blocks/{'00' * 32}")["error"]["code"], "NOT_FOUND")

    async def test_stopped_and_started_again(self) -> None:
        """Clients are told 1001; what happened meanwhile is told afterwards, and nothing twice."""
        before = await self.pay((self.owner.address, SATS))
        await self.listener.hear("payment_detected", txid=before)
        self.assertEqual(await aside(self.relay.stop), -signal.SIGTERM)
        await self.listener.gone()
        self.assertEqual(self.listener.closed and self.listener.closed.code, 1001)
        [mined] = await self.mine()
        meanwhile = await self.pay((self.owner.address, SATS))
        self.relay.start()
        await self.listener.come()
        await self.listener.hear("payment_confirmed", txid=before, block_hash=mined)
        await self.listener.hear("payment_detected", txid=meanwhile, block_height=None)
        self.assertEqual(self.listener.kinds(before), ["payment_detected", "payment_confirmed"])
        self.assertTrue(self.listener.is_ascending())

    async def test_unregistered(self) -> None:
        """A wallet that was taken away is told of no more, and its token is worth nothing."""
        await self.listener.connection.request("unregister_wallet", wallet_id=self.wallet["wallet_id"])
        await self.pay((self.owner.address, SATS))
        [mined] = await self.mine()
        await self.listener.hear("block_mined", block_hash=mined)
        self.assertEqual({one["notification_type"] for one in self.listener.told}, {"block_mined"})
        again = self.client()
        again.tokens = self.listener.tokens
        self.assertEqual((await again.come())["wallet_ids"], [])


class WithoutRestTests(WithRestTests):
    """Blocks come as JSON from ``getblock … 3``, which any bitcoind of the last years has."""

    options = Options(rest=False)
