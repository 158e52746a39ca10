"""NIP-86: the operator's calls, each one method of a name; who may call what is decided by a key proved over NIP-98.

The keys in the settings may call everything, others what one of these has assigned to them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from ipaddress import ip_address
from typing import Any, Final

import msgspec

from ...domain.nostr.event import Event, is_hex
from ...domain.nostr.filter import Filter
from ...domain.nostr.proof import check_authorization
from ...domain.nostr.refusal import Prefix, Refusal, invalid
from ...domain.nostr.rules import is_visible
from ...messages.nostr.information import ManagementReply, parse_management
from ...ports import Clock
from ...ports.nostr import EventStore, Query
from .lists import (
    ALLOWED_EVENTS,
    ALLOWED_KEYS,
    ALLOWED_KINDS,
    ASSIGNED,
    BANNED_EVENTS,
    BANNED_KEYS,
    BLOCKED_ADDRESSES,
    DETAILS,
    DISALLOWED_KINDS,
    Lists,
)

#: Reports (NIP-56) that are looked through, and events removed in one transaction.
REPORT, REPORTS, REMOVED = 1984, 500, 500
#: Characters of a name, a description, an address, a reason.
LONGEST = 4_000
#: Seconds for which a used authorization is remembered: longer than it can be used.
REMEMBERED: Final = 130

Method = Callable[[Sequence[Any]], Awaitable[Any]]


class Management:
    """Answers calls; ``urls`` are the relay's addresses, as HTTP has them."""

    def __init__(
        self, store: EventStore, lists: Lists, clock: Clock, admins: Collection[str], urls: Collection[str]
    ) -> None:
        self._store = store
        self._lists = lists
        self._clock = clock
        self._admins = frozenset(admins)
        self._urls = tuple(urls)
        self._used: dict[str, float] = {}
        self._methods = self._table()

    async def call(self, authorization: str, method: str, body: bytes) -> ManagementReply:
        """What a call gives. Refusal: auth-required unless the header proves a key for this very request, restricted for a
        key that may call nothing.
        """
        caller = self._proved(authorization, method, body)
        try:
            call = parse_management(body)
            return ManagementReply(result=await self._answer(caller, call.method, call.params))
        except Refusal as refusal:
            return ManagementReply(error=refusal.text)

    def _proved(self, authorization: str, method: str, body: bytes) -> str:
        now = self._clock.now()
        event = check_authorization(authorization, urls=self._urls, method=method, body=body, now=now)
        if not self._allowed(event.pubkey):
            raise Refusal(Prefix.RESTRICTED, "this key may call nothing here")
        self._used = {used: at for used, at in self._used.items() if at > now - REMEMBERED}
        if event.id in self._used:
            raise Refusal(Prefix.AUTH_REQUIRED, "this authorization was used already")
        self._used[event.id] = now
        return event.pubkey

    async def _answer(self, caller: str, name: str, values: Sequence[Any]) -> Any:
        allowed = self._allowed(caller)
        if name == "supportedmethods":
            return sorted(allowed)
        if name not in self._methods:
            raise invalid(f"there is no method {name[:64]}")
        if name not in allowed:
            raise Refusal(Prefix.RESTRICTED, "this key may not call that")
        return await self._methods[name](values)

    def _allowed(self, caller: str) -> set[str]:
        if caller in self._admins:
            return set(self._methods)
        return set(self._assigned().get(caller, ())) & self._methods.keys()

    def _table(self) -> dict[str, Method]:
        return {
            "banpubkey": self._mover(_key, BANNED_KEYS, ALLOWED_KEYS, self._forget_author),
            "unbanpubkey": self._striker(_key, BANNED_KEYS),
            "listbannedpubkeys": self._lister(BANNED_KEYS, "pubkey"),
            "allowpubkey": self._mover(_key, ALLOWED_KEYS, BANNED_KEYS),
            "unallowpubkey": self._striker(_key, ALLOWED_KEYS),
            "listallowedpubkeys": self._lister(ALLOWED_KEYS, "pubkey"),
            "banevent": self._mover(_key, BANNED_EVENTS, ALLOWED_EVENTS, self._forget_event),
            "unbanevent": self._striker(_key, BANNED_EVENTS),
            "listbannedevents": self._lister(BANNED_EVENTS, "id"),
            "allowevent": self._mover(_key, ALLOWED_EVENTS, BANNED_EVENTS),
            "unallowevent": self._striker(_key, ALLOWED_EVENTS),
            "listallowedevents": self._lister(ALLOWED_EVENTS, "id"),
            "listeventsneedingmoderation": self._reported,
            "allowkind": self._mover(_kind, ALLOWED_KINDS, DISALLOWED_KINDS),
            "disallowkind": self._mover(_kind, DISALLOWED_KINDS, ALLOWED_KINDS),
            "listallowedkinds": self._kinds(ALLOWED_KINDS),
            "listdisallowedkinds": self._kinds(DISALLOWED_KINDS),
            "blockip": self._mover(_address, BLOCKED_ADDRESSES, None),
            "unblockip": self._striker(_address, BLOCKED_ADDRESSES),
            "listblockedips": self._lister(BLOCKED_ADDRESSES, "ip"),
            "changerelayname": self._detail("name"),
            "changerelaydescription": self._detail("description"),
            "changerelayicon": self._detail("icon"),
            "assignmethod": self._assign,
            "unassignmethod": self._unassign,
            "listmethodassignees": self._assignees,
        }

    def _mover(
        self,
        read: Callable[[Any], str],
        target: str,
        other: str | None,
        then: Callable[[str], Awaitable[None]] | None = None,
    ) -> Method:
        async def move(values: Sequence[Any]) -> bool:
            item, reason = read(_at(values, 0)), _text(values[1]) if len(values) > 1 else ""
            await self._lists.enter(target, item, reason)
            if other is not None:
                await self._lists.strike(other, item)
            if then is not None:
                await then(item)
            return True

        return move

    def _striker(self, read: Callable[[Any], str], name: str) -> Method:
        async def strike(values: Sequence[Any]) -> bool:
            await self._lists.strike(name, read(_at(values, 0)))
            return True

        return strike

    def _lister(self, name: str, called: str) -> Method:
        async def listed(values: Sequence[Any]) -> list[dict[str, str]]:
            entries = sorted(self._lists.all(name).items())
            return [{called: item, **({"reason": reason} if reason else {})} for item, reason in entries]

        return listed

    def _kinds(self, name: str) -> Method:
        async def listed(values: Sequence[Any]) -> list[int]:
            return sorted(int(item) for item in self._lists.all(name))

        return listed

    def _detail(self, name: str) -> Method:
        async def change(values: Sequence[Any]) -> bool:
            await self._lists.enter(DETAILS, name, _text(_at(values, 0)))
            return True

        return change

    async def _forget_author(self, pubkey: str) -> None:
        await self._forget(Filter(authors=frozenset({pubkey})))

    async def _forget_event(self, event_id: str) -> None:
        await self._forget(Filter(ids=frozenset({event_id})))

    async def _forget(self, wanted: Filter) -> None:
        while await self._store.forget(wanted, REMOVED) == REMOVED:
            continue

    async def _reported(self, values: Sequence[Any]) -> list[dict[str, str]]:
        """Events that somebody has reported (NIP-56) and that are neither banned nor allowed yet; the newest report first."""
        answer = await self._store.query(Query((Filter(kinds=frozenset({REPORT}), limit=REPORTS),)))
        reports = [msgspec.json.decode(stored.json, type=Event) for stored in answer.events]
        found = {
            event_id: report.content or report.pubkey
            for report in reversed(reports)
            if is_visible(report, ())
            for event_id in report.values("e")
            if is_hex(event_id, 32)
        }
        known = self._lists.all(BANNED_EVENTS).keys() | self._lists.all(ALLOWED_EVENTS).keys()
        return [{"id": name, "reason": reason} for name, reason in reversed(found.items()) if name not in known]

    def _assigned(self) -> dict[str, list[str]]:
        """The methods assigned to each key that has some."""
        found: dict[str, list[str]] = {}
        for item in sorted(self._lists.all(ASSIGNED)):
            pubkey, _, name = item.partition(" ")
            found.setdefault(pubkey, []).append(name)
        return found

    async def _assign(self, values: Sequence[Any]) -> list[Any]:
        await self._lists.enter(ASSIGNED, self._assignment(values))
        return [True, ""]

    async def _unassign(self, values: Sequence[Any]) -> list[Any]:
        await self._lists.strike(ASSIGNED, self._assignment(values))
        return [True, ""]

    async def _assignees(self, values: Sequence[Any]) -> list[dict[str, Any]]:
        return [{"pubkey": pubkey, "methods": names} for pubkey, names in self._assigned().items()]

    def _assignment(self, values: Sequence[Any]) -> str:
        name = _text(_at(values, 1))
        if name not in self._methods:
            raise invalid(f"there is no method {name[:64]}")
        return f"{_key(_at(values, 0))} {name}"


def _at(values: Sequence[Any], place: int) -> Any:
    if len(values) <= place:
        raise invalid(f"parameter {place + 1} is missing")
    return values[place]


def _key(value: Any) -> str:
    if not (isinstance(value, str) and is_hex(value, 32)):
        raise invalid("expected 64 lowercase hexadecimal characters")
    return value


def _kind(value: Any) -> str:
    if type(value) is not int or not 0 <= value <= 65535:
        raise invalid("expected a kind: a number from 0 to 65535")
    return str(value)


def _address(value: Any) -> str:
    try:
        return str(ip_address(_text(value)))
    except ValueError:
        raise invalid("expected an IP address") from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST:
        raise invalid(f"expected a text of at most {LONGEST} characters")
    return value
