"""What the services need from outside, described from their side: small protocols that io implements and tests fake.

Every ``async`` method may raise :class:`Unavailable`; whoever awaits decides whether to wait, to tell, or to give up.
"""

from __future__ import annotations

from .caller import Caller
from .chain import (
    Cache,
    CacheFigures,
    Chain,
    Hint,
    MempoolAdded,
    MempoolRemoved,
    MempoolUnknown,
    RawBlock,
    RawTransaction,
    TipChanged,
)
from .failures import Cancelled, Stale, Unavailable
from .operating import LogKeeper, LogRecord, MachineReader, MachineReading, Meter
from .outside import Clock, Compute, Document, Entropy, Event, Lock, Task, Tasks
from .peers import Dialler, Line, LineWatch
from .stores import (
    AccessStore,
    Expired,
    IndexStore,
    LogStore,
    PaymentStore,
    RecordStore,
    Store,
    Stored,
    WalletChange,
    WalletStore,
)

__all__ = [
    "AccessStore",
    "Cache",
    "CacheFigures",
    "Caller",
    "Cancelled",
    "Chain",
    "Clock",
    "Compute",
    "Dialler",
    "Document",
    "Entropy",
    "Event",
    "Expired",
    "Hint",
    "IndexStore",
    "Line",
    "LineWatch",
    "Lock",
    "LogKeeper",
    "LogRecord",
    "LogStore",
    "MachineReader",
    "MachineReading",
    "MempoolAdded",
    "MempoolRemoved",
    "MempoolUnknown",
    "Meter",
    "PaymentStore",
    "RawBlock",
    "RawTransaction",
    "RecordStore",
    "Stale",
    "Store",
    "Stored",
    "Task",
    "Tasks",
    "TipChanged",
    "Unavailable",
    "WalletChange",
    "WalletStore",
]
