"""What can be set, with its default, its bounds and its documentation: the one place that knows the names.

The sample file, the reading of files and variables, and the suggestions for mistyped names all come from these classes.
An empty string means "not set": :mod:`sdkrelay.config.resolve` then puts in what fits the network and the machine.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from ..domain.chain import TAPROOT_HEIGHT, Network
from .about import about as _about
from .alerting import Alerts
from .bus import Bus
from .guarding import Auth, Tls
from .meshing import Mesh
from .nostr import Nostr
from .tuning import Cache, Fallback, Pool, RelayInfo, Retry

Level = Literal["debug", "info", "warn", "error", "critical"]


def without_credentials(url: str) -> str:
    """The URL with its user and password left out, fit for logs and reports."""
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://{tail}" if at else url


class BitcoinCore(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bitcoind that is followed. Give either a cookie file or a user with a password, not both."""

    url: Annotated[
        str,
        _about(
            "Address of its RPC and REST server; by default this machine, on the network's usual port.",
            "http://127.0.0.1:38332",
        ),
    ] = ""
    cookie_path: Annotated[
        str,
        _about(
            "The file bitcoind writes its RPC password to; by default the one in its usual data folder.",
            "/var/lib/bitcoind/signet/.cookie",
        ),
    ] = ""
    user: Annotated[str, _about("RPC user, where no cookie is used.", "relay")] = ""
    wallet: Annotated[
        str,
        _about(
            "A wallet of bitcoind whose state operators see in /bitcoin/info; nothing is ever spent from it.", "relay"
        ),
    ] = ""
    password: Annotated[
        str, _about("RPC password of that user; safer as SDKRELAY_BITCOIN_CORE__PASSWORD.", "change me")
    ] = ""
    zmq_url: Annotated[
        tuple[str, ...],
        _about(
            "Where bitcoind publishes hashblock and sequence (-zmqpubhashblock, -zmqpubsequence): one address or a "
            "list. Without it the node is asked at intervals.",
            "tcp://127.0.0.1:28332",
        ),
    ] = ()

    def __repr__(self) -> str:
        shown = without_credentials(self.url)
        return (
            f"BitcoinCore(url={shown!r}, cookie_path={self.cookie_path!r}, user={self.user!r}, zmq_url={self.zmq_url})"
        )


class Database(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the index, the wallets and the log of notifications are kept."""

    url: Annotated[
        str,
        _about(
            "sqlite:///relative/file, sqlite:////absolute/file, or sqlite:// for memory (gone at the end); by default "
            "sdkrelay.sqlite in data_dir.",
            "sqlite:////var/lib/sdkrelay/sdkrelay.sqlite",
        ),
    ] = ""

    def __repr__(self) -> str:
        return f"Database(url={without_credentials(self.url)!r})"


Interval = Annotated[int, Meta(ge=1, le=86_400)]


class Sync(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of the chain is indexed, and how often the relay tells how it is."""

    interval: Annotated[Interval, _about("Seconds between two exchanges with other relays, and two sync messages.")] = (
        30
    )
    health_interval: Annotated[Interval, _about("Seconds between two health messages to subscribers.")] = 60
    metrics_interval: Annotated[Interval, _about("Seconds between two metrics messages to subscribers.")] = 120
    start_height: Annotated[
        Annotated[int, Meta(ge=0, le=500_000_000)] | None,
        _about(
            "The first block indexed; by default taproot's height on the network. Wallets cannot be scanned for payments "
            "before it.",
            709632,
        ),
    ] = None


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one client, and all of them together, may use."""

    websocket_connections: Annotated[int, Meta(ge=1, le=1_000_000, description="WebSocket clients at a time.")] = 1000
    websocket_message_bytes: Annotated[
        int, Meta(ge=1024, le=64_000_000, description="The largest WebSocket message, in either direction.")
    ] = 1_000_000
    websocket_backlog_bytes: Annotated[
        int, Meta(ge=65_536, le=1_000_000_000, description="Unsent bytes after which a slow client is cut.")
    ] = 8_000_000
    websocket_backlog_seconds: Annotated[
        int, Meta(ge=1, le=86_400, description="Seconds without progress after which a slow client is cut.")
    ] = 60
    wallets: Annotated[int, Meta(ge=1, le=10_000_000, description="Wallets that are watched for.")] = 10_000
    websocket_subscriptions: Annotated[
        int,
        Meta(ge=1, le=1000, description="Subscriptions of one WebSocket client, those still being replayed included."),
    ] = 32
    websocket_cost_per_minute: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000_000,
            description="What WebSocket requests of one client may cost in a minute; a ping costs 1, a new wallet 20.",
        ),
    ] = 6000
    http_requests_per_minute: Annotated[
        int, Meta(ge=1, le=100_000_000, description="HTTP requests of one client in a minute.")
    ] = 1000
    http_body_bytes: Annotated[
        int, Meta(ge=0, le=1_000_000_000, description="The largest body of an HTTP request.")
    ] = 10_000_000
    import_body_bytes: Annotated[
        int, Meta(ge=0, le=1_000_000_000_000, description="The largest body of an operator's /import/data.")
    ] = 1_000_000_000
    http_head_seconds: Annotated[
        int,
        Meta(ge=1, le=3600, description="Seconds for the head of a request to arrive, WebSocket handshakes included."),
    ] = 10
    http_head_bytes: Annotated[
        int,
        Meta(ge=1024, le=1_000_000, description="The largest head of an HTTP request, WebSocket handshakes included."),
    ] = 16_384
    http_request_seconds: Annotated[
        int, Meta(ge=1, le=86_400, description="Seconds an HTTP request may take, arriving and answered.")
    ] = 30
    http_connections: Annotated[int, Meta(ge=1, le=1_000_000, description="HTTP connections at a time.")] = 100
    remote_ip_header: Annotated[
        str,
        _about(
            "The header in which trusted_proxies name the client's address; of nobody else is it believed.", "X-Real-IP"
        ),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...], _about("The networks of proxies whose word about their clients is believed.", "10.0.0.0/24")
    ] = ()
    exempt: Annotated[
        tuple[str, ...], _about("Networks whose requests are not counted; loopback is no exception.", "192.0.2.0/24")
    ] = ()


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long notifications are kept, for clients that come back and ask for what they missed."""

    days: Annotated[int, Meta(ge=1, le=36_500, description="Days after which a notification is forgotten.")] = 30
    entries: Annotated[
        int, Meta(ge=1_000, le=1_000_000_000, description="The most that are kept; beyond it the oldest are forgotten.")
    ] = 5_000_000


class Logging(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the log shows, and where it goes. SDKRELAY_LOG=info,sdkrelay.io.net=debug sets level and levels at once."""

    level: Annotated[Level, _about("The least that is logged: debug, info, warn, error or critical.")] = "info"
    levels: Annotated[
        dict[str, Level], _about("Other levels for parts of the relay, by module.", {"sdkrelay.io.bitcoind": "debug"})
    ] = {}
    file: Annotated[
        str,
        _about(
            "The file lines go to; by default where twistd writes: its own log file, or the terminal in the foreground.",
            "/var/log/sdkrelay/sdkrelay.log",
        ),
    ] = ""
    format: Annotated[
        Literal["", "text", "json"],
        _about("text, or json for one object a line; by default text on a terminal, else json."),
    ] = ""
    max_bytes: Annotated[
        int, Meta(ge=10_000), _about("The size at which the file above is put aside for a new one.")
    ] = 10_000_000
    keep: Annotated[int, Meta(ge=1, le=1000), _about("How many files put aside are kept; older ones are deleted.")] = 7


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The relay itself."""

    relay_id: Annotated[
        str, _about("How this relay calls itself to clients; by default made once and kept in the database.", "relay-1")
    ] = ""
    network: Annotated[Network, _about("main, test, testnet4, signet or regtest; must be the node's.")] = Network.SIGNET
    ws_url: Annotated[str, _about("Where WebSocket clients connect: host:port, or a Twisted endpoint string.")] = (
        "0.0.0.0:8090"
    )
    http_url: Annotated[
        str, _about("Where the REST interface listens; the same value as ws_url serves both on one port.")
    ] = "0.0.0.0:8091"
    data_dir: Annotated[
        str,
        _about(
            "Folder of the database and the key file; by default $STATE_DIRECTORY, else ~/.local/share/sdkrelay.",
            "/var/lib/sdkrelay",
        ),
    ] = ""
    dev_mode: Annotated[bool, _about("For developers: the log shows everything, whatever the levels below say.")] = (
        False
    )
    standalone: Annotated[
        bool, _about("Serve what is stored, without a bitcoind; nothing new is found on the chain then.")
    ] = False
    relay_info: RelayInfo = RelayInfo()
    bitcoin_core: BitcoinCore = BitcoinCore()
    database: Database = Database()
    sync: Sync = Sync()
    retry: Retry = Retry()
    pool: Pool = Pool()
    cache: Cache = Cache()
    fallback: Fallback = Fallback()
    auth: Auth = Auth()
    tls: Tls = Tls()
    mesh: Mesh = Mesh()
    bus: Bus = Bus()
    alerts: Alerts = Alerts()
    limits: Limits = Limits()
    retention: Retention = Retention()
    nostr: Nostr = Nostr()
    logging: Logging = Logging()

    @property
    def start_height(self) -> int:
        """The first height to index: the one set, else taproot's on this network."""
        configured = self.sync.start_height
        return TAPROOT_HEIGHT[self.network] if configured is None else configured

    @property
    def one_port(self) -> bool:
        """Whether WebSocket and REST share one listening port."""
        return self.ws_url == self.http_url


def has_credentials(url: str) -> bool:
    """Whether a user or a password stands inside the URL."""
    return "@" in urlsplit(url).netloc
