"""Other relays as they are known here: where they are, and what they are called until they say so themselves."""

from __future__ import annotations

import re
from hashlib import sha256

import msgspec

#: The port of a relay whose address names none.
PORT = 8090
_ADDRESS = re.compile(
    r"(?:(?P<scheme>wss?)://)?(?:\[(?P<six>[0-9a-f:.]{2,45})\]|(?P<host>[a-z0-9._-]{1,253}))(?::(?P<port>[0-9]{1,5}))?/?"
)


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """Another relay: its normalised address, the operator's words for it, when it was added (seconds since the epoch)."""

    id: str
    address: str
    description: str
    added_at: int


def normalised(address: str) -> str:
    """``ws://host:port`` or ``wss://host:port`` in lower case. ValueError for credentials, paths and all else."""
    match = _ADDRESS.fullmatch(address.strip().lower())
    if match is None:
        raise ValueError("expected ws://host:port, wss://host:port or host:port")
    port = int(match["port"] or PORT)
    if not 0 < port < 65536:
        raise ValueError("expected a port from 1 to 65535")
    host = f"[{match['six']}]" if match["six"] else match["host"]
    return f"{match['scheme'] or 'ws'}://{host}:{port}"


def peer_id(address: str) -> str:
    """What a relay at this normalised address is called here: the same on every relay."""
    return f"relay_{sha256(address.encode()).hexdigest()[:12]}"
