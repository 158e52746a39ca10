"""A WebSocket client that knows frames and nothing else, on a real socket: it can send whatever must not be sent."""

from __future__ import annotations

import struct

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from .websocket import CLOSE, TEXT, Frames

MASK = b"\x37\xfa\x21\x3d"
CONTINUATION = 0


def masked(payload: bytes) -> bytes:
    """A client's payload under a mask that is not zero."""
    whole = (MASK * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")).to_bytes(len(payload), "big")


def frame(payload: bytes, opcode: int = TEXT, final: bool = True, reserved: int = 0) -> bytes:
    """A client's frame."""
    size = len(payload)
    first = bytes([opcode | (0x80 if final else 0) | reserved << 4])
    if size < 126:
        length = bytes([0x80 | size])
    else:
        length = b"\xfe" + struct.pack("!H", size) if size < 65536 else b"\xff" + struct.pack("!Q", size)
    return first + length + MASK + masked(payload)


def closing(code: int, reason: bytes = b"") -> bytes:
    """A close frame."""
    return frame(struct.pack("!H", code) + reason, CLOSE)


class Peer(Protocol):
    """A client that knows frames and nothing else."""

    def __init__(self) -> None:
        self.frames = Frames()
        self.received: list[tuple[int, bytes]] = []
        self.gone = False
        self._waiting: list[Deferred[None]] = []

    def dataReceived(self, data: bytes) -> None:
        """Take the frames out."""
        self.received += self.frames.feed(data)
        self._stir()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Remember that it is over."""
        self.gone = True
        self._stir()

    def _stir(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)

    async def stir(self) -> None:
        """Until something comes."""
        one: Deferred[None] = Deferred()
        self._waiting.append(one)
        await one

    def send(self, *parts: bytes) -> None:
        """All of it in one write."""
        assert self.transport is not None
        self.transport.write(b"".join(parts))

    async def opened(self) -> None:
        """Until the upgrade is answered."""
        while not self.frames.head and not self.gone:
            await self.stir()

    async def next(self) -> tuple[int, bytes]:
        """The next frame; EOFError when the connection ends before it."""
        while not self.received:
            if self.gone:
                raise EOFError("the connection has ended")
            await self.stir()
        return self.received.pop(0)

    async def ended(self) -> list[tuple[int, bytes]]:
        """All frames until the connection is over."""
        while not self.gone:
            await self.stir()
        return self.received
