"""Where a bus is and how it is spoken to, and the times and sizes after which something is given up."""

from __future__ import annotations

from attrs import field, frozen


def _secret_path(name: str) -> str:
    """A file's name; of what stands in the setting itself nothing is shown."""
    return repr("base64:…" if name.startswith("base64:") else name)


@frozen(kw_only=True)
class BusConfig:
    """The original's settings, in snake_case, and below them ours; times are seconds, sizes bytes.

    ``ca_path`` turns TLS on: the only certificates that are trusted, whatever the host's name. ``key_path`` and
    ``cert_path`` are the client's own. Each is the name of a PEM file, or its content after ``base64:``.
    """

    host: str = "127.0.0.1"
    commander_port: int = 35400
    notifier_port: int = 35800
    ca_path: str = field(default="", repr=_secret_path)
    key_path: str = field(default="", repr=_secret_path)
    cert_path: str = field(default="", repr=_secret_path)
    nice: int = 0
    no_forwarding: bool = False
    #: Until the first connection stands.
    connect_timeout: float = 30.0
    #: Until a command is answered, unless a call says otherwise; 0 waits for ever.
    call_timeout: float = 30.0
    #: Without a byte from a server that has a heartbeat of half a second.
    heartbeat_timeout: float = 10.0
    #: Before an unanswered autoconnect is sent again.
    autoconnect_retry: float = 5.0
    #: Longest pause between two attempts to come back.
    retry_ceiling: float = 5.0
    #: Inflated bytes of one message.
    max_message: int = 16 * 2**20
    #: Bytes that may wait for a server that does not read.
    max_waiting: int = 16 * 2**20
