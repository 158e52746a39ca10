"""Proofs of a key by an event: AUTH over the socket (NIP-42) and Authorization over HTTP (NIP-98)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Collection
from hashlib import sha256
from urllib.parse import urlsplit

from . import kinds
from .event import Event, parse_event, require_genuine
from .refusal import Prefix, Refusal, invalid
from .rules import normalized_url

#: Seconds that a proof may be old or early.
AUTH_WINDOW = 600
HTTP_WINDOW = 60


def check_auth(event: Event, *, challenge: str, relays: Collection[str], now: float) -> str:
    """The key that an AUTH event proves; Refusal (invalid) saying what is wrong, the signature checked last."""
    if event.kind != kinds.AUTHENTICATION:
        raise invalid(f"AUTH takes an event of kind {kinds.AUTHENTICATION}")
    if abs(event.created_at - now) > AUTH_WINDOW:
        raise invalid("created_at is more than ten minutes from now")
    if challenge not in event.values("challenge"):
        raise invalid("the challenge is not the one of this connection")
    named = [_place(url) for url in event.values("relay")]
    if not any(_place(relay) in named for relay in relays):
        raise invalid("the relay tag names another relay")
    require_genuine(event)
    return event.pubkey


def check_authorization(header: str, *, urls: Collection[str], method: str, body: bytes, now: float) -> Event:
    """The event in an ``Authorization: Nostr <base64>`` header, fit for this request; Refusal (auth-required) if not.

    Its ``u`` tag may name any of the URLs, with ws and wss for http and https. A ``payload`` tag is required; that an event
    is used once only is for whoever remembers them.
    """
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "nostr":
        raise Refusal(Prefix.AUTH_REQUIRED, "expected Authorization: Nostr and an event in base64")
    try:
        event = parse_event(b64decode(_padded(encoded.strip()), validate=True))
        require_genuine(event)
    except Refusal as refusal:
        raise Refusal(Prefix.AUTH_REQUIRED, refusal.text) from None
    except ValueError:
        raise Refusal(Prefix.AUTH_REQUIRED, "the event is not in base64") from None
    _require_fit(event, urls, method, body, now)
    return event


def _require_fit(event: Event, urls: Collection[str], method: str, body: bytes, now: float) -> None:
    checks = (
        (event.kind == kinds.HTTP_AUTHENTICATION, f"expected an event of kind {kinds.HTTP_AUTHENTICATION}"),
        (abs(event.created_at - now) <= HTTP_WINDOW, "created_at is more than a minute from now"),
        (_as_http(event.first("u") or "") in map(_as_http, urls), "the u tag names another URL"),
        ((event.first("method") or "").upper() == method.upper(), "the method tag names another method"),
        (event.first("payload") == sha256(body).hexdigest(), "the payload tag is not the SHA-256 of the body"),
    )
    for holds, text in checks:
        if not holds:
            raise Refusal(Prefix.AUTH_REQUIRED, text)


def _as_http(url: str) -> str:
    """The URL, normalised, as HTTP has it: ws and http name one place here."""
    scheme, separator, rest = normalized_url(url).partition("://")
    return {"ws": "http", "wss": "https"}.get(scheme, scheme) + separator + rest


def _padded(text: str) -> str:
    return text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)


def _place(url: str) -> str:
    """Scheme, host and port: of the path clients write what they like."""
    normal = normalized_url(url)
    try:
        parts = urlsplit(normal)
    except ValueError:
        return normal
    return f"{parts.scheme}://{parts.netloc}"
