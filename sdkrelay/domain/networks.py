"""Addresses and the networks they are in: who is exempt from limits, which proxies are believed, who counts as one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from attrs import frozen


@lru_cache(4096)
def parsed_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address in a text, an IPv4 one also where IPv6 carries it (``::ffff:192.0.2.1``); None for anything else."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


@frozen
class Networks:
    """Some networks; ``address in networks`` takes an address as text."""

    members: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str]) -> Networks:
        """Networks such as ``10.0.0.0/8`` or single addresses. ValueError names the one that is none."""
        return cls(tuple(ip_network(text) for text in texts))

    def __contains__(self, text: str) -> bool:
        return bool(self.members) and _is_in_one(text, self.members)


@lru_cache(4096)
def _is_in_one(text: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    address = parsed_address(text)
    return address is not None and any(address in network for network in networks)


#: No network at all.
NOWHERE = Networks()
