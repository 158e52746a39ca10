"""Who was not taken as a relay, and why: counted, and the last of them remembered for the operator."""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum

from attrs import define, field

from ...domain.measure import MESH_REFUSALS
from ...messages.rest.relays import RefusedRelay
from ...ports import Clock, Meter

#: So many are remembered, each once for its address, name and reason.
REMEMBERED = 100


class Reason(StrEnum):
    """Why, in a word; :data:`WORDS` says it in a sentence."""

    OURSELVES = "ourselves"
    NETWORK = "network"
    KEY = "key"
    PINNED = "pinned"
    TOKEN = "token"
    NO_TOKEN = "no_token"
    SIGNATURE = "signature"
    REFLECTED = "reflected"
    SLOW = "slow"
    CUT = "cut"
    ORDER = "order"
    FULL = "full"
    SHUNNED = "shunned"
    REMOVED = "removed"
    REJECTED = "rejected"
    TWIN = "twin"


WORDS = {
    Reason.OURSELVES: "this is the relay itself, or one that uses its name",
    Reason.NETWORK: "it is on another network",
    Reason.KEY: "its key is none",
    Reason.PINNED: "its relay_id belongs to a relay with another key",
    Reason.TOKEN: "its mesh token is another one",
    Reason.NO_TOKEN: "it has shown no mesh token",
    Reason.SIGNATURE: "it has not the key it names",
    Reason.REFLECTED: "it sent our own nonce back",
    Reason.SLOW: "its greeting took too long",
    Reason.CUT: "the conversation ended in the middle of the greeting",
    Reason.ORDER: "its greeting came in another order than greetings do",
    Reason.FULL: "there are as many links as there may be",
    Reason.SHUNNED: "it offended too often a short time ago",
    Reason.REMOVED: "an operator has removed it",
    Reason.REJECTED: "it does not take this relay",
    Reason.TWIN: "another process is linked that has its name and key: was its data_dir copied?",
}


class Refused(Exception):
    """The other side is not taken as a relay; ``detail`` is what it said itself, if that was the reason."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{WORDS[reason]}{': ' if detail else ''}{detail}")
        self.reason = reason


@define(eq=False)
class Refusals:
    """The last refusals, newest last, and the count of all by reason."""

    _clock: Clock
    _meter: Meter
    _last: OrderedDict[tuple[str, str, str], RefusedRelay] = field(factory=OrderedDict)

    def note(self, refused: Refused, address: str, relay_id: str | None) -> None:
        """It happened; ``relay_id`` is what the other side called itself, which proves nothing."""
        self._meter.count(MESH_REFUSALS, refused.reason.value)
        at = (address, relay_id or "", refused.reason.value)
        before = self._last.pop(at, None)
        self._last[at] = RefusedRelay(
            address=address,
            relay_id=relay_id,
            reason=str(refused),
            count=before.count + 1 if before else 1,
            last_at=int(self._clock.now()),
        )
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)

    def last(self) -> tuple[RefusedRelay, ...]:
        """Those remembered, newest first."""
        return tuple(reversed(self._last.values()))
