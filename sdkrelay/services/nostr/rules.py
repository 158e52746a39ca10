"""What may be published, before any signature is looked at: the checks of NIP-01 and its kin, the operator's lists, rates.

From cheap to dear, and each refusal says what to do. Events that come by the operator's own settings (streams, the mesh,
imports) obey the same rules, but have no allowance that could be used up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from ...domain.networks import NOWHERE, Networks
from ...domain.nostr import kinds
from ...domain.nostr.event import Event
from ...domain.nostr.refusal import Prefix, Refusal, invalid
from ...domain.nostr.rules import expiration, is_protected, reposts_protected, require_work, vanishes_here
from ...domain.problem import Problem
from ...ports import Clock
from ...session.gate import Allowances
from .client import Origin, Source
from .limits import NostrLimits
from .lists import Lists


class Rules:
    """All that is asked of an event but its id, its signature, and what the store knows."""

    def __init__(
        self,
        limits: Callable[[], NostrLimits],
        lists: Lists,
        clock: Clock,
        urls: Callable[[], Collection[str]],
        exempt: Networks = NOWHERE,
    ) -> None:
        self._limits = limits
        self._urls = urls
        self._lists = lists
        self._clock = clock
        first = limits()
        self._senders = Allowances(clock, first.events_per_minute, exempt)
        self._keys = Allowances(clock, first.key_events_per_minute)
        rates = first.kind_events_per_minute
        self._kinds = {kind: Allowances(clock, rate, exempt) for kind, rate in rates.items()}
        self._exempt = exempt

    def check(self, event: Event, source: Source) -> None:
        """Refusal for what is not taken; an allowance is used up only by what is fit otherwise.

        Whoever asks to be forgotten here may do so whatever the lists say of them (NIP-62). What the relay itself has to say is
        only asked for its size.
        """
        limits = self._limits()
        _check_size(event, limits)
        if source.origin is Origin.RELAY:
            return
        self._check_time(event, limits)
        _check_protection(event, source)
        if not source.trusted:
            _check_proof(event, source, limits)
        self._lists.check_sender(source)
        if not vanishes_here(event, self._urls()):
            self._lists.check(event)
        require_work(event, limits.work)
        if not source.trusted:
            self._charge(event, source)

    def excess(self, event: Event, source: Source) -> Refusal | None:
        """Why a genuine event is one too many of its author; not asked before, so that nobody uses up another's allowance."""
        if source.trusted or source.address in self._exempt:
            return None
        try:
            self._keys.spend(event.pubkey)
        except Problem as problem:
            return _too_many(problem)
        return None

    def _check_time(self, event: Event, limits: NostrLimits) -> None:
        now = self._clock.now()
        if event.created_at > now + limits.future:
            raise invalid(f"created_at is more than {limits.future} seconds ahead")
        if limits.past is not None and event.created_at < now - limits.past:
            raise invalid(f"created_at is more than {limits.past} seconds ago")
        if kinds.is_ephemeral(event.kind) and event.created_at < now - limits.ephemeral_age:
            raise invalid(f"an ephemeral event is at most {limits.ephemeral_age} seconds old")
        end = expiration(event)
        if end is not None and end <= now:
            raise invalid("the event has expired")

    def _charge(self, event: Event, source: Source) -> None:
        try:
            self._senders.charge(source.address, None)
            if event.kind in self._kinds:
                self._kinds[event.kind].charge(source.address, None)
        except Problem as problem:
            raise _too_many(problem) from None


def _too_many(problem: Problem) -> Refusal:
    return Refusal(Prefix.RATE_LIMITED, f"try again in {problem.details.get('retry_after')} s")


def _check_size(event: Event, limits: NostrLimits) -> None:
    if event.kind == kinds.AUTHENTICATION:
        raise invalid("an authentication is sent with AUTH and never published")
    if len(event.tags) > limits.tags:
        raise invalid(f"an event has at most {limits.tags} tags")
    if len(event.content) > limits.content:
        raise invalid(f"content has at most {limits.content} characters")


def _check_protection(event: Event, source: Source) -> None:
    if is_protected(event) and event.pubkey not in source.readers:
        if source.readers:
            raise Refusal(Prefix.RESTRICTED, "this event is published by its author only")
        raise Refusal(Prefix.AUTH_REQUIRED, "this event is published by its author only: prove the key first")
    if reposts_protected(event):
        raise Refusal(Prefix.BLOCKED, "the repost carries an event that only its author may publish")


def _check_proof(event: Event, source: Source, limits: NostrLimits) -> None:
    wrapped = limits.wraps_need_auth and event.kind in kinds.PRIVATE
    if (limits.auth_required or wrapped) and not source.readers:
        raise Refusal(Prefix.AUTH_REQUIRED, "prove a key first")
