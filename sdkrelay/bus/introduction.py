"""How a client becomes known on a new connection: at a heartbeat it asks, and the answer has its token, name and registry."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ..messages.bus import Entry, Envelope, Malformed, Message, Route, content, encode, read_registry
from ..messages.bus.names import AUTOCONNECT, AXON, GREATHALL
from ..ports import Entropy
from .config import BusConfig


def identifier(entropy: Entropy) -> str:
    """A random UUID of version 4 (RFC 9562)."""
    drawn = bytearray(entropy.bytes(16))
    drawn[6], drawn[8] = drawn[6] & 0x0F | 0x40, drawn[8] & 0x3F | 0x80
    text = drawn.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@frozen
class Welcome:
    """What the server gives who asked: the bus token, a name, its commands, and whether it is done with starting."""

    token: str
    orc_name: str
    registry: dict[str, Entry]
    is_loaded: bool

    @classmethod
    def read(cls, message: Message) -> Welcome:
        """The welcome in an answer. Raises Malformed."""
        data = content(message.envelope)
        token, name = (data.get("token"), data.get("orcName")) if isinstance(data, dict) else (None, None)
        if not isinstance(token, str) or not token or not isinstance(name, str) or "@" not in name:
            raise Malformed("an autoconnect is answered with a token and a name@token")
        return cls(token, name, read_registry(data.get("cmdRegistry")), data.get("isLoaded") is True)


class Introduction:
    """The asking on one pair of connections; asks again with a new temporary token when nobody answers."""

    def __init__(self, config: BusConfig, entropy: Entropy, token: str, port: int | None) -> None:
        self._config = config
        self._entropy = entropy
        self._token = token
        self._port = port
        self._asked_at: float | None = None
        self._answer = ""

    def due(self, now: float) -> bool:
        """Whether it is time to ask."""
        return self._asked_at is None or now - self._asked_at > self._config.autoconnect_retry

    def ask(self, now: float) -> bytes:
        """The command for the wire."""
        self._asked_at = now
        temporary = identifier(self._entropy).replace("-", "")
        self._answer = f"{temporary}::{AUTOCONNECT}.finished"
        return encode(Message(AUTOCONNECT, self._envelope(temporary)))

    def is_answer(self, message: Message) -> bool:
        """Whether this is what was asked for."""
        return message.topic == self._answer

    def _envelope(self, temporary: str) -> Envelope:
        nice, aside = self._config.nice, self._config.no_forwarding
        data: dict[str, Any] = {"autoConnectToken": temporary, "nice": nice, "noForwarding": aside}
        route = Route(token="", nice=nice, no_forwarding=aside, node_name="zog", port=self._port, hordes=[])
        return Envelope(
            is_xcraft=True, token=self._token, orc_name=GREATHALL, id=identifier(self._entropy), topic=AUTOCONNECT,
            data=data, arp={temporary: route}, router=AXON, origin_router=AXON,
        )  # fmt: skip
