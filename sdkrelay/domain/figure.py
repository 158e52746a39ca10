"""The figures that conditions may name: a closed list, each with its unit and how it is said in a sentence.

Figures that need samples are of the last minute; a figure without a sample is None, and no comparison with it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

#: What a figure can be now.
Value = float | bool | None


@frozen
class Figure:
    """A number with its unit, or (``otherwise`` is set) something that is true or false; ``said`` has ``{}`` for the number."""

    name: str
    unit: str
    about: str
    said: str
    otherwise: str = ""

    @property
    def is_boolean(self) -> bool:
        """Whether it is true or false, rather than a number."""
        return bool(self.otherwise)

    def sentence(self, value: Value) -> str:
        """How it stands, in words: ``CPU usage is 85%``."""
        if value is None:
            return f"{self.name} is not known"
        if self.is_boolean:
            return self.said if value else self.otherwise
        return self.said.format(f"{value:.10g}")


_ALL: Final = (
    Figure("cpu_usage", "%", "Use of processors by this process (100 is one) in the last minute.", "CPU usage is {}%"),
    Figure("memory_usage_mb", "MB", "Resident memory of this process, by 1,000,000 bytes.", "memory usage is {} MB"),
    Figure("disk_usage", "%", "How full the file system of data_dir is.", "the disk is {}% full"),
    Figure("latency", "s", "Mean time from a request to its reply, over all doors, in the last minute.", "requests take {} s"),
    Figure(
        "error_rate", "%",
        "Requests of the last minute, over all doors, that ended in UNAVAILABLE or INTERNAL.",
        "{}% of requests fail",
    ),
    Figure("requests_per_second", "1/s", "Requests over all doors in the last minute.", "{} requests come a second"),
    Figure("websocket_connections", "", "WebSocket conversations open now.", "{} WebSocket connections are open"),
    Figure("http_connections", "", "HTTP connections open now.", "{} HTTP connections are open"),
    Figure("unsent_bytes", "bytes", "What waits for clients that do not read.", "{} bytes wait for slow clients"),
    Figure(
        "bitcoin_connected", "",
        "Whether bitcoind is connected and fit; not known in a relay that stands alone.",
        "bitcoind is connected", "bitcoind is not connected",
    ),
    Figure(
        "bitcoin_latency", "s",
        "Mean time of an exchange with bitcoind, waiting included, in the last minute.",
        "bitcoind takes {} s to answer",
    ),
    Figure(
        "index_live", "",
        "Whether the index is at bitcoind's tip.",
        "the index is at the tip", "the index is not at the tip",
    ),
    Figure("index_lag", "blocks", "Blocks to go while the index catches up, 0 at the tip.", "the index is {} blocks behind"),
    Figure(
        "store_writable", "",
        "Whether the last write to the database succeeded.",
        "the database can be written", "the database cannot be written",
    ),
    Figure("known_relays", "", "Other relays known.", "{} other relays are known"),
    Figure("connected_relays", "", "Other relays connected now.", "{} other relays are connected"),
    Figure(
        "differing_digests", "blocks",
        "Blocks of which another relay has another digest than this one: one of the two is wrong about payments in them.",
        "other relays have other digests of {} blocks",
    ),
)  # fmt: skip

#: Every figure by its name.
FIGURES: Final[Mapping[str, Figure]] = {figure.name: figure for figure in _ALL}
