"""Who asks, whatever the door."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from ..crypto.channel import Channel
from ..domain.access import Approach, Principal
from ..domain.news import News
from ..messages.bulletin import Bulletin
from ..messages.message import Message
from .outside import Task


class Caller(Protocol):
    """Who asks: one conversation, whatever its door; over HTTP it lasts for one request and hears nothing afterwards."""

    @property
    def session_id(self) -> str:
        """A name that no other conversation has."""

    @property
    def secure(self) -> bool:
        """Whether nobody in between can read along: loopback or TLS."""

    @property
    def greeted(self) -> bool:
        """Whether the handshake was accepted (over HTTP: always)."""

    @property
    def wallet_ids(self) -> frozenset[str]:
        """The wallets whose payments it may see."""

    def hold(self, wallet_id: str) -> None:
        """It has proved that it may see this wallet."""

    def release(self, wallet_id: str) -> None:
        """It may not see this wallet any more."""

    def greet(self) -> None:
        """The handshake is accepted."""

    def speak(self, version: str | None) -> None:
        """From the present answer on, say everything as this version of the protocol has it."""

    @property
    def encrypted(self) -> bool:
        """Whether the messages themselves are encrypted, whatever carries them."""

    def encrypt(self, channel: Channel) -> None:
        """Once the present request is answered, say and take everything through this channel only."""

    @property
    def principal(self) -> Principal | None:
        """Who it is, once proved; None for somebody unknown."""

    def identify(self, principal: Principal | None) -> None:
        """It has proved who it is, or (None) what it had proved holds no more."""

    @property
    def approach(self) -> Approach:
        """How it came."""

    @property
    def relay_id(self) -> str | None:
        """The relay that it has proved to be; None for everybody else."""

    def become(self, relay_id: str, blame: Callable[[str], None]) -> None:
        """It has proved to be this relay and has a relay's allowance; ``blame`` is told what it does that no relay would."""

    def hang_up(self, reason: str, why: str) -> None:
        """Close the conversation now, with 1008; ``why`` is the word for it in log and metrics."""

    def refuse(self, reason: str) -> None:
        """Close the conversation, with 1008, once the present request is answered."""

    def tell(self, message: Message) -> None:
        """Send a further message, after what was said so far; without effect once the conversation has ended."""

    def push(self, news: News | Bulletin) -> None:
        """Send news, written once for all who hear it; without effect once the conversation has ended."""

    async def room(self) -> None:
        """Until the other side has taken most of what it was told; long answers wait here between their parts."""

    def beside(self, name: str, coroutine: Coroutine[Any, Any, None]) -> Task:
        """Run it once the present request is answered; cancelled when the conversation ends."""

    def at_end(self, action: Callable[[], None]) -> None:
        """Call this when the conversation ends, however it ends."""
