"""What a request must fulfil before any service sees it, whatever door it came through."""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from math import ceil

from attrs import frozen

from ..domain.access import Access, Role
from ..domain.networks import NOWHERE, Networks, parsed_address
from ..domain.problem import Code, Problem
from ..messages.message import Request
from ..ports import Caller, Clock

#: How many senders' allowances are remembered; the one longest not seen goes first, and would be full by then.
SENDERS = 100_000


@frozen
class Gate:
    """Access and secrecy.

    ``allow_insecure_keys`` takes private keys over any connection (laboratories); without ``public_read`` the relay's state
    is shown to those only who have a role.
    """

    allow_insecure_keys: bool = False
    public_read: bool = True

    def check(self, request: Request, caller: Caller) -> None:
        """Problem HANDSHAKE_REQUIRED, AUTH_REQUIRED, FORBIDDEN or INSECURE for a request that is not to be handled."""
        if request.ACCESS is not Access.OPEN and not caller.greeted:
            raise Problem(Code.HANDSHAKE_REQUIRED, "send a handshake first")
        self._check_role(request, caller)
        if request.ACCESS is Access.RELAY and caller.relay_id is None:
            raise Problem(Code.AUTH_REQUIRED, "this is for other relays: prove to be one")
        if request.carries_private_keys() and not (caller.secure or self.allow_insecure_keys):
            raise Problem(
                Code.INSECURE, "private keys are taken from this machine, over TLS (wss://) or encrypted only"
            )

    def _check_role(self, request: Request, caller: Caller) -> None:
        roles = caller.principal.roles if caller.principal else frozenset()
        if request.ACCESS is Access.OPERATOR and Role.OPERATOR not in roles:
            if roles:
                raise Problem(Code.FORBIDDEN, "this is the operator's")
            raise Problem(
                Code.AUTH_REQUIRED, "this is the operator's: give a bearer token, a password, or a certificate"
            )
        if request.ACCESS is Access.READ and not (self.public_read or roles or caller.relay_id):
            raise Problem(Code.AUTH_REQUIRED, "this relay shows its state to those it knows: give a bearer token")


class Allowances:
    """How much each sender may still ask: filled evenly up to a minute's worth, emptied by what requests cost.

    Whoever comes from an ``exempt`` network is not counted.
    """

    def __init__(self, clock: Clock, per_minute: int, exempt: Networks = NOWHERE) -> None:
        self._clock = clock
        self._exempt = exempt
        self._capacity = float(per_minute)
        self._rate = per_minute / 60
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def charge(self, address: str, token: str | None, cost: int = 1) -> None:
        """Take a request's cost from the token it was proved by, else from the address it comes from; see :meth:`spend`."""
        if address not in self._exempt:
            self.spend(f"token {token}" if token else sender_of(address), cost)

    def require(self, token: str) -> None:
        """Refuse a token whose allowance is used up before anybody looks it up; Problem RATE_LIMITED."""
        sender = f"token {token}"
        left, seen = self._left.get(sender, (self._capacity, self._clock.monotonic()))
        if left + (self._clock.monotonic() - seen) * self._rate < 1:
            self.spend(sender)

    def spend(self, sender: str, cost: int = 1) -> None:
        """Take a request's cost from its sender. Problem RATE_LIMITED says when it can be tried again."""
        now = self._clock.monotonic()
        left, seen = self._left.pop(sender, (self._capacity, now))
        left = min(self._capacity, left + (now - seen) * self._rate)
        cost = min(cost, int(self._capacity))
        self._left[sender] = (left - cost if left >= cost else left, now)
        if len(self._left) > SENDERS:
            self._left.popitem(last=False)
        if left < cost:
            wait = ceil((cost - left) / self._rate)
            message = f"more than {self._capacity:.0f} requests a minute: try again in {wait} s"
            raise Problem(Code.RATE_LIMITED, message, limit=int(self._capacity), retry_after=wait)


@lru_cache(maxsize=4096)
def sender_of(address: str) -> str:
    """Who is counted for an address: its /24 or, for IPv6, its /48, because one sender easily has all of it."""
    parsed = parsed_address(address)
    if parsed is None:
        return address
    length = 3 if parsed.version == 4 else 6
    return f"{parsed.version}:{parsed.packed[:length].hex()}"
