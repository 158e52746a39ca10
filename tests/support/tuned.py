"""The settings in force with the real services that change them, and everything around them in memory."""

from __future__ import annotations

from typing import Any

from msgspec.json import encode

from sdkrelay.build.tuning import Operation, Tuning
from sdkrelay.build.world import World
from sdkrelay.config.model import Config, Logging
from sdkrelay.config.sources import Sources
from sdkrelay.domain.access import Principal, Role
from sdkrelay.levels import Levels
from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.message import Reply
from sdkrelay.messages.native import family as native
from sdkrelay.messages.rest import family as rest
from sdkrelay.services.router import Router
from sdkrelay.session.dispatch import Dispatch
from sdkrelay.session.gate import Gate

from .conversation import IDENTITY, handled

OPERATOR = Principal("operator", frozenset({Role.OPERATOR}))


class Tuned:
    """Settings of which the service ``tuning`` is made; what is written, restarted and shown is kept in lists."""

    def __init__(self, world: World, text: str = "", **kept: Any) -> None:
        self.written: list[str] = []
        self.restarts: list[str] = []
        self.verbose: list[Config] = []
        self.sources = Sources(text, {}, {"network": "regtest"}, "/home/relay")
        operation = Operation(
            self.sources, kept, self._write, self._restart, lambda: 2.3, self.verbose.append, Levels(Logging())
        )
        self.tuning = Tuning(self.sources.config(kept), world, operation)
        services = self.tuning.services(IDENTITY, lambda: "an identity key")
        self.configuration = services[0]
        self.catalog = Catalog(handled([*native.REQUESTS, *rest.REQUESTS], services))
        self.router = Router([self.catalog], services)
        self.live = self.tuning.live

    async def _write(self, text: str) -> None:
        self.written.append(text)

    async def _restart(self, restart_id: str) -> None:
        self.restarts.append(restart_id)

    def dispatch(self, access: Any) -> Dispatch:
        """The way to the services through the gate."""
        return Dispatch(self.router, Gate(), access)

    async def ask(self, kind: str, caller: Any = None, **fields: Any) -> Reply:
        """The answer to a request of this type, past the gate."""
        request = self.catalog.decode(encode({"type": kind, **fields}))
        return await self.router.handle(request, caller or Somebody(OPERATOR))


class Somebody:
    """As much of a caller as these services look at."""

    def __init__(self, principal: Principal | None) -> None:
        self.principal = principal
