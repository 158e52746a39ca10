"""The settings of the Nostr relay on the WebSocket port."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from .about import about as _about
from .streaming import NostrStream

Rate = Annotated[int, Meta(ge=1, le=100_000_000)]
Kind = Annotated[str, Meta(pattern="^[0-9]{1,5}$")]
Days = Annotated[int, Meta(ge=1, le=36_500)]


def _bounded(least: int, most: int, description: str, example: object = None) -> Meta:
    return Meta(ge=least, le=most, description=description, examples=[] if example is None else [example])


class Nostr(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Nostr relay on the WebSocket port: every frame that is a JSON array is Nostr's."""

    enabled: Annotated[bool, _about("Serve Nostr.")] = True
    database: Annotated[
        str,
        _about(
            "Where events are kept, as database.url has it; by default nostr.sqlite in data_dir.",
            "sqlite:////var/lib/sdkrelay/nostr.sqlite",
        ),
    ] = ""
    url: Annotated[
        str,
        _about(
            "The address clients use, which AUTH and requests to vanish must name; by default that of ws_url as this "
            "machine sees it.",
            "wss://relay.example.com",
        ),
    ] = ""
    name: Annotated[str, _about("The relay's name, for people (NIP-11).", "Example relay")] = ""
    description: Annotated[str, _about("What it is for, for people.")] = ""
    icon: Annotated[str, _about("Address of a small square image.", "https://relay.example.com/icon.png")] = ""
    banner: Annotated[str, _about("Address of a wide image.")] = ""
    pubkey: Annotated[str, _about("The operator's public key, 64 hexadecimal characters.", "ab" * 32)] = ""
    contact: Annotated[str, _about("How to reach the operator.", "mailto:operator@example.com")] = ""
    terms_of_service: Annotated[str, _about("Address of the terms of service.")] = ""
    admins: Annotated[
        tuple[str, ...], _about("Public keys (hexadecimal) that may manage the relay over NIP-86.", "ab" * 32)
    ] = ()
    write_policy: Annotated[
        tuple[str, ...],
        _about(
            "A program, with its arguments, that judges each event: the line protocol of strfry's plugins.",
            ["/usr/local/bin/policy", "--strict"],
        ),
    ] = ()
    write_policy_seconds: Annotated[int, _bounded(1, 600, "Seconds that program has for an event.")] = 10
    auth_required: Annotated[bool, _about("Take and show nothing without AUTH (NIP-42).")] = False
    wraps_need_auth: Annotated[bool, _about("Take gift wraps from those only who have proved a key.")] = False
    search: Annotated[bool, _about("Answer `search` (NIP-50).")] = True
    count: Annotated[bool, _about("Answer COUNT (NIP-45).")] = True
    reconcile: Annotated[bool, _about("Answer NEG-OPEN (NIP-77).")] = True
    hints: Annotated[
        bool,
        _about("Say in EOSE whether all was sent (NIP-67); some clients refuse an EOSE with a third element."),
    ] = False
    scraper_score: Annotated[
        int,
        _bounded(0, 5, "The points a filter needs: 2 for ids, 1 each for authors, kinds and tags; 0 lets all pass."),
    ] = 0
    work: Annotated[int, _bounded(0, 256, "Leading zero bits that an event's id needs (NIP-13).")] = 0
    message_bytes: Annotated[
        int, _bounded(1_024, 64_000_000, "The largest message; limits.websocket_message_bytes bounds it too.")
    ] = 131_072
    subscriptions: Annotated[int, _bounded(1, 10_000, "Subscriptions of one connection.")] = 64
    filters: Annotated[int, _bounded(1, 100, "Filters of one REQ.")] = 20
    default_limit: Annotated[int, _bounded(1, 1_000_000, "Stored events sent for a filter without a limit.")] = 500
    max_limit: Annotated[int, _bounded(1, 1_000_000, "Stored events sent for one filter at most.")] = 5_000
    tags: Annotated[int, _bounded(1, 1_000_000, "Tags of one event.")] = 2_000
    content_characters: Annotated[int, _bounded(1, 64_000_000, "Characters of an event's content.")] = 65_536
    future_seconds: Annotated[int, _bounded(0, 31_536_000, "Seconds that created_at may be ahead.")] = 900
    past_seconds: Annotated[
        int, _bounded(0, 3_153_600_000, "Seconds that created_at may be ago; 0 takes events of any age.")
    ] = 0
    events_per_minute: Annotated[Rate, _about("Events of one address in a minute.")] = 600
    key_events_per_minute: Annotated[Rate, _about("Events of one key in a minute.")] = 300
    kind_events_per_minute: Annotated[
        dict[Kind, Rate], _about("Events of one address and of these kinds in a minute.", {"1059": 120})
    ] = field(default_factory=lambda: {"4": 120, "1059": 120})
    requests_per_minute: Annotated[Rate, _about("REQ, COUNT, NEG-OPEN and AUTH of one address in a minute.")] = 1_200
    retention_days: Annotated[
        dict[Kind, Days], _about("Days after which events of these kinds are forgotten.", {"1": 365})
    ] = {}
    max_bytes: Annotated[
        int,
        _bounded(
            0, 10**15, "Bytes the database of events may have; beyond it the oldest are forgotten; 0 is no bound."
        ),
    ] = 0
    max_events: Annotated[
        int, _bounded(0, 10**12, "Events that are kept; beyond it the oldest are forgotten; 0 is no bound.")
    ] = 0
    streams: Annotated[
        dict[str, NostrStream],
        _about(
            "Other Nostr relays, each under a name as [nostr.streams.NAME]: events go up to it, down from it, or both; "
            "the filter is JSON in a string, or a table.",
            {"backup": {"url": "wss://relay.example.org", "direction": "both", "filter": '{"kinds": [0, 1]}'}},
        ),
    ] = {}
    wraps: Annotated[
        bool, _about("Tell wallets that ask for it of their payments by gift wraps (NIP-17), here and at their relays.")
    ] = True
    wraps_anywhere: Annotated[
        bool, _about("Deliver them to relays on this machine and in private networks too, if wallets name such.")
    ] = False


def by_kind(table: dict[str, int]) -> dict[int, int]:
    """A table of the settings by kind as a number."""
    return {int(kind): value for kind, value in table.items()}
