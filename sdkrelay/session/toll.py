"""What a conversation's requests cost, whose allowance they are taken from, and when asking too often ends it."""

from __future__ import annotations

from collections import deque

from attrs import define

from ..domain.problem import Problem
from ..ports import Caller, Clock
from .gate import Allowances

#: So many requests refused for their rate within so many seconds are persistent abuse.
REFUSED, REFUSED_SECONDS = 100, 60.0


@define(eq=False)
class Toll:
    """One conversation's account; without ``allowances`` nothing is counted."""

    _clock: Clock
    _allowances: Allowances | None
    _relays: Allowances | None = None
    wallet: str | None = None
    abuse: str | None = None
    _refused: deque[float] | None = None

    def hold(self, wallet_id: str) -> None:
        """The first wallet that was proved is who is counted, while there is no bearer token."""
        self.wallet = self.wallet or wallet_id

    def charge(self, caller: Caller, cost: int) -> None:
        """Count a request: for its relay, its bearer token, its wallet, or its address. Problem RATE_LIMITED if it is too much.

        ``abuse`` says why the conversation should end, once that has happened too often.
        """
        allowances = self._allowances if caller.relay_id is None else self._relays
        if allowances is None:
            return
        token = caller.principal.token_hash if caller.principal else None
        try:
            if caller.relay_id is None:
                allowances.charge(caller.approach.address, token.hex() if token else self.wallet, cost)
            else:
                allowances.spend(f"relay {caller.relay_id}", cost)
        except Problem as problem:
            self._note(problem)
            raise

    def _note(self, problem: Problem) -> None:
        # Made when there is one: ten thousand conversations have none.
        refused = self._refused = deque(maxlen=REFUSED) if self._refused is None else self._refused
        now = self._clock.monotonic()
        refused.append(now)
        if len(refused) == REFUSED and now - refused[0] < REFUSED_SECONDS:
            self.abuse = f"rate limit ignored: {problem.message}"
