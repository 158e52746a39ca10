"""All messages between relays, named one by one: adding a class without naming it here fails a test."""

from __future__ import annotations

from ..message import Message, Request
from .answers import DiscoveryAnswer, ErrorAnswer, PongAnswer
from .greeting import Greeted, RelayProof, RelayWelcome, Welcomed
from .reconcile import SyncAnswered
from .records import (
    ConflictAnswered,
    FetchedRecords,
    FetchRecords,
    Records,
    RecordsAck,
    RecordsAcked,
    RecordsFetched,
    SyncAcked,
)

#: Of these, what is about records and about how relays are.
SHARED: tuple[type[Request], ...] = (
    SyncAnswered,
    Records,
    RecordsAcked,
    FetchRecords,
    RecordsFetched,
    SyncAcked,
    ConflictAnswered,
)

#: What relays ask each other, and the answers as the asking relay reads them.
REQUESTS: tuple[type[Request], ...] = (
    RelayProof,
    Greeted,
    Welcomed,
    PongAnswer,
    ErrorAnswer,
    DiscoveryAnswer,
    *SHARED,
)

#: What a relay says to a relay, and to nobody else.
REPLIES: tuple[type[Message], ...] = (RelayWelcome, RecordsAck, FetchedRecords)
