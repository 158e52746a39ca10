"""Nostr events between real relays on loopback: beside the links of a mesh, and by streams that the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace
from twisted.trial.unittest import TestCase

from sdkrelay.build.nostr import NostrParts
from sdkrelay.config.nostr import Nostr
from sdkrelay.config.streaming import NostrStream
from sdkrelay.domain.nostr.event import Event
from sdkrelay.domain.nostr.filter import Filter
from sdkrelay.ports.nostr import Query
from sdkrelay.services.nostr.client import Origin, Source
from tests.support.nostr_relay import ALICE, BOB

from .meshed import MeshRelay

NOTES = '{"kinds": [1]}'


class NostrMeshTests(TestCase):
    """Whole relays, each with a database of its own."""

    timeout = 60

    def setUp(self) -> None:
        """Two of which the second names the first."""
        folder = Path(self.mktemp()).absolute()
        self.first = MeshRelay(folder, "relay-1")
        self.second = MeshRelay(folder, "relay-2", self.first)

    async def tearDown(self) -> None:
        """Leave nothing in the reactor."""
        await self.second.stop()
        await self.first.stop()

    async def started(self, **mesh: Any) -> None:
        """Both serve, the second with these settings of the mesh."""
        self.second.again(**mesh)
        await self.first.start()
        await self.second.start()

    async def test_linked_relays_carry_events_both_ways(self) -> None:
        """What either had, and what is new, as far as the filter goes."""
        await self.first.start()
        await put(self.first, ALICE.event(content="old"), ALICE.event(7, "of another kind"))
        await self.first.stop()
        await self.started(nostr=NOTES)
        await self.second.linked("relay-1")
        await has(self.second, 1)
        await put(self.second, BOB.event(content="new there"))
        await has(self.first, 3)
        await put(self.first, BOB.event(content="new here"))
        await has(self.second, 3)

    async def test_nothing_is_carried_without_a_filter(self) -> None:
        """It is off by default."""
        await self.started()
        await self.second.linked("relay-1")
        streaming = self.second.relay._streaming if self.second.relay else None
        self.assertIsNone(streaming and streaming._carrying)

    async def test_a_stream_of_the_settings(self) -> None:
        """Down from a relay that the settings name; it is dialled again when it comes back."""
        stream = NostrStream(url=self.first.address, direction="down", filter={"kinds": [1]})
        self.second.config = replace(self.second.config, nostr=Nostr(streams={"first": stream}))
        await self.started(peers=())
        await put(self.first, ALICE.event(content="before"))
        await has(self.second, 1)
        await self.first.stop()
        await self.first.start()
        await put(self.first, ALICE.event(content="after"))
        await has(self.second, 2)


def nostr(relay: MeshRelay) -> NostrParts:
    """The Nostr half of a relay."""
    assert relay.relay is not None and relay.relay._nostr is not None
    return relay.relay._nostr


async def put(relay: MeshRelay, *events: Event) -> None:
    """Publish events there."""
    for event in events:
        answer = await nostr(relay).publisher.publish(event, Source(Origin.CLIENT, "127.0.0.1"))
        assert answer.accepted, answer


async def has(relay: MeshRelay, count: int) -> None:
    """Once a relay has so many events; the test's own timeout ends the waiting."""
    while len((await nostr(relay).store.query(Query((Filter(),)))).events) < count:
        await relay.parts._world.tasks.sleep(0.05)
