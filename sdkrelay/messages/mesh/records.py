"""Records between relays: pushed as they come, and fetched when a comparison shows that they are missing.

A record travels as the base64 of its JSON, so that a batch stays one flat list of words whatever is in the records.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from ...domain.access import Access
from ..message import Reply, Request
from ..native.relays import Count, Hex32, MessageId
from ..values import Word

#: So many records, or ids, one message has at most.
BATCH = 500
#: So many relays a record may pass on its way; a comparison finds it whatever way it went.
HOPS = 16

#: A record: the base64 of its JSON.
RecordText = Annotated[str, Meta(min_length=4, max_length=700_000)]
RecordTexts = Annotated[tuple[RecordText, ...], Meta(max_length=BATCH)]
RecordIds = Annotated[tuple[Hex32, ...], Meta(max_length=BATCH)]

_RECORD = "eyJyZWNvcmRfaWQiOiI0YTRhIn0="
_ID = "4a" * 32


class Records(Request, frozen=True, kw_only=True, tag="records"):
    """Keep these records; ``hops`` is how many relays they have passed, the sender included.

    Answered by ``records_ack`` once what is new of them is on the disk.
    """

    ACCESS: ClassVar[Access] = Access.RELAY
    COST: ClassVar[int] = 10
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "records", "id": "r1", "records": [_RECORD], "hops": 2}

    records: RecordTexts
    hops: Annotated[int, Meta(ge=1, le=HOPS)] = 1


class RecordsAck(Reply, frozen=True, kw_only=True, tag="records_ack"):
    """Of the records sent, how many are kept here now (or were before), and how many are not and never will be."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "records_ack",
        "id": "r1",
        "timestamp": 1703001600,
        "accepted": 1,
        "refused": 0,
    }

    accepted: int
    refused: int


class RecordsAcked(Request, frozen=True, kw_only=True, tag="records_ack"):
    """The answer to ``records``, as it comes in."""

    ACCESS: ClassVar[Access] = Access.RELAY
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "records_ack", "id": "r1", "accepted": 1, "refused": 2}

    accepted: Count
    refused: Count


class FetchRecords(Request, frozen=True, kw_only=True, tag="fetch_records"):
    """Give me these records, by their ids in hex."""

    ACCESS: ClassVar[Access] = Access.RELAY
    COST: ClassVar[int] = 10
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "fetch_records", "id": "f1", "record_ids": [_ID]}

    record_ids: RecordIds


class FetchedRecords(Reply, frozen=True, kw_only=True, tag="fetched_records"):
    """Those of the records asked for that are held and that fit into one message; ``gone`` are the ids of those not held any more.

    Whatever is in neither is to be asked for again.
    """

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "fetched_records",
        "id": "f1",
        "timestamp": 1703001600,
        "records": [_RECORD],
        "gone": [],
    }

    records: tuple[str, ...]
    gone: tuple[str, ...]


class RecordsFetched(Request, frozen=True, kw_only=True, tag="fetched_records"):
    """The answer to ``fetch_records``, as it comes in."""

    ACCESS: ClassVar[Access] = Access.RELAY
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "fetched_records", "id": "f1", "records": [_RECORD], "gone": [_ID]}

    records: RecordTexts
    gone: RecordIds = ()


class SyncAcked(Request, frozen=True, kw_only=True, tag="sync_ack"):
    """The answer to a ``sync_message``, as it comes in from a relay that takes no records."""

    ACCESS: ClassVar[Access] = Access.RELAY
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "sync_ack", "message_id": "msg_12345", "status": "received"}

    message_id: MessageId
    status: Word


class ConflictAnswered(Request, frozen=True, kw_only=True, tag="conflict_detected"):
    """The answer to a ``sync_message`` under whose id another content is kept."""

    ACCESS: ClassVar[Access] = Access.RELAY
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "conflict_detected",
        "message_id": "msg_12345",
        "resolution": "keep_first",
    }

    message_id: MessageId
    resolution: Word
