"""Takes records that other relays give, and packs those we give: one way in for what is pushed and for what is fetched.

What does not read, or is not accepted, is dropped and counted against the relay that gave it; the rest is on the disk when
:meth:`Intake.take` returns.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import a2b_base64
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec
from attrs import frozen

from ...domain.items import Items
from ...domain.measure import MESH_RECORDS
from ...domain.record import Record
from ...messages.catalog import encode
from ...messages.mesh.records import BATCH
from ...ports import Compute, Meter
from .link import Link

#: Characters of records in one message, though one record always fits.
BATCH_BYTES = 600_000
#: So many ids are remembered of what a relay has seen.
SEEN = 20_000


class RecordSet(Protocol):
    """The records that are held here, as the mesh needs them."""

    @property
    def room(self) -> int:
        """How many records of other relays would still be kept."""

    def sealed(self) -> Items:
        """The ids of all that are held now, each with its time in milliseconds; cheap, and never changed afterwards."""

    async def unknown(self, record_ids: Sequence[bytes]) -> list[bytes]:
        """Those that are neither held nor remembered to have expired."""

    async def get(self, record_ids: Sequence[bytes]) -> list[Record]:
        """Those that are held."""

    async def accept(self, records: Sequence[Record], source: str) -> list[bytes]:
        """Keep records of the relay ``source``, durably; the ids of those that are held now, others were refused."""

    def on_stored(self, told: Callable[[Sequence[Record], str | None], None]) -> None:
        """Call this with each batch of new records after its commit, and the relay it came from (None for a client's)."""


class Seen:
    """The last ids that a relay is known to have; the oldest go first."""

    def __init__(self, most: int = SEEN) -> None:
        self._most = most
        # A plain dictionary looks for its oldest entry past all that were deleted before it.
        self._ids: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, record_id: bytes) -> bool:
        return record_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, record_ids: Sequence[bytes]) -> None:
        """It has these."""
        for record_id in record_ids:
            self._ids[record_id] = None
            self._ids.move_to_end(record_id)
        while len(self._ids) > self._most:
            self._ids.popitem(last=False)


@frozen
class Taken:
    """What became of a batch: the ids that are held now (or were until they expired), and how many records were refused."""

    accepted: list[bytes]
    refused: int


def _any_key(relay_id: str, key: bytes) -> bool:
    return True


class Intake:
    """Reads, accepts and counts; heavy parts run on the ``Compute`` port. ``fits`` says whether a key is that of a relay."""

    def __init__(
        self, records: RecordSet, compute: Compute, meter: Meter, fits: Callable[[str, bytes], bool] = _any_key
    ) -> None:
        self._records = records
        self._compute = compute
        self._meter = meter
        self._fits = fits

    async def read(self, link: Link, texts: Sequence[str]) -> list[Record]:
        """The records in these texts, those left out that are none."""
        read = await self._compute.run(parsed, texts)
        self._refuse(link, len(texts) - len(read), "no records")
        return read

    async def take(self, link: Link, records: Sequence[Record], wanted: bool = False) -> Taken:
        """Keep them, durably, those left out that the rules refuse; only new ones are looked at: all, if ``wanted``.

        Nobody is to blame for those there is no room for.
        """
        given = {record.record_id: record for record in records}
        new = set(given) if wanted or not given else set(await self._records.unknown(list(given)))
        fitting = [given[each] for each in given if each in new and self._fits(given[each].origin, given[each].key)]
        tried, left_out = fitting[: self._records.room], fitting[self._records.room :]
        accepted = new.intersection(await self._records.accept(tried, link.relay_id)) if tried else set()
        if left_out:
            self._meter.count(MESH_RECORDS, "dropped", by=len(left_out))
        refused = len(new) - len(accepted) - len(left_out)
        self._refuse(link, refused, "records that break the rules")
        return Taken([each for each in given if each in accepted or each not in new], refused)

    async def texts(self, records: Sequence[Record]) -> list[str]:
        """As many of these as fit into one message, from the first on."""
        return await self._compute.run(packed, records)

    def _refuse(self, link: Link, count: int, what: str) -> None:
        if count:
            self._meter.count(MESH_RECORDS, "refused", by=count)
            link.blame(f"{count} {what}")


def parsed(texts: Sequence[str]) -> list[Record]:
    """The records in base64 of JSON; what is none is left out."""
    records = []
    for text in texts:
        try:
            records.append(Record.parse(msgspec.json.decode(a2b_base64(text, strict_mode=True), type=dict[str, Any])))
        except (ValueError, RecursionError):
            continue
    return records


def packed(records: Sequence[Record]) -> list[str]:
    """The first of these records as base64 of JSON: at most 500, and 600,000 characters, but one at least."""
    texts: list[str] = []
    size = 0
    for record in records[:BATCH]:
        text = b64encode(encode(record.wire())).decode()
        size += len(text)
        if texts and size > BATCH_BYTES:
            break
        texts.append(text)
    return texts
