"""How somebody came to a port: from where, through whom, and on whose behalf; what can be forged counts against them.

While no operator is configured, whoever sits at the machine is one. A browser there also runs the pages of strangers, a
proxy there brings the requests of strangers, and a stranger's name can be made to lead to the machine: none of these counts
as sitting at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.web.http import Request

from ...domain.access import Approach
from .http import is_loopback, names_a_proxy
from .proxies import DIRECT, Proxies
from .tls import peer_certificate

#: What ``Sec-Fetch-Site`` says of requests that no other site has caused.
OWN_SITE = ("none", "same-origin", "same-site")


def approach_of(transport: Any, headers: Mapping[str, str], proxies: Proxies = DIRECT) -> Approach:
    """How whoever is behind this transport came, by the request's headers (by lower-case name).

    A request that a page of another site has caused does not bring the certificate of the browser it was shown in, and the
    certificate of a trusted proxy is not that of the client it names.
    """
    peer = transport.getPeer()
    address = getattr(peer, "host", "")
    foreign = is_foreign(headers)
    local = isinstance(peer, IPv4Address | IPv6Address) and is_loopback(address) and not foreign
    relayed = proxies.speaks_for(address, headers)
    certificate = None if foreign or relayed else peer_certificate(transport)
    return Approach(proxies.client(address, headers), local and not relayed and _is_direct(headers), certificate)


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether a page of another site has caused this request, as browsers tell by ``Origin`` or ``Sec-Fetch-Site``."""
    if headers.get("sec-fetch-site", "none") not in OWN_SITE:
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    host = _host_of(f"//{headers.get('host', '')}")
    return host is None or not origin.startswith(("http://", "https://")) or _host_of(origin) != host


def make_origin_readable(request: Request) -> None:
    """Let an ``Origin`` that names no host count as ``null``, which is foreign: Autobahn refuses what it cannot read.

    Browsers send none such; programs do.
    """
    origin = request.getHeader("origin")
    if origin is not None and _host_of(origin) is None:
        request.requestHeaders.setRawHeaders("origin", ["null"])


def _is_direct(headers: Mapping[str, str]) -> bool:
    """Whether no proxy stands between, and the client itself believes that it speaks to this machine."""
    if names_a_proxy(headers):
        return False
    host = _host_of(f"//{headers.get('host', '')}")
    return host is not None and (host == "localhost" or _is_loopback_name(host))


def _is_loopback_name(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host_of(url: str) -> str | None:
    """The host of an URL, in lower case; None where there is none to be made out."""
    try:
        parts = urlsplit(url)
        return None if parts.port == 0 or "@" in parts.netloc else parts.hostname
    except ValueError:
        return None
