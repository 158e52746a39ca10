"""What is exchanged with linked relays, joined: how each is, digests of blocks, and the records they have in common."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from ..config.model import Sync
from ..ports import Clock, Compute, Entropy, IndexStore, Meter, Tasks
from ..services.figures import Figures
from ..services.handshake import Identity
from ..services.mesh.digests import Digests
from ..services.mesh.exchange import Around, Exchanges
from ..services.mesh.figures import About, PeerFigures
from ..services.mesh.gossip import Gossip
from ..services.mesh.history import History
from ..services.mesh.intake import Intake, RecordSet
from ..services.mesh.link import Links
from ..services.mesh.repair import Repair
from ..services.syncing import Peers, SyncService


@frozen
class Surroundings:
    """What sharing has of the world."""

    clock: Clock
    tasks: Tasks
    entropy: Entropy
    compute: Compute
    meter: Meter


@frozen
class Shared:
    """What is shared, and with whom.

    ``boot_id`` names this run of the process, ``fits`` says whether a key is that of a relay, ``named`` is the ``relay_id`` of a
    relay known under a name (empty if it never said one, None for nobody), ``intervals`` are the settings in force, ``about`` is
    asked for what this relay says of its configuration and of its parts.
    """

    identity: Identity
    boot_id: str
    links: Links
    index: IndexStore
    records: RecordSet
    fits: Callable[[str, bytes], bool]
    named: Callable[[str], str | None]
    intervals: Callable[[], Sync]
    about: About


class Sharing:
    """The parts that exchange, from :meth:`start` to :meth:`stop`; they follow links as these begin and end."""

    def __init__(self, shared: Shared, figures: Figures, around: Surroundings, repair: type[Repair] = Repair) -> None:
        name, links, records = shared.identity.relay_id, shared.links, shared.records
        tools = Around(around.clock, around.tasks, around.entropy, around.meter)
        history, intervals = History(around.clock), shared.intervals
        self.digests = Digests(shared.index)
        self.figures = PeerFigures(shared.boot_id, figures, shared.about, self.digests, around.clock)
        self.exchanges = Exchanges(
            name,
            self.figures,
            history,
            {
                "StateSync": lambda: intervals().interval,
                "HealthSync": lambda: intervals().health_interval,
                "MetricsSync": lambda: intervals().metrics_interval,
            },
            tools,
        )
        self.exchanges.follow(links)
        intake = Intake(records, around.compute, around.meter, shared.fits)
        self.gossip = Gossip(links, records, intake, tools)
        self.repair = repair(name, links, records, intake, self.gossip, history, around.compute, tools)
        peers = Peers(links, self.figures, self.exchanges, self.repair, shared.named)
        self.sync = SyncService(shared.identity, figures, peers, history, tools)

    def services(self) -> list[object]:
        """Who answers requests."""
        return [self.sync, self.gossip, self.repair]

    def start(self) -> None:
        """Begin to compare records now and then."""
        self.repair.start()

    async def stop(self) -> None:
        """Begin no more comparisons."""
        await self.repair.stop()
