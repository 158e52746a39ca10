"""Two relays of one mesh on loopback: they dial each other, are shown, part and meet again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from sdkrelay.domain.access import Approach
from sdkrelay.domain.notification import Topic
from sdkrelay.domain.reconcile import ItemSet, fingerprint
from sdkrelay.io.rest.caller import HttpCaller
from sdkrelay.messages.rest.relays import AddRelay, GetRelay, RemoveRelay

from .meshed import MeshRelay, free_port

OTHER = "another token of more than thirty-two characters"


class Hearing(HttpCaller):
    """Somebody who is told, and writes it down."""


class TwoRelaysTests(TestCase):
    """Whole relays, each with a database of its own."""

    timeout = 60

    def setUp(self) -> None:
        """Two that name each other."""
        folder = Path(self.mktemp()).absolute()
        self.lower = MeshRelay(folder, "relay-1", port=free_port())
        self.upper = MeshRelay(folder, "relay-2", self.lower)

    async def tearDown(self) -> None:
        """Leave nothing in the reactor."""
        await self.lower.stop()
        await self.upper.stop()

    async def started(self, **mesh: Any) -> None:
        """Both serve, the lower one with these settings."""
        self.lower.again(**mesh)
        await self.lower.start()
        await self.upper.start()

    async def test_one_dials_and_both_show_it(self) -> None:
        """With the address where it was dialled, its name, what it can do and how long its answers take."""
        await self.started()
        await self.lower.linked("relay-2")
        link = await self.upper.linked("relay-1")
        await self.upper.until(lambda: link.standing.latency is not None)
        shown, seen = (await self.upper.shown())["relay-1"], (await self.lower.shown())["relay-2"]
        self.assertEqual((shown.status, shown.address, shown.offences), ("connected", self.lower.address, 0))
        self.assertEqual((seen.status, seen.id, link.reconciles), ("connected", "relay-2", True))
        self.assertIn("reconcile/1", shown.capabilities)
        told, empty = link.standing.greeting, fingerprint(ItemSet().seal())
        assert told is not None
        self.assertEqual((told.tip, told.record_count, told.fingerprint), (None, 0, empty.hex()))

    async def test_of_two_links_the_one_the_lower_name_dialled_stays(self) -> None:
        """Both dial; in the end each has one link, and it is the same."""
        await self.started(peers=(self.upper.address,))
        await self.lower.until(lambda: _is_dialled(self.lower, "relay-2", True))
        await self.upper.until(lambda: _is_dialled(self.upper, "relay-1", False))
        self.assertEqual((len(self.lower.links.all()), len(self.upper.links.all())), (1, 1))
        first = (await self.lower.shown())["relay-2"]
        self.assertEqual((first.status, first.address), ("connected", self.upper.address))

    async def test_one_goes_and_comes_back(self) -> None:
        """The other one says that it is away, dials it, and has a link with its next run."""
        await self.started()
        before = await self.upper.linked("relay-1")
        await self.lower.stop()
        await self.upper.parted("relay-1")
        self.assertNotEqual((await self.upper.shown())["relay-1"].status, "connected")
        await self.lower.start()
        after = await self.upper.linked("relay-1")
        self.assertNotEqual(before.boot_id, after.boot_id)
        self.assertEqual(before.key, after.key)

    async def test_another_token_is_refused_and_shown(self) -> None:
        """By the one that dialled, which sees it first; it stays an address without a name."""
        await self.started(token=OTHER)
        refusals = self.upper.parts.relations.mesh.books.refusals
        await self.upper.until(lambda: bool(refusals.last()))
        shown = (await self.upper.shown())[self.lower.address]
        self.assertIn("mesh token is another", refusals.last()[0].reason)
        self.assertEqual((self.lower.links.all(), self.upper.links.all()), ((), ()))
        self.assertEqual((shown.relay_id, shown.health), (None, None))

    async def test_adding_and_removing_act_at_once(self) -> None:
        """The operator's word dials and hangs up, and holds over a restart."""
        self.upper.again(peers=())
        await self.started()
        relays = self.upper.parts.relations.relays
        added = await relays.add(AddRelay(address=self.lower.address), None)
        link = await self.upper.linked("relay-1")
        report = await relays.relay(GetRelay(relay_id="relay-1"), None)
        await relays.remove(RemoveRelay(relay_id=added.id), None)
        self.assertEqual((report.connection, report.id, link.ended), ("connected", added.id, True))
        self.assertEqual((relays.peers, self.upper.links.all()), ((), ()))
        self.assertEqual(self.upper.parts.relations.mesh.roster.found, ())
        self.assertEqual(self.upper.parts.relations.sharing.figures._portraits, {})

    async def test_each_shows_the_others_settings_and_parts(self) -> None:
        """They come with its state, so a relay shows of another one what that shows of itself."""
        await self.started()
        link = await self.upper.linked("relay-1")
        await self.upper.until(lambda: link.standing.condition is not None)
        own = await self.lower.parts.relations.relays.relay(GetRelay(relay_id="relay-1"), None)
        seen = await self.upper.parts.relations.relays.relay(GetRelay(relay_id="relay-1"), None)
        self.assertEqual((seen.configuration, seen.status), (own.configuration, own.status))
        self.assertEqual((seen.connection, seen.configuration.network), ("connected", "regtest"))

    async def test_who_follows_relays_hears_of_it(self) -> None:
        """relay_connected and relay_disconnected, in the log."""
        await self.started()
        await self.upper.linked("relay-1")
        await self.lower.stop()
        await self.upper.parted("relay-1")
        await self.upper.until(lambda: self.upper.logged() >= 2)
        told = await self.upper.told()
        self.assertEqual([entry.kind.value for entry in told], ["relay_connected", "relay_disconnected"])

    async def test_one_that_is_not_reached_is_told(self) -> None:
        """As an error, live, to who follows ``relays`` or all notifications."""
        await self.upper.start()
        heard: list[Any] = []
        caller = Hearing(Approach(), True, self.upper.parts._world.tasks)
        caller.push = lambda news: heard.append(news.message)  # type: ignore[method-assign]
        await self.upper.parts.hub.listen(caller, frozenset({Topic.NOTIFICATIONS}), None)
        await self.upper.until(lambda: bool(heard))
        (error,) = heard
        self.assertEqual((error.error_code, error.details["attempt"]), ("WS_CONNECTION_FAILED", 3))


def _is_dialled(relay: MeshRelay, name: str, dialled: bool) -> bool:
    """Whether the link of a relay was dialled by itself, or by the other."""
    link = relay.links.get(name)
    return link is not None and link.dialled is dialled
