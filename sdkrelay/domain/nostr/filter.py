"""The filter of NIP-01 (and NIP-50's ``search``): read strictly, and matched against one event."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
from attrs import field, frozen
from msgspec import Meta

from .event import LATEST, UNREADABLE, Event, is_hex, refuse_duplicates
from .refusal import Prefix, Refusal, invalid
from .rules import is_tag_letter

#: Tags whose values are ids or keys, and nothing else can match.
HEX_TAGS = frozenset({"#e", "#p"})
_WORD = re.compile(r"[^\W_]+")
_Time = Annotated[int, Meta(ge=0, le=LATEST)]
_TYPES: dict[str, Any] = {
    "ids": tuple[str, ...],
    "authors": tuple[str, ...],
    "kinds": tuple[Annotated[int, Meta(ge=0, le=65535)], ...],
    "since": _Time,
    "until": _Time,
    "limit": _Time,
    "search": str,
}


@frozen
class Filter:
    """All that is given must hold; None is not given, and an empty set matches nothing.

    ``tags`` are (letter, values), by letter; ``since`` and ``until`` both belong to the range; ``limit`` is for stored events.
    """

    ids: frozenset[str] | None = None
    authors: frozenset[str] | None = None
    kinds: frozenset[int] | None = None
    tags: tuple[tuple[str, frozenset[str]], ...] = ()
    since: int | None = None
    until: int | None = None
    limit: int | None = None
    search: str | None = None
    #: The words asked for, without the ``name:value`` extensions of NIP-50.
    words: frozenset[str] = field(init=False, eq=False, repr=False)

    @words.default
    def _words(self) -> frozenset[str]:
        return frozenset(search_words(self.search or ""))

    def matches(self, event: Event) -> bool:
        """Whether the event is what is asked for; ``limit`` says nothing about one event."""
        if self.kinds is not None and event.kind not in self.kinds:
            return False
        if self.authors is not None and event.pubkey not in self.authors:
            return False
        if self.ids is not None and event.id not in self.ids:
            return False
        if not (self.since or 0) <= event.created_at <= (LATEST if self.until is None else self.until):
            return False
        return self._matches_tags(event) and self._matches_words(event)

    def _matches_tags(self, event: Event) -> bool:
        return not self.tags or all(
            any(tag[1] in values for tag in event.tags if len(tag) > 1 and tag[0] == letter)
            for letter, values in self.tags
        )

    def _matches_words(self, event: Event) -> bool:
        if self.search is None:
            return True
        return not self.words or self.words <= frozenset(text_words(searched_text(event)))

    def impossible(self) -> bool:
        """Whether no event at all can match."""
        sets: list[Any] = [self.ids, self.authors, self.kinds, *(values for _, values in self.tags)]
        return any(values is not None and not values for values in sets) or (self.since or 0) > (
            LATEST if self.until is None else self.until
        )


def parse_filter(raw: bytes | msgspec.Raw) -> Filter:
    """The filter in a JSON object. Refusal: invalid for a wrong type or range, unsupported for a name that is not known."""
    try:
        members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except UNREADABLE:
        raise invalid("a filter must be a JSON object") from None
    refuse_duplicates(bytes(raw))
    return make_filter({name: _member(name, value) for name, value in members.items()})


def make_filter(members: Mapping[str, Any]) -> Filter:
    """A filter from its members, whose types are right; Refusal (invalid) for ids and keys that are not lowercase hex."""
    for name in ("ids", "authors", *HEX_TAGS):
        if not all(is_hex(value, 32) for value in members.get(name, ())):
            raise invalid(f"{name} must hold 64 lowercase hexadecimal characters each")
    return Filter(
        ids=_set(members.get("ids")),
        authors=_set(members.get("authors")),
        kinds=_set(members.get("kinds")),
        tags=tuple((name[1], frozenset(members[name])) for name in sorted(members) if name.startswith("#")),
        since=members.get("since"),
        until=members.get("until"),
        limit=members.get("limit"),
        search=members.get("search"),
    )


def filter_members(wanted: Filter) -> dict[str, Any]:
    """The members of a filter as they are sent, lists sorted."""
    lists: dict[str, Any] = {"ids": wanted.ids, "authors": wanted.authors, "kinds": wanted.kinds}
    lists.update({f"#{letter}": values for letter, values in wanted.tags})
    members: dict[str, Any] = {name: sorted(values) for name, values in lists.items() if values is not None}
    rest = {"since": wanted.since, "until": wanted.until, "limit": wanted.limit, "search": wanted.search}
    return members | {name: value for name, value in rest.items() if value is not None}


def search_words(text: str) -> list[str]:
    """The words of a search, folded; ``name:value`` extensions, of which this relay knows none, are left out."""
    return text_words(" ".join(part for part in text.split() if not _is_extension(part)))


def text_words(text: str) -> list[str]:
    """The words of a text as they are compared: letters and digits, without case and accents."""
    if not text.isascii():
        text = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    return _WORD.findall(text.casefold())


def searched_text(event: Event) -> str:
    """What of an event is searched: its content, and what its author calls it."""
    named = (tag[1] for tag in event.tags if len(tag) > 1 and tag[0] in ("title", "subject", "summary", "t"))
    return "\n".join((event.content, *named))


def _is_extension(part: str) -> bool:
    name, separator, value = part.partition(":")
    return bool(separator and value and name.isascii() and name.isalpha() and not value.startswith("/"))


def _member(name: str, raw: msgspec.Raw) -> Any:
    kind = tuple[str, ...] if name.startswith("#") and is_tag_letter(name[1:]) else _TYPES.get(name)
    if kind is None:
        raise Refusal(Prefix.UNSUPPORTED, f"filters have no {name[:32]!r} here")
    try:
        return msgspec.json.decode(raw, type=kind)
    except UNREADABLE as error:
        raise invalid(f"{name}: {error}".replace("`", "")) from None


def _set(values: Iterable[Any] | None) -> frozenset[Any] | None:
    return None if values is None else frozenset(values)
