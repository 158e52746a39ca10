"""The protocol as a page for people, made from the classes that are the protocol: ``python -m sdkrelay.build.protocol``.

What no class says (codes of closing, what a notification carries) stands here in tables that a test holds to be complete.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Meta, Struct
from msgspec.structs import fields

from ..config.model import Limits
from ..domain import notification as told
from ..domain.access import Access
from ..domain.notification import Kind, Topic
from ..domain.problem import Code
from ..io.rest.answers import STATUS
from ..io.rest.table import ROWS, Row
from ..messages.mesh import family as mesh
from ..messages.message import Message, RawReply, Reply, Request
from ..messages.native.family import REPLIES, REQUESTS
from ..messages.schema import fields_of, plain, schemas, without
from ..messages.wording import table
from ..services.router import replies_of
from .describing import service_classes

_INTRODUCTION = """\
# The protocol

Made from the code by `make docs`; do not edit. How to run a relay is said in [operations.md](operations.md).

## The socket

One WebSocket (port 8090 unless set otherwise). A message is a text frame with one JSON object whose `type` names it. Every
request may carry an `id` (at most 64 characters), which the answer brings back. Requests of one conversation are answered in
order. Unknown fields are ignored; a key that stands twice in an object is refused. Integers are written without a fraction:
`3820`, never `3820.0`. Every answer has its time as `timestamp`, in integer seconds since the epoch; for clients whose
handshake says version `"1.0"` it is ISO-8601 in UTC, a handshake ends in `success` for `accepted`, and a new block is a
`block_notification`. Binary frames close the connection.

A refusal is an `error`; the connection stays open, unless the table of closing codes says otherwise. A request that carries
a private key or a passphrase is taken only over TLS, from this machine, or inside an `encrypted_message`.

What a request asks of its sender:

| access | |
|---|---|
"""
_COST = "\nA request's *cost* is what it takes from its sender's allowance."

#: What each notification carries, and on which topic.
NOTIFICATIONS: dict[Kind, tuple[Topic, type[Struct]]] = {
    Kind.PAYMENT_DETECTED: (Topic.PAYMENTS, told.PaymentData),
    Kind.PAYMENT_CONFIRMED: (Topic.PAYMENTS, told.PaymentData),
    Kind.PAYMENT_SPENT: (Topic.PAYMENTS, told.SpendData),
    Kind.PAYMENT_UNSPENT: (Topic.PAYMENTS, told.SpendData),
    Kind.PAYMENT_ORPHANED: (Topic.PAYMENTS, told.OrphanData),
    Kind.ADDRESS_REUSED: (Topic.PAYMENTS, told.ReuseData),
    Kind.BLOCK_MINED: (Topic.BLOCKS, told.BlockData),
    Kind.BLOCK_DISCONNECTED: (Topic.BLOCKS, told.DisconnectData),
    Kind.PAYMENT_UPDATE: (Topic.PAYMENTS, told.PaymentUpdateData),
    Kind.SYNC_MESSAGE: (Topic.SYNC, told.SyncMessageData),
    Kind.RELAY_CONNECTED: (Topic.RELAYS, told.RelayData),
    Kind.RELAY_DISCONNECTED: (Topic.RELAYS, told.RelayData),
}

#: What each topic brings.
TOPICS: dict[Topic, str] = {
    Topic.NOTIFICATIONS: "`payments`, `blocks` and `relays` together",
    Topic.PAYMENTS: "payments to the wallets this session holds, and expected payments it created",
    Topic.BLOCKS: "blocks that join the best chain or leave it",
    Topic.RELAYS: "other relays that come and go; live only, an `error` about one that is not reached",
    Topic.HEALTH: "how this relay is, at an interval; live only",
    Topic.METRICS: "its figures, at an interval; live only",
    Topic.ALERTS: "alarms that begin and end; live only",
    Topic.SYNC: "how this relay is for other relays, live only; messages that clients left for all",
}

#: What the codes of closing mean.
CLOSINGS: dict[int, str] = {
    1000: "the client's own, echoed",
    1001: "the relay stops",
    1002: "a fault of protocol, or ten messages in a minute that are none",
    1003: "a binary frame",
    1007: "a text that is not UTF-8",
    1008: "refused: a rejected handshake, a client that does not read, what cannot be decrypted, a relay that is linked twice",
    1009: "too large a message; an `error` says so before",
    1011: "a fault of the relay",
    1012: "the relay restarts",
    1013: "the relay is full",
}

#: What the codes of refusals mean.
REFUSALS: dict[Code, str] = {
    Code.VALIDATION_ERROR: "what was sent breaks the schema or makes no sense; `details` name `field` and `expected`",
    Code.UNKNOWN_TYPE: "there is no such request",
    Code.HANDSHAKE_REQUIRED: "send a `handshake` first",
    Code.AUTH_REQUIRED: "prove who you are",
    Code.FORBIDDEN: "you may not",
    Code.NOT_FOUND: "there is no such thing",
    Code.CONFLICT: "there is something else already",
    Code.RATE_LIMITED: "too often; `details.retry_after` says in how many seconds to try again",
    Code.TOO_LARGE: "too large",
    Code.LIMIT_EXCEEDED: "too many; `details` name the limit",
    Code.UNAVAILABLE: "the right request, but the relay cannot answer it now",
    Code.INSECURE: "secrets are taken over protected connections only",
    Code.DECRYPTION_FAILED: "what was encrypted cannot be read",
    Code.WS_CONNECTION_FAILED: "another relay was dialled so often in vain; `details` name `relay_id` and `attempt`",
    Code.INTERNAL: "a fault of the relay; its log says more",
}

_BETWEEN_RELAYS = """\
A relay is a client of another one until both have proved which relays they are. The one that dials puts its greeting with a
fresh nonce into `handshake` (`relay`); `handshake_response` has the other's greeting, with its proof; `relay_proof` follows, and
is answered by `relay_welcome`. A proof is `HMAC-SHA256(mesh token, transcript)` in hex, beside a BIP340 signature of
`SHA256(transcript)` by the identity key. A transcript is these parts, each after its length in four bytes (big-endian): the text
`sdkrelay mesh greeting 1`; whose proof it is, `dialler` or `answerer`; then of the dialler and of the answerer the `relay_id`,
`boot_id`, `network`, `genesis_hash` (UTF-8), `key` and `nonce` (32 bytes each). A relay whose certificate stands for the token
sends 64 zeros as proof. The first key that a `relay_id` shows is kept. Afterwards both sides ask and answer over the one
conversation; records and comparisons go to relays with the capability `reconcile/1` only. Of two conversations that two relays
have dialled at the same time the one dialled by the lower `relay_id` stays."""

_ACCESS = {
    Access.OPEN: "anybody, at any time",
    Access.GREETED: "after a handshake; over HTTP at any time",
    Access.READ: "as `greeted`; where `auth.public_read` is off, users only",
    Access.RELAY: "other relays only, once both sides have proved who they are",
    Access.OPERATOR: "operators only",
}


def page() -> str:
    """The whole page, Markdown."""
    return "\n".join(_Page().lines()).rstrip() + "\n"


class _Page:
    """Collects the objects inside messages while these are told, for the last chapter."""

    def __init__(self) -> None:
        self._answers = replies_of(service_classes())
        self._objects: dict[str, dict[str, Any]] = {}

    def lines(self) -> Iterator[str]:
        yield _INTRODUCTION + "\n".join(f"| `{access}` | {told} |" for access, told in _ACCESS.items()) + "\n" + _COST
        yield from self._messages("## What clients ask", REQUESTS)
        yield from self._messages("## What the relay says", REPLIES)
        yield from self._between_relays()
        yield from self._notifications()
        yield from _codes()
        yield from _limits()
        yield from self._endpoints()
        yield from self._inner()

    def _between_relays(self) -> Iterator[str]:
        yield f"\n## Between relays\n\n{_BETWEEN_RELAYS}"
        answers = {reply.wire_name() for reply in (*REPLIES, *mesh.REPLIES)}
        asked = [request for request in mesh.REQUESTS if request.wire_name() not in answers]
        yield from self._messages("### What relays ask each other", asked, "####")
        yield from self._messages("### What they answer", mesh.REPLIES, "####")

    def _messages(self, title: str, family: Iterable[type[Message]], level: str = "###") -> Iterator[str]:
        yield f"\n{title}"
        for message in family:
            yield f"\n{level} `{message.wire_name()}`\n"
            yield plain(message.__doc__)
            if issubclass(message, Request):
                yield f"\nAccess `{message.ACCESS}`, cost {message.COST}{self._answered(message)}."
            yield from self._fields(message)
            yield f"\n```json\n{json.dumps(message.EXAMPLE, indent=2, ensure_ascii=False)}\n```"

    def _answered(self, message: type[Request]) -> str:
        names = [f"`{reply.wire_name()}`" for reply in self._answers.get(message, ())]
        return f", answered by {' or '.join(names)}" if names else ""

    def _fields(self, message: type[Struct]) -> Iterator[str]:
        own, named = fields_of(message)
        self._objects.update(named)
        shown = table(without(own, "id", "timestamp") if issubclass(message, Reply) else without(own, "id"))
        if shown:
            yield f"\n{shown}"

    def _notifications(self) -> Iterator[str]:
        yield "\n## Topics\n\n| topic | |\n|---|---|"
        yield from (f"| `{topic}` | {brings} |" for topic, brings in TOPICS.items())
        yield "\n## Notifications\n\n| `notification_type` | topic | `data` |\n|---|---|---|"
        yield from (f"| `{kind}` | `{topic}` | {data.__name__} |" for kind, (topic, data) in NOTIFICATIONS.items())
        yield "\nA `payment_update` is told as a message of its own, not inside a `notification`."
        _, named = schemas({data for _, data in NOTIFICATIONS.values()})
        self._objects.update(named)

    def _endpoints(self) -> Iterator[str]:
        yield "\n## HTTP\n"
        yield (
            "Port 8091 unless set otherwise. The same as OpenAPI: `GET /openapi.json`. Bodies are JSON and said to be "
            "(`Content-Type: application/json`). Who asks is shown by a bearer token, HTTP basic or a client certificate; "
            "a wallet's holder by `X-Wallet-Token`. Refusals are "
            '`{"error": {"code", "message", "details"}, "timestamp"}`.'
        )
        for row in ROWS:
            yield from self._endpoint(row)

    def _endpoint(self, row: Row) -> Iterator[str]:
        yield f"\n### `{row.method} {row.path}`\n"
        yield plain(row.request.__doc__)
        holder = "; with a wallet's token" if row.wallet else ""
        yield f"\nAccess `{row.request.ACCESS}`, cost {row.request.COST}{holder}."
        own, named = fields_of(row.request)
        self._objects.update(named)
        shown = table(without(own, "id", row.document, row.whole))
        if shown:
            yield f"\n{shown}"
        yield from (f"\n`{header}` is `{field}`." for header, field in row.headers.items())
        for reply in self._answers[row.request]:
            yield from self._reply(row, reply)

    def _reply(self, row: Row, reply: type[Reply]) -> Iterator[str]:
        yield f"\n*Answer ({', '.join(map(str, row.statuses))}):* {plain(reply.__doc__)}"
        if not issubclass(reply, RawReply) and reply not in REPLIES:
            yield from self._fields(reply)

    def _inner(self) -> Iterator[str]:
        yield "\n## Objects\n\nInside of messages, by the names used above."
        for name, schema in sorted(self._objects.items()):
            if "properties" in schema:
                yield f"\n### {name}\n\n{plain(schema.get('description'))}\n\n{table(without(schema, 'type'))}"


def _codes() -> Iterator[str]:
    yield "\n## Refusals\n\n| code | HTTP | |\n|---|---|---|"
    yield from (f"| `{code}` | {STATUS[code]} | {meaning} |" for code, meaning in REFUSALS.items())
    yield "\nOver HTTP 400 is for what cannot be parsed, 405 for a wrong method, 415 for a body that is not said to be JSON."
    yield "\n## Codes of closing\n\n| code | |\n|---|---|"
    yield from (f"| {code} | {meaning} |" for code, meaning in CLOSINGS.items())


def _limits() -> Iterator[str]:
    yield "\n## Limits\n\nBy default; each is a key of `[limits]`.\n\n| key | default | |\n|---|---|---|"
    for field in fields(Limits):
        about = next((item for item in getattr(field.type, "__metadata__", ()) if _describes(item)), None)
        default = field.default_factory() if callable(field.default_factory) else field.default
        yield f"| `{field.name}` | {json.dumps(default)} | {about.description if about else ''} |"


def _describes(item: Any) -> bool:
    return isinstance(item, Meta) and bool(item.description)


if __name__ == "__main__":
    sys.stdout.write(page())
