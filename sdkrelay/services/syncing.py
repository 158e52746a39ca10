"""The exchange of sync messages: asked by others it says how this relay is, asks other relays, and shows what there was of it."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from ..domain.measure import SYNC_ERRORS, SYNC_REQUESTS, SYNC_RESPONSES
from ..domain.problem import Code, Problem
from ..messages.catalog import encode
from ..messages.mesh.reconcile import SyncAnswered
from ..messages.mesh.records import ConflictAnswered, RecordsAcked, RecordsFetched, SyncAcked
from ..messages.message import Request
from ..messages.native.relays import Sync, SyncKind, SyncPayload, SyncPush, SyncResponse, SyncType
from ..messages.rest.sync import ForceSync, GetSyncHistory, GetSyncStatus, SyncForced, SyncHistory, SyncStatus
from ..ports import Caller
from .figures import SYNC_TYPES, Figures
from .handshake import Identity
from .mesh.exchange import Around, Exchanges
from .mesh.figures import PeerFigures
from .mesh.history import Exchange, History
from .mesh.link import Link, Links
from .mesh.repair import Repair
from .router import handles

#: All that is exchanged, in the order in which it is listed.
SYNC_KINDS: tuple[SyncKind, ...] = (*SYNC_TYPES, "ReconcileSync")


@frozen
class Peers:
    """The other relays, and what is exchanged with them.

    ``named`` is the ``relay_id`` of one that is known under a name: empty if it never said one, None for a name of nobody.
    """

    links: Links
    figures: PeerFigures
    exchanges: Exchanges
    repair: Repair
    named: Callable[[str], str | None]


class SyncService:
    """Answers ``sync`` and ``/sync/…``; makes what the topic ``sync`` tells."""

    def __init__(self, identity: Identity, figures: Figures, peers: Peers, history: History, around: Around) -> None:
        self._identity = identity
        self._figures = figures
        self._peers = peers
        self._history = history
        self._around = around

    async def push(self, sync_type: SyncType) -> SyncPush:
        """How this relay is in this way, for those who subscribed."""
        return SyncPush(
            sync_type=sync_type,
            relay_id=self._identity.relay_id,
            payload=await self._figures.payload(sync_type),
            message_id=self._around.name("msg"),
        )

    @handles(Sync)
    async def sync(self, request: Sync, caller: Caller) -> SyncResponse:
        """How this relay is, in the way asked for; a relay that has proved which it is says the same of itself in asking."""
        link = None if caller.relay_id is None else self._peers.links.link_of(caller)
        if link is not None and request.sync_type == "ReconcileSync":
            return self._response(
                request, await self._peers.repair.respond(link, request.payload), self._around.name("msg")
            )
        if request.sync_type == "ReconcileSync":
            raise Problem(Code.AUTH_REQUIRED, "records are compared between relays: prove to be one", field="sync_type")
        self._around.meter.count(SYNC_REQUESTS)
        target = request.relay_id if link is None else link.relay_id
        exchange = self._history.begin(request.sync_type, target, self._around.name("msg"))
        try:
            payload = await self._payload(request.sync_type, request, link)
        except Exception as error:
            self._failed(exchange, error)
            raise
        self._around.meter.count(SYNC_RESPONSES)
        self._history.succeed(exchange, len(encode(payload)))
        return self._response(request, payload, exchange.message_id)

    @handles(GetSyncStatus)
    async def status(self, request: GetSyncStatus, caller: Caller) -> SyncStatus:
        """Now, and since this process began."""
        history = self._history
        return SyncStatus(
            status="syncing" if history.active else "idle",
            last_sync=history.last,
            next_sync=self._peers.exchanges.next(),
            sync_types=SYNC_KINDS,
            errors=history.errors,
            statistics=history.statistics(),
            active_syncs=history.active,
        )

    @handles(ForceSync)
    async def force(self, request: ForceSync, caller: Caller) -> SyncForced:
        """Ask those named, or all, who are connected. NOT_FOUND for a relay that is not known."""
        links = self._targets(request.target_relays)
        kinds = tuple(dict.fromkeys(request.sync_types or SYNC_KINDS))
        for link in links:
            for kind in kinds:
                self._force(link, kind)
        return SyncForced(
            sync_types=kinds,
            target_relays=tuple(link.relay_id for link in links),
            relays_count=len(links),
            estimated_duration=self._history.estimate(len(links) * len(kinds)),
            sync_id=self._around.name("sync"),
        )

    @handles(GetSyncHistory)
    async def history(self, request: GetSyncHistory, caller: Caller) -> SyncHistory:
        """What is remembered and matches, newest first."""
        return self._history.found(request)

    @handles(SyncAnswered)
    async def answered(self, request: SyncAnswered, caller: Caller) -> None:
        """For whoever asked the other relay."""
        self._hand_on(request, caller)

    @handles(RecordsAcked)
    async def acknowledged(self, request: RecordsAcked, caller: Caller) -> None:
        """For whoever pushed records."""
        self._hand_on(request, caller)

    @handles(RecordsFetched)
    async def fetched(self, request: RecordsFetched, caller: Caller) -> None:
        """For whoever asked for records."""
        self._hand_on(request, caller)

    @handles(SyncAcked)
    async def kept(self, request: SyncAcked, caller: Caller) -> None:
        """For whoever pushed a message."""
        self._hand_on(request, caller)

    @handles(ConflictAnswered)
    async def disputed(self, request: ConflictAnswered, caller: Caller) -> None:
        """For whoever pushed a message: it is decided there, as it is here."""
        self._hand_on(request, caller)

    def _hand_on(self, answer: Request, caller: Caller) -> None:
        """Nobody may wait for it any more."""
        self._peers.links.link_of(caller).answered(answer)

    async def _payload(self, sync_type: SyncType, request: Sync, link: Link | None) -> SyncPayload:
        if link is None:
            return await self._figures.payload(sync_type)
        await self._peers.figures.take(link, sync_type, request.payload)
        return await self._peers.figures.told(sync_type, link.relay_id)

    def _targets(self, names: tuple[str, ...] | None) -> list[Link]:
        """The connected ones of these, or all."""
        links = self._peers.links
        if names is None:
            return list(links.all())
        found: dict[str, Link | None] = {}
        for name in names:
            relay_id = name if links.get(name) else self._peers.named(name)
            if relay_id is None:
                raise Problem(Code.NOT_FOUND, "no such relay is known", field="target_relays", value=name)
            found[relay_id] = links.get(relay_id)
        return [link for link in found.values() if link is not None]

    def _force(self, link: Link, kind: SyncKind) -> None:
        if kind == "ReconcileSync":
            self._peers.repair.force(link)
        else:
            self._peers.exchanges.force(link, kind)

    def _response(self, request: Sync, payload: SyncPayload, message_id: str) -> SyncResponse:
        return SyncResponse(
            sync_type=request.sync_type,
            relay_id=self._identity.relay_id,
            payload=payload,
            message_id=message_id,
            in_reply_to=request.message_id,
        )

    def _failed(self, exchange: Exchange, error: Exception) -> None:
        self._around.meter.count(SYNC_ERRORS)
        self._history.fail(exchange, type(error).__name__)
