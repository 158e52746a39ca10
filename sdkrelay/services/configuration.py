"""The operator's hand on the settings: shown, changed as a whole or not at all, and kept before anybody is told.

A change is validated together with everything else that is set; then it is written down; only then does it take effect. So
what was answered with success is there after a restart, and what was refused changed nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from attrs import define
from msgspec import UNSET, structs

from ..config.fault import ConfigurationError, Fault
from ..config.parse import read_document
from ..config.public import public, shown, told_changes
from ..config.sources import Sources, values
from ..config.toml import toml_document
from ..domain.access import Role
from ..domain.problem import Code, Problem
from ..messages.message import Request
from ..messages.native.config import CacheConfig, ConfigUpdated, FallbackConfig, PoolConfig, RetryConfig
from ..messages.rest.config import ConfigChanged, ConfigReport, GetConfig, PutConfig
from ..ports import Caller, Tasks
from .handshake import Identity
from .router import handles
from .settings import Live

T = TypeVar("T")
_HEADER = (
    "# What operators changed while the relay ran. It wins over the file and the variables; delete a line to undo it.\n"
)
_REPORTED = frozenset(field.name for field in structs.fields(ConfigReport))


@define
class Kept:
    """The operator's changes: where they came on top of, which there are (by key path), and who writes them down."""

    sources: Sources
    changes: Mapping[str, Any]
    write: Callable[[str], Awaitable[None]]


class ConfigurationService:
    """Answers ``GET`` and ``PUT /config`` and the ``*_config`` messages."""

    def __init__(
        self, identity: Identity, live: Live, kept: Kept, tasks: Tasks, identity_key: Callable[[], str | None]
    ) -> None:
        self._identity = identity
        self._live = live
        self._kept = kept
        self._turn = tasks.lock()
        self._identity_key = identity_key

    @handles(GetConfig)
    async def show(self, request: GetConfig, caller: Caller) -> ConfigReport:
        """The settings in force, as this caller may see them."""
        operator = caller.principal is not None and Role.OPERATOR in caller.principal.roles
        found = {key: value for key, value in public(self._live.config, operator).items() if key in _REPORTED}
        node = found["bitcoin_core"]
        addresses = node["zmq_url"]
        node.update(zmq_url=addresses if len(addresses) > 1 else next(iter(addresses), None))
        node.update(wallet=node["wallet"] or None)
        found.setdefault("blindbit", {"url": None})
        found.update(relay_id=self._identity.relay_id, identity_key=self._identity_key())
        return ConfigReport(**found)

    @handles(PutConfig)
    async def change(self, request: PutConfig, caller: Caller) -> ConfigChanged:
        """Change what the body names; VALIDATION_ERROR with all ``problems``, and nothing changed, if anything is wrong."""
        changes, waits = await self._change(request.settings)
        return ConfigChanged(status="updated", changes=changes, restart_required=waits)

    @handles(RetryConfig)
    async def retry(self, request: RetryConfig, caller: Caller) -> ConfigUpdated:
        """Change the section ``retry``."""
        return await self._tune("retry", request)

    @handles(PoolConfig)
    async def pool(self, request: PoolConfig, caller: Caller) -> ConfigUpdated:
        """Change the section ``pool``."""
        return await self._tune("pool", request)

    @handles(CacheConfig)
    async def cache(self, request: CacheConfig, caller: Caller) -> ConfigUpdated:
        """Change the section ``cache``."""
        return await self._tune("cache", request)

    @handles(FallbackConfig)
    async def fallback(self, request: FallbackConfig, caller: Caller) -> ConfigUpdated:
        """Change the section ``fallback``."""
        return await self._tune("fallback", request)

    async def _tune(self, section: str, request: Request) -> ConfigUpdated:
        given = {name: value for name, value in structs.asdict(request).items() if name != "id" and value is not UNSET}
        changes, waits = await self._change({section: given})
        now = shown(getattr(self._live.config, section))
        return ConfigUpdated(config=request.wire_name(), settings=now, changes=changes, restart_required=waits)

    async def _change(self, document: Mapping[str, Any]) -> tuple[tuple[str, ...], bool]:
        """Put the settings of a document in force; what changed, in words, and whether some of it waits for a restart."""
        layer = read_document(document)
        given = {key: setting.value for key, setting in layer.settings.items()}
        async with self._turn:
            kept = self._kept
            changes = {key: value for key, value in {**kept.changes, **given}.items() if value is not None}
            faults = layer.faults + kept.sources.out_of_reach(given)
            config, more = _attempt(kept.sources, changes)
            if config is None or faults:
                raise _refusal(faults + more)
            told = told_changes(values(self._live.config), values(config))
            if changes != kept.changes:
                await kept.write(_HEADER + toml_document(changes))
                kept.changes = changes
            return told, self._live.change(config)


def _attempt(sources: Sources, changes: Mapping[str, Any]) -> tuple[Any, list[Fault]]:
    """The configuration with these changes, or None and why there is none."""
    try:
        return sources.config(changes), []
    except ConfigurationError as error:
        return None, error.faults


def _refusal(faults: list[Fault]) -> Problem:
    """All faults as one refusal; the first stands in its own place too."""
    problems = [{"field": fault.key, "message": fault.message} for fault in faults]
    message = "; ".join(str(fault) for fault in faults)
    return Problem(Code.VALIDATION_ERROR, message, field=faults[0].key, expected=faults[0].message, problems=problems)
