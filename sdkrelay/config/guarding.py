"""The settings about who may do what, and about keys and certificates."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from ..domain.access import Role
from .about import about as _about


class Auth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may do what; how keys may arrive, and what encrypts them at rest."""

    public_read: Annotated[
        bool, _about("Show the relay's state to anybody; otherwise only to users, of whatever role.")
    ] = True
    users: Annotated[
        dict[str, Role],
        _about(
            "Who is known by a client certificate alone: its common name, with a role (reader or operator). Users with a "
            "password are made by `sdkrelay users add`; a certificate of such a name has that user's roles.",
            {"monitoring.example": "reader"},
        ),
    ] = {}
    token_ttl: Annotated[
        int, Meta(ge=60, le=31_536_000, description="Seconds for which a bearer token holds after the log-in.")
    ] = 86_400
    cors_origins: Annotated[
        tuple[str, ...],
        _about(
            'Web sites whose pages may read what this relay shows, as https://host or "*" for all; nothing that changes '
            "the relay is ever open to pages of other sites.",
            "https://wallet.example",
        ),
    ] = ()
    allow_insecure_keys: Annotated[
        bool, _about("Accept private scan keys over connections that are neither TLS nor loopback. For laboratories.")
    ] = False
    master_key_file: Annotated[
        str,
        _about(
            "The key that encrypts scan keys in the database, as 64 hexadecimal characters; a file named here must be "
            "there. By default systemd's credential sdkrelay-master-key, else master.key in data_dir, made at the first "
            "start. Losing it makes registered wallets unreadable.",
            "/etc/sdkrelay/master-key",
        ),
    ] = ""


class Tls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS on both ports (wss and https), where they are given as host:port; SIGHUP reads the files again."""

    certificate: Annotated[
        str, _about("The relay's certificate, followed by its chain, in PEM.", "/etc/sdkrelay/fullchain.pem")
    ] = ""
    key: Annotated[
        str, _about("The private key of the certificate, in PEM and without passphrase.", "/etc/sdkrelay/key.pem")
    ] = ""
    client_ca: Annotated[
        str,
        _about(
            "Authorities whose client certificates are believed, in PEM. Clients are asked for one and may have none.",
            "/etc/sdkrelay/clients.pem",
        ),
    ] = ""
