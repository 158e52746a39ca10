"""Which command connection belongs to which event connection, whatever anybody says of himself."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.notification import Notice
from sdkrelay.io.bus.door import BusLimits
from sdkrelay.messages.bus.names import SHUTDOWN
from tests.support.bus import WELCOME, MemoryBus
from tests.support.stores import ROOT, block_notice, now, payment_notice


def tell(bus: MemoryBus, *notices: Notice) -> None:
    """Let these things happen."""
    now(bus.relay.hub.publish(now(bus.relay.store.wallets.settle([], list(notices)))))


class PairingTests(SynchronousTestCase):
    """From two connections to one client."""

    def setUp(self) -> None:
        """A bus with a client on it."""
        self.bus = MemoryBus()
        self.client = self.bus.client()

    def test_the_welcome_brings_token_name_and_registry(self) -> None:
        """On the event connection, under the name that was asked for."""
        self.client.ask()
        (welcome,) = self.client.heard()
        data = welcome.envelope.data
        self.assertEqual(welcome.topic, f"{WELCOME}::autoconnect.finished")
        self.assertEqual((len(data["token"]), data["orcName"].count("@"), data["isLoaded"]), (32, 1, True))
        self.assertIn("relay.register_wallet", data["cmdRegistry"])

    def test_the_token_makes_a_pair(self) -> None:
        """The first command that bears it is answered already."""
        self.client.welcomed()
        self.assertEqual(self.client.call("relay.ping").data["type"], "pong")
        self.assertEqual(len(self.bus.door.pairs), 1)

    def test_each_client_has_a_token_of_its_own(self) -> None:
        """What one is shown is worth nothing to another."""
        other = self.bus.client().welcomed()
        self.client.welcomed()
        self.assertNotEqual(other.token, self.client.token)
        self.client.token = other.token
        self.client.send("relay.ping")
        self.assertEqual(other.heard(), [])
        self.assertEqual([message.envelope.data["code"] for message in self.client.heard()], ["AUTH_REQUIRED"])

    def test_a_port_that_was_changed_on_the_way_does_not_matter(self) -> None:
        """All who wait at that address are told, each its own token; whoever asked knows its own by the command."""
        other = self.bus.client()
        self.client.ask(port=1)
        tokens = [who.heard()[0].envelope.data["token"] for who in (self.client, other)]
        self.client.token = tokens[0]
        self.assertEqual(self.client.call("relay.ping").data["type"], "pong")
        self.assertEqual(other.heard(), [])

    def test_a_second_welcome_is_the_same_one(self) -> None:
        """A client that asks again is not another one."""
        self.client.welcomed().ask()
        (again,) = self.client.heard()
        self.assertEqual(again.envelope.data["token"], self.client.token)

    def test_one_half_does_not_go_on_alone(self) -> None:
        """Whichever is lost, the other is closed and the conversation ends."""
        for half in ("commands", "events"):
            client = self.bus.client().welcomed()
            getattr(client, half).transport.loseConnection()
            self.assertEqual((client.commands.transport.connected, client.events.transport.connected), (False, False))
        self.assertEqual((self.bus.door.pairs, self.bus.relay.hub._feeds), (set(), {}))

    def test_whoever_only_hears_may_stay(self) -> None:
        """A client that was welcomed and says nothing more hears what is public, until its ears are gone."""
        self.client.ask()
        self.client.heard()
        self.bus.time.advance(60)
        tell(self.bus, payment_notice("mine"), block_notice(ROOT))
        self.assertEqual([message.topic for message in self.client.heard()], ["relay::block_disconnected"])
        self.client.events.transport.loseConnection()
        self.bus.time.advance(14)
        self.assertTrue(self.client.commands.transport.connected)
        self.bus.time.advance(2)
        self.assertFalse(self.client.commands.transport.connected)

    def test_halves_are_not_waited_for_for_ever(self) -> None:
        """A connection without its other half is cut after a while; a pair stays."""
        self.client.welcomed()
        alone = self.bus.mouth(), self.bus.ears()
        self.bus.time.advance(16)
        self.assertEqual([one.transport.connected for one in alone], [False, False])
        self.assertTrue(self.client.events.transport.connected)
        self.assertEqual(self.bus.cuts("unpaired"), 2)

    def test_there_is_an_end_to_connections(self) -> None:
        """Who comes when all places are taken is cut; a place that is free again is taken."""
        bus = MemoryBus(BusLimits(connections=1))
        first, second = bus.ears(), bus.ears()
        self.assertEqual((first.transport.connected, second.transport.connected), (True, False))
        first.transport.loseConnection()
        self.assertTrue(bus.ears().transport.connected)

    def test_the_relay_says_when_it_stops_for_good(self) -> None:
        """Shutdown and game over, a moment to hear that, then the connections are closed; nobody else may come."""
        self.client.welcomed()
        self.bus.service.stopService()
        self.assertEqual([message.topic for message in self.client.heard()], [SHUTDOWN, "gameover"])
        self.assertFalse(self.bus.ears().transport.connected)
        self.assertEqual(self.bus.door.connections, 2)
        self.bus.time.advance(0.5)
        self.assertEqual(self.bus.door.connections, 0)

    def test_a_restart_is_worth_coming_back(self) -> None:
        """The connections are closed, and nothing says that the game is over."""
        self.client.welcomed()
        self.bus.service.farewell = (1012, "the relay restarts")
        self.bus.service.stopService()
        self.assertEqual(self.client.heard(), [])
        self.assertFalse(self.client.commands.transport.connected)


class HijackTests(SynchronousTestCase):
    """Somebody says that he is somebody else."""

    def setUp(self) -> None:
        """A client with a wallet, and somebody at the same address."""
        self.bus = MemoryBus()
        self.bus.relay.register("mine")
        self.client, self.stranger = self.bus.client(), self.bus.client()

    def prove(self) -> None:
        """The client shows its wallet's token."""
        self.client.welcomed()
        self.assertEqual(self.client.call("auth", {"wallet_tokens": ["mine"]}).data["wallet_ids"], ["mine"])

    def tell(self) -> None:
        """Something happens to the wallet, and to the chain."""
        tell(self.bus, payment_notice("mine"), block_notice(ROOT))

    def test_news_of_a_wallet_are_for_its_holder(self) -> None:
        """They bear its own name; what is public is told to everybody, under the relay's."""
        self.prove()
        self.stranger.welcomed()
        self.tell()
        own = [f"{self.client.orc_name}::relay.payment_spent", "relay::block_disconnected"]
        self.assertEqual([message.topic for message in self.client.heard()], own)
        self.assertEqual([message.topic for message in self.stranger.heard()], own[1:])

    def test_the_great_hall_is_no_name(self) -> None:
        """Commands in its name are answered in it; news go on under the client's own."""
        self.prove()
        answer = self.client.call("relay.ping", orc_name="greathall@x")
        self.assertTrue(str(answer.topic).startswith("greathall@x::"))
        self.tell()
        self.assertIn(
            f"{self.client.orc_name}::relay.payment_spent", [message.topic for message in self.client.heard()]
        )

    def test_a_name_is_nobody(self) -> None:
        """Who takes another's name in every command hears nothing that is the other's, and answers are his own."""
        self.prove()
        self.stranger.welcomed().orc_name = self.client.orc_name
        self.assertEqual(self.stranger.call("relay.list_wallets").data["wallets"], [])
        self.tell()
        self.assertEqual([message.topic for message in self.stranger.heard()], ["relay::block_disconnected"])
        self.assertEqual(len(self.client.heard()), 2)

    def test_a_port_is_nobody(self) -> None:
        """Who says that he hears at another's port makes the other hear a token of its own, and has nothing himself."""
        self.stranger.ask(port=self.client.port)
        (welcome,) = self.client.heard()
        self.assertEqual(self.stranger.heard(), [])
        self.client.welcomed()
        self.assertEqual(self.client.token, welcome.envelope.data["token"])

    def test_a_pair_cannot_be_joined(self) -> None:
        """Its port is not told to strangers any more, and its token, should somebody know it, opens nothing."""
        self.prove()
        self.stranger.events.transport.loseConnection()
        self.stranger.ask(port=self.client.port)
        self.stranger.token = self.client.token
        self.stranger.send("relay.list_wallets")
        self.assertEqual(self.client.heard(), [])
        self.assertEqual(len(self.bus.door.pairs), 1)

    def test_a_token_is_of_one_address(self) -> None:
        """Somewhere else it opens nothing."""
        self.client.ask()
        afar = self.bus.client("198.51.100.1")
        afar.token = self.client.heard()[0].envelope.data["token"]
        afar.send("relay.ping")
        self.assertIsNone(afar.commands.protocol.pair)
        self.assertEqual((afar.heard(), self.client.heard()), ([], []))

    def test_a_mouth_without_ears_is_not_answered(self) -> None:
        """Nothing private is said into the open: commands that nobody's ears belong to are dropped."""
        self.prove()
        mute = self.bus.client()
        mute.events.transport.loseConnection()
        mute.token = "0" * 32
        mute.send("relay.list_wallets", orc_name=self.client.orc_name)
        self.assertEqual((self.client.heard(), self.stranger.heard()), ([], []))

    def test_secrets_go_to_who_asked(self) -> None:
        """The token of a new wallet is on no other connection."""
        local, other = self.bus.client("127.0.0.1").welcomed(), self.bus.client("127.0.0.1").welcomed()
        keys = {"scan_private_key": "11" * 32, "spend_public_key": "02" + "22" * 32}
        self.assertIn("wallet_token", local.call("relay.register_wallet", keys).data)
        self.assertEqual((other.heard(), self.stranger.heard()), ([], []))
