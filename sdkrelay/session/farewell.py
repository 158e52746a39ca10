"""The one line that the log has of a connection: who it was, why it ended, what went over it, how long it was."""

from __future__ import annotations

from twisted.logger import Logger

from ..ports import Caller
from .traffic import Traffic

log = Logger()

#: In a word why we closed, by our close codes (RFC 6455); others say more when they close.
REASONS = {
    1001: "stopping",
    1002: "malformed",
    1003: "binary",
    1008: "refused",
    1009: "too_large",
    1011: "bug",
    1012: "restart",
    1013: "full",
}


def say_farewell(caller: Caller, traffic: Traffic, why: str, now: float) -> None:
    """Log the end of a connection; ``now`` is monotonic. No word of what was said goes into it."""
    principal = caller.principal
    log.info(
        "connection {session} of {who} from {address} ended: {why}; received {messages_received} messages, "
        "{bytes_received} bytes; sent {messages_sent} messages, {bytes_sent} bytes; {seconds} s",
        session=caller.session_id,
        who=principal.name if principal else "anybody",
        address=caller.approach.address or "nowhere",
        why=why,
        messages_received=traffic.messages_received,
        bytes_received=traffic.bytes_received,
        messages_sent=traffic.messages_sent,
        bytes_sent=traffic.bytes_sent,
        seconds=round(now - traffic.began, 3),
    )
