"""How each relay is shown to people: the one place that makes words and numbers of what was seen of it."""

from __future__ import annotations

from msgspec import structs

from ..domain.measure import SYNC_ERRORS, SYNC_REQUESTS, SYNC_RESPONSES, SYNC_SECONDS
from ..domain.peer import Peer
from ..messages.rest.node import Health
from ..messages.rest.relays import RelayCondition, RelayFigures, RelayItem, RelayReport, RelayTraffic
from ..ports import Clock, Meter
from .mesh.dialling import State
from .mesh.link import Link
from .mesh.roster import Roster
from .mesh.standing import Standing

#: From here on a relay is shown with a warning: seconds of latency, and of silence while linked.
SLOW, SILENT = 1.0, 60.0
#: From here on as critical: seconds for which it is away, and the share of exchanges that fail, once there were some.
AWAY, FAILING, SOME = 60.0, 0.05, 20


class Portrayer:
    """Shows the relays of a roster."""

    def __init__(self, roster: Roster, clock: Clock) -> None:
        self._roster = roster
        self._clock = clock

    def all(self) -> list[RelayItem]:
        """Those that are named, those that were found, and those that are linked and of no known address."""
        known = [self._item(peer) for peer in (*self._roster.named, *self._roster.found)]
        shown = {item.relay_id for item in known}
        return known + [self._linked(link) for link in self._roster.books.links.all() if link.relay_id not in shown]

    def find(self, name: str) -> RelayItem | None:
        """The one of this ``id`` or ``relay_id``."""
        return next((item for item in self.all() if name in (item.id, item.relay_id)), None)

    def report(self, item: RelayItem) -> RelayReport:
        """All that is known of it."""
        standing = self._roster.books.standings.of(item.relay_id or item.id)
        shared = {name: getattr(item, name) for name in item.__struct_fields__ if name not in ("status", "metrics")}
        failed = max(standing.sync_requests - standing.sync_responses, 0)
        asked = standing.sync_requests
        figures = RelayFigures(
            **structs.asdict(item.metrics),
            error_count=standing.errors,
            success_rate=round((asked - failed) / asked * 100, 2) if asked else None,
        )
        return RelayReport(
            **shared, connection=item.status, metrics=figures, configuration=standing.configuration,
            status=standing.condition,
        )  # fmt: skip

    def _item(self, peer: Peer) -> RelayItem:
        dialling = self._roster.dialling
        relay_id, standing = dialling.relay_id(peer.id), dialling.standing(peer.id)
        return self._shown(peer.id, relay_id, peer.address, peer.description, dialling.state(peer.id), standing)

    def _linked(self, link: Link) -> RelayItem:
        return self._shown(link.relay_id, link.relay_id, link.address or "", "", State.CONNECTED, link.standing)

    def _shown(
        self, name: str, relay_id: str | None, address: str, description: str, state: State, standing: Standing
    ) -> RelayItem:
        latency = None if standing.latency is None else round(standing.latency * 1000, 2)
        return RelayItem(
            relay_id=relay_id,
            id=name,
            address=address,
            description=description,
            status=state.value,
            health=self._health(relay_id, state, standing),
            version=standing.version,
            uptime=standing.uptime,
            last_seen=None if standing.last_seen is None else int(standing.last_seen),
            capabilities=standing.capabilities,
            connections=standing.connections,
            metrics=RelayTraffic(
                sync_requests=standing.sync_requests, sync_responses=standing.sync_responses, avg_latency=latency
            ),
            latency=latency,
            offences=standing.offences,
            errors=standing.errors,
            error=standing.error,
            digest_disputes=standing.disputes,
        )

    def _health(self, relay_id: str | None, state: State, standing: Standing) -> str | None:
        """Its own word, unless what is seen from here is worse; None for one that was never greeted."""
        if standing.last_seen is None:
            return None
        now, asked = self._clock.now(), standing.sync_requests
        failed = asked - standing.sync_responses
        if state is not State.CONNECTED:
            return "critical" if now - (standing.away_since or standing.last_seen) >= AWAY else "warning"
        if asked >= SOME and failed / asked > FAILING:
            return "critical"
        silent, slow = now - standing.last_seen > SILENT, (standing.latency or 0.0) > SLOW
        if silent or slow or (relay_id is not None and self._roster.disputed(relay_id)):
            return "critical" if standing.health == "critical" else "warning"
        return standing.health or "healthy"


def own_health(health: Health) -> str:
    """A relay's condition in the words that are used of relays."""
    return {"degraded": "warning", "unhealthy": "critical"}.get(health.status, health.status)


def own_figures(meter: Meter) -> RelayFigures:
    """All sync messages of this relay, whoever they were exchanged with."""
    requests, errors, latency = meter.total(SYNC_REQUESTS), meter.total(SYNC_ERRORS), meter.mean(SYNC_SECONDS)
    return RelayFigures(
        sync_requests=requests,
        sync_responses=meter.total(SYNC_RESPONSES),
        avg_latency=None if latency is None else round(latency * 1000, 2),
        error_count=errors,
        success_rate=round(max(requests - errors, 0) / requests * 100, 2) if requests else None,
    )


def own_condition(health: Health) -> RelayCondition:
    """The parts of this relay."""
    checks = health.checks
    return RelayCondition(
        bitcoin_connected=bool(checks.bitcoin_rpc),
        blindbit_connected=checks.blindbit_api,
        websocket_listening=bool(checks.websocket_server),
        sync_active=bool(checks.sync_manager),
    )
