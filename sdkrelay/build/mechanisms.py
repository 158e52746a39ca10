"""What keeps the relays of a mesh alike, as one value: whoever makes a relay can put others in their places.

The proof of the mesh does: it must notice each of them when it is broken.
"""

from __future__ import annotations

from attrs import frozen

from ..services.mesh.repair import Repair
from ..services.records import RecordService


@frozen
class Mechanisms:
    """The classes that keep records and that compare them with other relays'."""

    records: type[RecordService] = RecordService
    repair: type[Repair] = Repair
