"""The settings of the bus, on which Xcraft programs are clients of the relay."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from .about import about as _about


class Bus(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bus for Xcraft programs: commands on one port, events on another, over TLS where [tls] names a certificate."""

    enabled: Annotated[bool, _about("Serve the bus at all.")] = False
    commands_url: Annotated[
        str,
        _about("Where clients send commands: host:port, or a Twisted endpoint string; this machine only by default."),
    ] = "127.0.0.1:35400"
    events_url: Annotated[
        str, _about("Where clients hear answers and events: host:port, or a Twisted endpoint string.")
    ] = "127.0.0.1:35800"
    require_certificate: Annotated[bool, _about("Serve only clients that show a certificate of tls.client_ca.")] = False
    broadcast: Annotated[
        bool, _about("Let clients publish events of their own to all other clients, by the command broadcast.")
    ] = False
    connections: Annotated[
        int, Meta(ge=1, le=100_000, description="Connections at a time, of each of the two ports.")
    ] = 100
    frame_bytes: Annotated[
        int, Meta(ge=1024, le=64_000_000, description="The largest command, after it was inflated.")
    ] = 1_000_000
    pairing_seconds: Annotated[
        int,
        Meta(ge=1, le=3600, description="Seconds after which a connection is cut that has not found its other half."),
    ] = 15
