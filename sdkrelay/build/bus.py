"""The bus door, made as the settings have it, with the way to the services and the allowances of the sockets."""

from __future__ import annotations

from attrs import evolve

from .. import __version__
from ..config.bus import Bus
from ..io.bus.dialect import Language
from ..io.bus.door import BusDoor, BusLimits, BusSurroundings
from ..io.bus.registry import Commands
from ..messages.catalog import Catalog
from ..services.hub import Hub
from ..session.dialects import Native
from ..session.session import Surroundings
from ..session.traffic import Census
from .world import World


def make_bus(settings: Bus, world: World, sockets: Surroundings, catalog: Catalog, hub: Hub) -> BusDoor:
    """The door, not open yet; ``sockets`` is what WebSocket sessions share."""
    commands = Commands(catalog.requests, __version__, settings.broadcast)
    around = BusSurroundings(
        evolve(sockets, census=Census(), nostr=None),
        Language(catalog, commands, Native(catalog), world.entropy),
        hub,
        world.reactor,
        world.meter,
        BusLimits(settings.connections, settings.frame_bytes, settings.pairing_seconds),
        settings.broadcast,
        settings.require_certificate,
    )
    return BusDoor(around)
