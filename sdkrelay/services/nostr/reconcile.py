"""NIP-77: a client and the relay find out by fingerprints which events of a filter one of them lacks.

The set is what a REQ of the same client would show, sealed when it opens; all work on it is done away from the reactor.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, frozen
from twisted.logger import Logger

from ...domain.items import Items
from ...domain.nostr.refusal import Prefix, Refusal
from ...domain.reconcile import MalformedFrame, Reconciler
from ...messages.nostr.client import ReconcileOpen
from ...messages.nostr.relay import Reconcile, ReconcileError
from ...ports import Cancelled, Clock, Compute, Unavailable
from ...ports.nostr import EventStore
from .client import Client
from .identity import Proved
from .limits import Features, NostrLimits
from .query import FAILED, check_size
from .turns import Turns

#: Bytes of a message at most: twice as many characters, which any client's limit lets through.
FRAME = 60_000

log = Logger()

TOO_MANY = "too much is being reconciled: try again later"


@frozen
class Means:
    """What all reconciliations are done with; ``held`` are those of all connections, the one longest not heard of first."""

    store: EventStore
    compute: Compute
    clock: Clock
    limits: Callable[[], NostrLimits]
    features: Callable[[], Features]
    held: dict[Comparison, None] = field(factory=dict)

    def hear(self, comparison: Comparison) -> None:
        """It is the last of all that was heard of."""
        self.held.pop(comparison, None)
        self.held[comparison] = None
        comparison.heard = self.clock.monotonic()

    def forget_idle(self) -> None:
        """Let go of those that have not been heard of for too long."""
        oldest = self.clock.monotonic() - self.limits().reconcile_idle
        for comparison in [one for one in self.held if one.heard <= oldest]:
            comparison.let_go()

    def room(self) -> int:
        """How many records more may be compared at a time."""
        return self.limits().reconcile_held - sum(comparison.records for comparison in self.held)


@define(eq=False)
class Comparison:
    """One that is open: when it was last heard of (monotonic), what it holds once its set is sealed, how to forget it."""

    let_go: Callable[[], None]
    heard: float = 0.0
    reconciler: Reconciler | None = None
    records: int = 0


class Reconciliations:
    """Those of one connection; their names are their own, apart from those of subscriptions."""

    def __init__(self, means: Means, client: Client, proved: Proved, turns: Turns) -> None:
        self._means = means
        self._client = client
        self._proved = proved
        self._turns = turns
        self._open: dict[str, Comparison] = {}

    def open(self, request: ReconcileOpen) -> None:
        """Begin one in the place of one of the same name; what is refused is told by NEG-ERR."""
        name = request.subscription
        self.close(name)
        try:
            self._check(request)
        except Refusal as refusal:
            self._fail(name, refusal.reason)
            return
        comparison = self._open[name] = Comparison(lambda: self.close(name))
        self._means.hear(comparison)
        self._turns.start("a Nostr reconciliation", lambda: self._begin(request, comparison))

    def proceed(self, request: Reconcile) -> None:
        """Answer the next message."""
        self._means.forget_idle()
        name, comparison = request.subscription, self._open.get(request.subscription)
        if comparison is None:
            self._fail(name, "closed: no reconciliation of this name is open")
            return
        self._means.hear(comparison)
        self._turns.start("a Nostr reconciliation", lambda: self._answer(name, comparison, request.message))

    def close(self, name: str) -> None:
        """Forget one; nothing if there is none of the name."""
        comparison = self._open.pop(name, None)
        if comparison is not None:
            self._means.held.pop(comparison, None)

    def end(self, reason: str | None = None) -> None:
        """The conversation is over; with a reason each is told it by NEG-ERR."""
        for name in tuple(self._open):
            self.close(name)
            if reason is not None:
                self._fail(name, reason)

    def _check(self, request: ReconcileOpen) -> None:
        limits = self._means.limits()
        if not self._means.features().reconcile:
            raise Refusal(Prefix.UNSUPPORTED, "this relay does not reconcile")
        if request.filter.search is not None:
            raise Refusal(Prefix.UNSUPPORTED, "what a search finds is not reconciled")
        check_size((request.filter,), limits)
        self._proved.may_ask((request.filter,), limits.auth_required)
        self._means.forget_idle()
        if len(self._open) >= limits.reconciliations:
            message = f"a connection has at most {limits.reconciliations} reconciliations"
            raise Refusal(Prefix.RATE_LIMITED, message)

    async def _begin(self, request: ReconcileOpen, comparison: Comparison) -> None:
        name = request.subscription
        if self._open.get(name) is not comparison:
            return
        try:
            await self._seal(request, comparison)
        except Unavailable as away:
            self._end(name, comparison, f"error: {away}")
        except Cancelled:
            raise
        except Exception:
            log.failure("a Nostr reconciliation failed")
            self._end(name, comparison, f"error: {FAILED}")
        else:
            await self._answer(name, comparison, request.message)

    async def _seal(self, request: ReconcileOpen, comparison: Comparison) -> None:
        """Take the set as it is now; what is too big is told, with how much would not be."""
        means, name = self._means, request.subscription
        most = means.limits().reconcile_records
        pairs = await means.store.items(request.filter, self._proved.readers, most)
        if pairs is None:
            self._end(name, comparison, "blocked: this query is too big", most)
        elif len(pairs) > means.room():
            self._end(name, comparison, f"error: {TOO_MANY}")
        elif self._open.get(name) is comparison:
            comparison.records = len(pairs)
            comparison.reconciler = Reconciler(await means.compute.run(Items.of, pairs), FRAME)

    async def _answer(self, name: str, comparison: Comparison, message: bytes) -> None:
        if comparison.reconciler is None or self._open.get(name) is not comparison:
            return
        try:
            answer = await self._means.compute.run(comparison.reconciler.respond, message)
        except MalformedFrame as malformed:
            self._end(name, comparison, f"invalid: {malformed}")
            return
        if self._open.get(name) is comparison:
            self._client.say((Reconcile(name, answer).encoded(),))

    def _end(self, name: str, comparison: Comparison, reason: str, cap: int | None = None) -> None:
        """It goes no further; the client is told, unless it has closed it or opened another of the name."""
        if self._open.get(name) is comparison:
            self.close(name)
            self._client.say((ReconcileError(name, reason, cap).encoded(),))

    def _fail(self, name: str, reason: str) -> None:
        self._client.say((ReconcileError(name, reason).encoded(),))
