"""NIP-77: a client and the relay find out by fingerprints which events of a filter one of them lacks.

The set is what a REQ of the same client would show, sealed when it opens; all work on it is done away from the reactor.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, frozen

from ...domain.items import Items
from ...domain.nostr.refusal import Prefix, Refusal
from ...domain.reconcile import MalformedFrame, Reconciler
from ...messages.nostr.client import ReconcileOpen
from ...messages.nostr.relay import Reconcile, ReconcileError
from ...ports import Clock, Compute, Lock, Unavailable
from ...ports.nostr import EventStore
from .client import Client
from .identity import Proved
from .limits import Features, NostrLimits

#: Bytes of a message at most: twice as many characters, which any client's limit lets through.
FRAME = 60_000


@frozen
class Means:
    """What all reconciliations are done with."""

    store: EventStore
    compute: Compute
    clock: Clock
    limits: Callable[[], NostrLimits]
    features: Callable[[], Features]


@define(eq=False)
class _Comparison:
    """One that is open, and when it was last heard of (monotonic)."""

    reconciler: Reconciler
    heard: float


class Reconciliations:
    """Those of one connection; their names are their own, apart from those of subscriptions."""

    def __init__(self, means: Means, client: Client, proved: Proved, turn: Lock) -> None:
        self._means = means
        self._client = client
        self._proved = proved
        self._turn = turn
        self._open: dict[str, _Comparison] = {}

    def open(self, request: ReconcileOpen) -> None:
        """Begin one in the place of one of the same name; what is refused is told by NEG-ERR."""
        self.close(request.subscription)
        try:
            self._check(request)
        except Refusal as refusal:
            self._fail(request.subscription, refusal.reason)
            return
        self._client.beside("a Nostr reconciliation", self._begin(request))

    def proceed(self, request: Reconcile) -> None:
        """Answer the next message."""
        comparison = self._open.get(request.subscription)
        if comparison is None:
            self._fail(request.subscription, "closed: no reconciliation of this name is open")
            return
        comparison.heard = self._means.clock.monotonic()
        self._client.beside("a Nostr reconciliation", self._answer(request.subscription, comparison, request.message))

    def close(self, name: str) -> None:
        """Forget one; nothing if there is none of the name."""
        self._open.pop(name, None)

    def _check(self, request: ReconcileOpen) -> None:
        limits = self._means.limits()
        if not self._means.features().reconcile:
            raise Refusal(Prefix.UNSUPPORTED, "this relay does not reconcile")
        if request.filter.search is not None:
            raise Refusal(Prefix.UNSUPPORTED, "what a search finds is not reconciled")
        self._proved.may_ask((request.filter,), limits.auth_required)
        oldest = self._means.clock.monotonic() - limits.reconcile_idle
        self._open = {name: one for name, one in self._open.items() if one.heard > oldest}
        if len(self._open) >= limits.reconciliations:
            message = f"a connection has at most {limits.reconciliations} reconciliations"
            raise Refusal(Prefix.RATE_LIMITED, message)

    async def _begin(self, request: ReconcileOpen) -> None:
        name, most = request.subscription, self._means.limits().reconcile_records
        try:
            async with self._turn:
                pairs = await self._means.store.items(request.filter, self._proved.readers, most)
        except Unavailable as away:
            self._fail(name, f"error: {away}")
            return
        if pairs is None:
            self._client.say((ReconcileError(name, "blocked: this query is too big", most).encoded(),))
            return
        items = await self._means.compute.run(Items.of, pairs)
        comparison = self._open[name] = _Comparison(Reconciler(items, FRAME), self._means.clock.monotonic())
        await self._answer(name, comparison, request.message)

    async def _answer(self, name: str, comparison: _Comparison, message: bytes) -> None:
        try:
            async with self._turn:
                answer = await self._means.compute.run(comparison.reconciler.respond, message)
        except MalformedFrame as malformed:
            self.close(name)
            self._fail(name, f"invalid: {malformed}")
            return
        if self._open.get(name) is comparison:
            self._client.say((Reconcile(name, answer).encoded(),))

    def _fail(self, name: str, reason: str) -> None:
        self._client.say((ReconcileError(name, reason).encoded(),))
