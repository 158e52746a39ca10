"""What the settings say together, and in their forms, checked without touching the machine: all faults at once.

Whether the node answers or a port is free is tried elsewhere; here is what is wrong on any machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from ..domain.networks import Networks
from .address import Address, parse_address
from .alerting import SHORTEST_SECRET, Alerts
from .bus import Bus
from .fault import Fault
from .guarding import Tls
from .meshing import check_mesh
from .model import BitcoinCore, Config, Database, Limits, has_credentials
from .nostr_check import check_nostr
from .streaming import check_streams


def check(config: Config) -> list[Fault]:
    """Every fault, in the order of the sample file; an empty list means that the relay can be built from it."""
    parts: list[Iterator[Fault]] = [
        _relay_id(config.relay_id),
        _listening(config),
        _node(config.bitcoin_core),
        _database(config.database),
        _auth(config),
        _tls(config.tls),
        check_mesh(config.mesh, config.tls, config.limits.websocket_message_bytes),
        _bus(config.bus, config.tls),
        _alerts(config.alerts),
        _tuning(config),
        _limits(config.limits),
        check_nostr(config.nostr),
        check_streams(config.nostr.streams, config.mesh.nostr),
    ]
    return [fault for part in parts for fault in part]


def _relay_id(relay_id: str) -> Iterator[Fault]:
    if len(relay_id) > 64 or not (relay_id.isascii() and relay_id.isprintable()):
        yield Fault("relay_id", "at most 64 printable ASCII characters")


def _listening(config: Config) -> Iterator[Fault]:
    """Each address by itself; then two different ones must not want the same port."""
    addresses: dict[str, Address] = {}
    for key, text in listening(config).items():
        try:
            address = parse_address(text)
        except ValueError as error:
            yield Fault(key, str(error))
            continue
        if address is not None:
            yield from _collisions(key, address, addresses)
            addresses[key] = address


def listening(config: Config) -> dict[str, str]:
    """Where the relay listens, by the keys of the settings; one port for two doors is named once."""
    urls = {"ws_url": config.ws_url} if config.one_port else {"ws_url": config.ws_url, "http_url": config.http_url}
    bus = {"bus.commands_url": config.bus.commands_url, "bus.events_url": config.bus.events_url}
    return {**urls, **bus} if config.bus.enabled else urls


def _collisions(key: str, address: Address, others: dict[str, Address]) -> Iterator[Fault]:
    """Those of the other addresses that cannot be listened on beside this one."""
    for other in (other for other, known in others.items() if _collide(known, address)):
        shared = "; write exactly the same value in both to serve both on one port" if key == "http_url" else ""
        yield Fault(key, f"wants the port of {other}{shared}")


def _collide(first: Address, second: Address) -> bool:
    """Whether two addresses cannot be listened on at the same time: one port, and one host or a host that means all."""
    if first.port != second.port or first.port == 0:
        return False
    return first.host == second.host or bool({first.host, second.host} & {"0.0.0.0", "::"})


def _node(node: BitcoinCore) -> Iterator[Fault]:
    yield from _http_address("bitcoin_core.url", node.url)
    if node.cookie_path and (node.user or node.password):
        yield Fault("bitcoin_core.cookie_path", "give either a cookie file or user and password")
    if node.user and not node.password:
        yield Fault("bitcoin_core.password", "missing for the user given")
    if node.password and not node.user:
        yield Fault("bitcoin_core.user", "missing for the password given")
    if ":" in node.user:
        yield Fault("bitcoin_core.user", "must not contain a colon")
    for address in node.zmq_url:
        yield from _zmq_address(address)


def _tuning(config: Config) -> Iterator[Fault]:
    """What bounds a range is not above what ends it."""
    if config.retry.backoff_ms > config.retry.max_backoff_ms:
        yield Fault("retry.max_backoff_ms", "must not be less than retry.backoff_ms")
    if config.pool.min_connections > config.pool.max_connections:
        yield Fault("pool.max_connections", "must not be less than pool.min_connections")


def _limits(limits: Limits) -> Iterator[Fault]:
    for key in ("trusted_proxies", "exempt"):
        try:
            Networks.of(getattr(limits, key))
        except ValueError:
            yield Fault(f"limits.{key}", "expected networks such as 10.0.0.0/8 or 2001:db8::/32, or single addresses")
    if limits.remote_ip_header and not limits.trusted_proxies:
        yield Fault("limits.trusted_proxies", "missing: nobody's remote_ip_header would be believed")
    if limits.trusted_proxies and not limits.remote_ip_header:
        yield Fault("limits.remote_ip_header", "missing: say in which header the trusted proxies name their clients")


def _http_address(key: str, url: str) -> Iterator[Fault]:
    """An empty one stands for the default."""
    if url and not _parses(url, lambda parts: parts.scheme in ("http", "https") and bool(parts.hostname)):
        yield Fault(key, "expected http://host:port")
    elif url and has_credentials(url):
        yield Fault(key, "put user and password in their own keys, not in the address")


def _zmq_address(address: str) -> Iterator[Fault]:
    if address.startswith("ipc://") and len(address) > 6:
        return
    if not _parses(address, lambda parts: parts.scheme == "tcp" and bool(parts.hostname) and parts.port is not None):
        yield Fault("bitcoin_core.zmq_url", "expected tcp://host:port or ipc://path")


def _parses(url: str, accept: Callable[..., bool]) -> bool:
    """Whether the URL can be taken apart, its port included, and is accepted."""
    try:
        parts = urlsplit(url)
        return parts.port != 0 and accept(parts)
    except ValueError:
        return False


def _database(database: Database) -> Iterator[Fault]:
    url = database.url
    if url and url != "sqlite://" and not (url.startswith("sqlite:///") and len(url) > 10):
        yield Fault("database.url", "expected sqlite:///file, or sqlite:// for memory")


def _auth(config: Config) -> Iterator[Fault]:
    if config.auth.users and not config.tls.client_ca:
        yield Fault("auth.users", "names people by their certificates: set tls.client_ca, or use `sdkrelay users add`")
    for origin in config.auth.cors_origins:
        if origin != "*" and not _is_origin(origin):
            yield Fault("auth.cors_origins", "expected https://host, without a path and in lower case, or *")


def _is_origin(text: str) -> bool:
    """Whether this is a site as browsers name it (RFC 6454), and nothing more."""
    return _parses(text, lambda parts: text == f"{parts.scheme}://{parts.netloc}".lower())


def _alerts(alerts: Alerts) -> Iterator[Fault]:
    url = alerts.webhook_url
    if url and not _parses(url, lambda parts: parts.scheme in ("http", "https") and bool(parts.hostname)):
        yield Fault("alerts.webhook_url", "expected http://host:port/path or https://host/path")
    elif url and has_credentials(url):
        yield Fault("alerts.webhook_url", "takes no user and password: what is posted is signed")
    if url and len(alerts.webhook_secret) < SHORTEST_SECRET:
        yield Fault("alerts.webhook_secret", f"at least {SHORTEST_SECRET} characters, to sign what is posted")


def _tls(tls: Tls) -> Iterator[Fault]:
    if tls.certificate and not tls.key:
        yield Fault("tls.key", "missing for the certificate given")
    if (tls.key or tls.client_ca) and not tls.certificate:
        yield Fault("tls.certificate", "missing: without it there is no TLS")


def _bus(bus: Bus, tls: Tls) -> Iterator[Fault]:
    if bus.require_certificate and not tls.client_ca:
        yield Fault("bus.require_certificate", "needs tls.client_ca: without it no certificate is believed")
