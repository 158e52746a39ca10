"""Where to listen: the short ``host:port`` that people write, and the Twisted endpoint string it stands for."""

from __future__ import annotations

import re

from attrs import frozen

#: What starts a Twisted server endpoint string; no host of these names can be written in the short form.
ENDPOINT_KINDS = ("tcp", "tcp6", "ssl", "tls", "unix", "systemd", "haproxy")
_SHORT = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]*)):(?P<port>[0-9]{1,5})")


@frozen
class Address:
    """A TCP address to listen on; port 0 lets the system choose."""

    host: str
    port: int

    @property
    def description(self) -> str:
        """The same as a Twisted server endpoint string."""
        if ":" in self.host:
            escaped = self.host.replace(":", r"\:")
            return f"tcp6:port={self.port}:interface={escaped}"
        return f"tcp:port={self.port}:interface={self.host}"


def is_endpoint(text: str) -> bool:
    """Whether this is a Twisted endpoint string rather than ``host:port``."""
    return text.partition(":")[0] in ENDPOINT_KINDS


def parse_address(text: str) -> Address | None:
    """The address of a ``host:port`` (``[::1]:8090`` for IPv6); None for an endpoint string. ValueError says what is wrong."""
    if is_endpoint(text):
        return None
    match = _SHORT.fullmatch(text)
    if match is None:
        raise ValueError("expected host:port, or a Twisted endpoint string such as tcp:8090")
    if int(match["port"]) > 65535:
        raise ValueError("the port is above 65535")
    return Address(match["six"] or match["host"] or "0.0.0.0", int(match["port"]))


def listen_description(text: str) -> str:
    """The Twisted server endpoint string for a configured ``ws_url`` or ``http_url``."""
    address = parse_address(text)
    return text if address is None else address.description
