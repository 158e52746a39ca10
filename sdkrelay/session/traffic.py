"""What went over one conversation, and over all of them: plain numbers, since they change with every message."""

from __future__ import annotations

from attrs import define, field


@define(eq=False)
class Traffic:
    """Messages and their bytes (without the framing) in both directions, and when the conversation began (monotonic)."""

    began: float = 0.0
    messages_received: int = 0
    bytes_received: int = 0
    messages_sent: int = 0
    bytes_sent: int = 0

    def received(self, size: int) -> None:
        """A message of so many bytes came."""
        self.messages_received += 1
        self.bytes_received += size

    def sent(self, size: int) -> None:
        """A message of so many bytes went to the transport."""
        self.messages_sent += 1
        self.bytes_sent += size


@define(eq=False)
class Census:
    """The conversations that are open, and what went over those that have ended."""

    open: set[Traffic] = field(factory=set)
    ended: Traffic = field(factory=Traffic)

    def enter(self, traffic: Traffic) -> None:
        """A conversation has begun."""
        self.open.add(traffic)

    def leave(self, traffic: Traffic) -> None:
        """It has ended; what went over it stays counted."""
        if traffic in self.open:
            self.open.discard(traffic)
            for name in FIGURES:
                setattr(self.ended, name, getattr(self.ended, name) + getattr(traffic, name))

    def total(self, figure: str) -> int:
        """One of :data:`FIGURES` over all conversations since the process began."""
        return int(getattr(self.ended, figure) + sum(getattr(traffic, figure) for traffic in self.open))


#: What is counted of each conversation.
FIGURES = ("messages_received", "bytes_received", "messages_sent", "bytes_sent")
