"""What the settings of the Nostr relay say together, and in their forms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from .fault import Fault
from .nostr import Nostr

_KEY = re.compile("[0-9a-f]{64}")
_LARGEST_KIND = 65_535


def check_nostr(nostr: Nostr) -> Iterator[Fault]:
    """Faults of the section."""
    yield from _keys(nostr)
    yield from _places(nostr)
    yield from _kinds(nostr)
    if nostr.default_limit > nostr.max_limit:
        yield Fault("nostr.default_limit", "must not be more than nostr.max_limit")
    if nostr.write_policy and not nostr.write_policy[0].startswith("/"):
        yield Fault("nostr.write_policy", "expected the program's absolute path first, then its arguments")


def _keys(nostr: Nostr) -> Iterator[Fault]:
    named = [("nostr.admins", key) for key in nostr.admins]
    if nostr.pubkey:
        named.append(("nostr.pubkey", nostr.pubkey))
    for name, key in named:
        if not _KEY.fullmatch(key):
            yield Fault(name, "expected public keys of 64 lowercase hexadecimal characters (not npub)")


def _places(nostr: Nostr) -> Iterator[Fault]:
    if nostr.url and not _is_relay(nostr.url):
        yield Fault("nostr.url", "expected wss://host or ws://host:port, as clients write it")
    database = nostr.database
    if database and database != "sqlite://" and not (database.startswith("sqlite:///") and len(database) > 10):
        yield Fault("nostr.database", "expected sqlite:///file, or sqlite:// for memory")


def _is_relay(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False


def _kinds(nostr: Nostr) -> Iterator[Fault]:
    for name in ("kind_events_per_minute", "retention_days"):
        if any(int(kind) > _LARGEST_KIND for kind in getattr(nostr, name)):
            yield Fault(f"nostr.{name}", f"kinds are numbers from 0 to {_LARGEST_KIND}")
