"""The whole relay at one look: every part is asked how it stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from attrs import frozen

from ..domain.measure import RPC_CALLS, RPC_EXCHANGES, RPC_SECONDS, SESSIONS_OPENED, STORE_WRITES
from ..messages.rest.admin import (
    AdminStatus,
    AlertsReport,
    BitcoinReport,
    DatabaseReport,
    GetAdminStatus,
    Queues,
    RelaysReport,
    Sessions,
    UsersReport,
    WalletsReport,
)
from ..messages.rest.node import Connections, IndexerReport
from ..ports import Caller, Clock, Meter, Store, Unavailable
from ..session.traffic import Census
from .handshake import Identity
from .hub import Hub
from .metrics import Mesh, Node
from .router import handles


@frozen
class Process:
    """What the operating system calls this process, the file its settings are from, and where it finds database and node.

    ``started_at`` is seconds since the epoch; the addresses have no credentials in them.
    """

    pid: int
    started_at: float
    config_path: str | None
    database_url: str
    bitcoin_url: str


@frozen
class Overview:
    """Who is asked what: all as it is now."""

    meter: Meter
    census: Census
    connections: Callable[[], Connections]
    queues: Callable[[], Queues]
    indexer: Callable[[], Awaitable[IndexerReport]]
    wallets: Callable[[], int]
    mesh: Callable[[], Mesh] = Mesh
    alerts: Callable[[], int] = lambda: 0


class AdminService:
    """Answers ``/admin/status``."""

    def __init__(
        self,
        identity: Identity,
        process: Process,
        overview: Overview,
        store: Store,
        chain: Node,
        hub: Hub,
        clock: Clock,
    ) -> None:
        self._identity = identity
        self._process = process
        self._over = overview
        self._store = store
        self._chain = chain
        self._hub = hub
        self._clock = clock
        self._began = clock.monotonic()

    @handles(GetAdminStatus)
    async def status(self, request: GetAdminStatus, caller: Caller) -> AdminStatus:
        """Every part, now."""
        identity, process, over = self._identity, self._process, self._over
        mesh = over.mesh()
        return AdminStatus(
            relay_id=identity.relay_id,
            version=identity.version,
            network=identity.network.value,
            uptime=int(self._clock.monotonic() - self._began),
            started_at=int(process.started_at),
            pid=process.pid,
            config_path=process.config_path,
            sessions=self._sessions(),
            queues=over.queues(),
            database=await self._database(),
            bitcoin=self._bitcoin(),
            indexer=await over.indexer(),
            wallets=WalletsReport(registered=over.wallets()),
            relays=RelaysReport(known=mesh.known, connected=mesh.connections),
            alerts=AlertsReport(active=over.alerts()),
            users=UsersReport(registered=await self._users()),
        )

    def _sessions(self) -> Sessions:
        connections, census = self._over.connections(), self._over.census
        return Sessions(
            websocket=connections.websocket,
            http=connections.http,
            opened=self._over.meter.total(SESSIONS_OPENED),
            messages_received=census.total("messages_received"),
            bytes_received=census.total("bytes_received"),
            messages_sent=census.total("messages_sent"),
            bytes_sent=census.total("bytes_sent"),
        )

    async def _database(self) -> DatabaseReport:
        meter, reason = self._over.meter, self._store.condition()
        blocks, tweaks = await self._totals()
        return DatabaseReport(
            url=self._process.database_url,
            writable=reason is None,
            reason=reason,
            position=self._hub.position,
            blocks=blocks,
            tweaks=tweaks,
            writes=meter.total(STORE_WRITES),
            failed_writes=meter.total(STORE_WRITES, outcome="failed"),
        )

    async def _totals(self) -> tuple[int | None, int | None]:
        try:
            return await self._store.index.totals()
        except Unavailable:
            return None, None

    def _bitcoin(self) -> BitcoinReport:
        condition, meter = self._chain.condition(), self._over.meter
        latency = meter.mean(RPC_SECONDS)
        return BitcoinReport(
            url=self._process.bitcoin_url,
            state=condition.state.value,
            reason=condition.reason,
            since=int(condition.since),
            calls=meter.total(RPC_CALLS),
            failed_exchanges=meter.total(RPC_EXCHANGES, outcome="failed"),
            avg_latency=None if latency is None else round(latency * 1000, 2),
        )

    async def _users(self) -> int | None:
        try:
            return len(await self._store.access.users())
        except Unavailable:
            return None
