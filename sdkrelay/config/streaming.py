"""The settings about other Nostr relays with which events are exchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from ..domain.nostr.filter import Filter, parse_filter
from ..domain.nostr.refusal import Refusal
from .about import about as _about
from .fault import Fault

#: A filter, as JSON in a string or as a table.
FilterText = str | dict[str, Any]


class NostrStream(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another Nostr relay: ``up`` gives it our events, ``down`` takes its events, ``both`` does both."""

    url: Annotated[str, _about("The relay.", "wss://relay.example.org")]
    direction: Annotated[Literal["up", "down", "both"], _about("Which way events go.")] = "both"
    filter: Annotated[FilterText, _about("Which events: a filter of NIP-01; all of them without one.")] = "{}"


def make_wanted(text: FilterText) -> Filter:
    """The filter that is meant. ValueError, in words, for one that cannot be."""
    try:
        wanted = parse_filter(text.encode() if isinstance(text, str) else msgspec.json.encode(text))
    except Refusal as refusal:
        raise ValueError(refusal.text) from None
    if wanted.limit is not None or wanted.search is not None:
        raise ValueError("a filter of what is exchanged has no limit and no search")
    return wanted


def is_relay_url(url: str) -> bool:
    """Whether this is the URL of a Nostr relay, without credentials."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= 512
    return parts.scheme in ("ws", "wss") and named and plain and "@" not in parts.netloc and not parts.fragment


def check_streams(streams: Mapping[str, NostrStream], mesh: FilterText) -> Iterator[Fault]:
    """What is wrong with the streams, and with the filter of the mesh."""
    for name, stream in streams.items():
        if not is_relay_url(stream.url):
            yield Fault(f"nostr.streams.{name}.url", "expected wss://host/path or ws://host/path, without credentials")
        yield from _check_filter(f"nostr.streams.{name}.filter", stream.filter)
    if mesh != "":
        yield from _check_filter("mesh.nostr", mesh)


def _check_filter(key: str, text: FilterText) -> Iterator[Fault]:
    try:
        make_wanted(text)
    except ValueError as error:
        yield Fault(key, str(error))
