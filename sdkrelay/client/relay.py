"""Where relays are, and which one to turn to next."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from attrs import field, frozen

#: Seconds a relay may be away before the next one is tried, unless the relay or the caller says otherwise.
FAILOVER_SECONDS = 5.0
#: Relays that are known at most; a relay that names more is not believed.
MOST_RELAYS = 16


@frozen
class Relay:
    """One relay: its WebSocket and HTTP addresses, and a bearer ``token`` for it alone, which is shown nowhere.

    Without ``http_url`` the HTTP interface is taken to be on the next port, as 8091 is beside 8090. ValueError for an address
    that is none.
    """

    ws_url: str = field()
    http_url: str = ""
    token: str | None = field(default=None, repr=False)

    @ws_url.validator
    def _check(self, _attribute: object, value: str) -> None:
        parts = urlsplit(value)
        if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.username or parts.password:
            raise ValueError("a relay's address is ws://host:port or wss://host:port")
        if parts.port is None and not self.http_url:
            raise ValueError("without a port in its address, say where the relay's HTTP interface is")

    @property
    def rest(self) -> str:
        """Where its HTTP interface is, without a slash at the end."""
        if self.http_url:
            return self.http_url.rstrip("/")
        parts = urlsplit(self.ws_url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{'https' if parts.scheme == 'wss' else 'http'}://{host}:{(parts.port or 0) + 1}"

    @property
    def is_encrypted(self) -> bool:
        """Whether it is reached over TLS."""
        return self.ws_url.startswith("wss:")

    @property
    def is_protected(self) -> bool:
        """Whether nobody in between can read along: TLS, or this machine."""
        return self.is_encrypted or _is_loopback(urlsplit(self.ws_url).hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Route:
    """The primary relay and its backups in their order; one of them is the ``current`` one.

    Each is tried for ``failover`` seconds from when it was lost, then the next one, in a circle.
    """

    def __init__(self, primary: Relay, backups: Sequence[Relay], failover: float) -> None:
        self._own = (primary, *backups)
        self.relays: tuple[Relay, ...] = self._own
        self.failover = failover
        self.current = primary
        self._away_since: float | None = None
        self._tried = 0

    @property
    def primary(self) -> Relay:
        """Where to go back to."""
        return self.relays[0]

    @property
    def has_backups(self) -> bool:
        """Whether there is anywhere else to go."""
        return len(self.relays) > 1

    @property
    def is_first_round(self) -> bool:
        """Whether some relay was not tried yet since the last one was reached."""
        return self._tried < len(self.relays)

    def learn(self, addresses: Sequence[str]) -> bool:
        """Take these too as backups, after those the caller has named; whether any is new.

        Where the primary relay is reached over TLS, others must be as well.
        """
        known = list(self.relays)
        for address in addresses:
            relay = _believed(address, self.primary)
            if relay is not None and len(known) < MOST_RELAYS and relay.ws_url not in {one.ws_url for one in known}:
                known.append(relay)
        changed = len(known) > len(self.relays)
        self.relays = tuple(known)
        return changed

    def away(self, now: float) -> None:
        """The current relay could not be reached, or was lost; the next one's turn when its time is over."""
        if self._away_since is None:
            self._away_since = now
        elif self.has_backups and now - self._away_since >= self.failover:
            self.current = self.relays[(self.relays.index(self.current) + 1) % len(self.relays)]
            self._away_since = now
            self._tried += 1

    def left(self, now: float) -> float:
        """Seconds until it is the next one's turn."""
        return self.failover - (now - (now if self._away_since is None else self._away_since))

    def steady(self) -> None:
        """A conversation with the current one has lasted: whatever went before is forgotten."""
        self._away_since, self._tried = None, 0


def _believed(address: str, primary: Relay) -> Relay | None:
    try:
        relay = Relay(address)
    except ValueError:
        return None
    return relay if relay.is_encrypted or not primary.is_encrypted else None
