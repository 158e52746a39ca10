"""Whose word is taken for whom a request comes from: that of the configured proxies, and of nobody else."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ...domain.networks import NOWHERE, Networks, parsed_address


@frozen
class Proxies:
    """The header in which ``trusted`` proxies name the client's address; by default none is believed."""

    header: str = ""
    trusted: Networks = NOWHERE

    def client(self, peer: str, headers: Mapping[str, str]) -> str:
        """Who is counted and logged: the peer, or whom it names if it is a trusted proxy.

        Of a list (``X-Forwarded-For``) the last one that is no trusted proxy itself: what stands before it is only what that
        one has said. ``headers`` are by lower-case name. A name that is no address leaves the peer responsible.
        """
        if not self.header or peer not in self.trusted:
            return peer
        client = peer
        for name in reversed(headers.get(self.header.lower(), "").split(",")):
            address = parsed_address(name)
            if address is None:
                break
            client = str(address)
            if client not in self.trusted:
                break
        return client

    def speaks_for(self, peer: str, headers: Mapping[str, str]) -> bool:
        """Whether this connection is a trusted proxy's, made for somebody else."""
        return bool(self.header) and peer in self.trusted and self.header.lower() in headers


#: Every connection is its peer's.
DIRECT = Proxies()
