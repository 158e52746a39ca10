"""The settings about other relays: whom to dial, what proves that they belong here, and how many there may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from ..domain.peer import normalised
from .about import about as _about
from .fault import Fault
from .guarding import Tls
from .streaming import FilterText
from .tuning import BackoffMilliseconds

#: Bytes that a message between relays may have: a full batch of records, or a record of the largest content.
LARGEST_MESSAGE = 700_000
#: Characters a token has at least: as many as 16 random bytes in hexadecimal. Whoever dials sees what is made with it.
SHORTEST_TOKEN = 32


class Mesh(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Other relays, with which this one exchanges messages and payments. It takes none without a token or their certificates."""

    peers: Annotated[
        tuple[str, ...],
        _about("Relays that are dialled, and dialled again whenever they are away.", "ws://relay-2.example:8090"),
    ] = ()
    token_file: Annotated[
        str,
        _about(
            "A file with the token that all relays of the mesh share, at least 32 characters (`openssl rand -hex 32`), "
            "readable by its owner alone. It is never sent.",
            "/etc/sdkrelay/mesh-token",
        ),
    ] = ""
    token: Annotated[
        str,
        _about(
            "The token itself; safer in a file, or as SDKRELAY_MESH__TOKEN.", "change me: at least 32 random characters"
        ),
    ] = ""
    certificates: Annotated[
        tuple[str, ...],
        _about(
            "Relays that need no token: the common names of their certificates, of an authority of tls.client_ca.",
            "relay-2.example",
        ),
    ] = ()
    ca_file: Annotated[
        str,
        _about(
            "Authorities that issue the certificates of the relays dialled over wss, in PEM; by default the system's.",
            "/etc/sdkrelay/mesh-ca.pem",
        ),
    ] = ""
    address: Annotated[
        str,
        _about(
            "Where other relays reach this one; without it they cannot tell others of it.", "ws://relay-1.example:8090"
        ),
    ] = ""
    discovery: Annotated[bool, _about("Dial relays that other relays know, while there are links left.")] = True
    max_links: Annotated[
        int,
        Meta(ge=1, le=64, description="Links beyond which no relay is dialled that nobody named in peers or added."),
    ] = 8
    max_known: Annotated[
        int,
        Meta(ge=1, le=1000, description="Relays that are known through others at a time, and links at a time at most."),
    ] = 64
    cost_per_minute: Annotated[
        int, Meta(ge=1000, le=1_000_000_000, description="What requests of one linked relay may cost in a minute.")
    ] = 1_000_000
    backoff_ms: Annotated[
        BackoffMilliseconds, _about("The shortest pause before a relay is dialled again, in milliseconds.")
    ] = 1000
    max_backoff_ms: Annotated[
        BackoffMilliseconds,
        _about("The longest such pause; it doubles from one to the other, and all of it is left to chance."),
    ] = 30_000

    nostr: Annotated[
        FilterText,
        _about(
            "Which Nostr events linked relays carry, as a filter: JSON in a string, or a table; {} is all of them, and "
            "without a filter there are none.",
            '{"kinds": [0, 1, 10002]}',
        ),
    ] = ""

    def __repr__(self) -> str:
        return f"Mesh(peers={self.peers}, token_file={self.token_file!r}, max_links={self.max_links})"

    @property
    def takes_relays(self) -> bool:
        """Whether any relay can prove itself to this one."""
        return bool(self.token or self.token_file or self.certificates)


def check_mesh(mesh: Mesh, tls: Tls, message_bytes: int) -> Iterator[Fault]:
    """What is wrong with the section, by itself, with that about TLS, and with the largest message that is taken."""
    for address in mesh.peers:
        yield from _check_address("mesh.peers", address)
    if mesh.address:
        yield from _check_address("mesh.address", mesh.address)
    if mesh.token and mesh.token_file:
        yield Fault("mesh.token", "give either the token or the file it is in")
    if mesh.token and len(mesh.token) < SHORTEST_TOKEN:
        yield Fault("mesh.token", f"at least {SHORTEST_TOKEN} characters: openssl rand -hex 32")
    if mesh.peers and not (mesh.takes_relays or tls.certificate):
        yield Fault(
            "mesh.token_file", "missing: without a token, or certificates, no other relay takes this one for a relay"
        )
    if mesh.certificates and not tls.client_ca:
        yield Fault("mesh.certificates", "names relays by their certificates: set tls.client_ca")
    if mesh.takes_relays and message_bytes < LARGEST_MESSAGE:
        yield Fault("limits.websocket_message_bytes", f"relays send each other up to {LARGEST_MESSAGE} bytes")
    if mesh.backoff_ms > mesh.max_backoff_ms:
        yield Fault("mesh.max_backoff_ms", "must not be less than mesh.backoff_ms")


def _check_address(key: str, address: str) -> Iterator[Fault]:
    try:
        normalised(address)
    except ValueError as error:
        yield Fault(key, f"{error}, without credentials or a path")
