"""What can be set, with its default, its bounds and its documentation: the one place that knows the names.

The sample file, the reading of files and variables, and the suggestions for mistyped names all come from these classes.
An empty string means "not set": :mod:`sdkrelay.config.resolve` then puts in what fits the network and the machine.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from ..domain.chain import TAPROOT_HEIGHT, Network

Level = Literal["debug", "info", "warn", "error", "critical"]


def _about(description: str, example: object = None) -> Meta:
    """The documentation of one key, with an example where the default shows nothing."""
    return Meta(description=description, examples=[] if example is None else [example])


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


class Sync(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of the chain is indexed."""

    start_height: Annotated[
        Annotated[int, Meta(ge=0, le=500_000_000)] | None,
        _about(
            "The first block indexed; by default taproot's height on the network. Wallets cannot be scanned for payments "
            "before it.",
            709632,
        ),
    ] = None


class Auth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys: how they may arrive, and what encrypts them at rest."""

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
    http_requests_per_minute: Annotated[
        int, Meta(ge=1, le=100_000_000, description="HTTP requests of one client in a minute.")
    ] = 1000
    http_body_bytes: Annotated[
        int, Meta(ge=0, le=1_000_000_000, description="The largest body of an HTTP request.")
    ] = 10_000_000
    http_head_seconds: Annotated[
        int,
        Meta(ge=1, le=3600, description="Seconds for the head of a request to arrive, WebSocket handshakes included."),
    ] = 10
    http_request_seconds: Annotated[
        int, Meta(ge=1, le=86_400, description="Seconds an HTTP request may take, arriving and answered.")
    ] = 30
    http_connections: Annotated[int, Meta(ge=1, le=1_000_000, description="HTTP connections at a time.")] = 100


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long notifications are kept, for clients that come back and ask for what they missed."""

    days: Annotated[int, Meta(ge=1, le=36_500, description="Days after which a notification is forgotten.")] = 30
    entries: Annotated[
        int, Meta(ge=1_000, le=1_000_000_000, description="The most that are kept; beyond it the oldest are forgotten.")
    ] = 5_000_000


class Logging(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What twistd's log shows. SDKRELAY_LOG=info,sdkrelay.io.net=debug sets both keys at once."""

    level: Annotated[Level, _about("The least that is logged: debug, info, warn, error or critical.")] = "info"
    levels: Annotated[
        dict[str, Level], _about("Other levels for parts of the relay, by module.", {"sdkrelay.io.bitcoind": "debug"})
    ] = {}


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
    bitcoin_core: BitcoinCore = BitcoinCore()
    database: Database = Database()
    sync: Sync = Sync()
    auth: Auth = Auth()
    limits: Limits = Limits()
    retention: Retention = Retention()
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
