"""How often somebody may try a password, and which ones were right a moment ago.

A password is slow to check on purpose. HTTP basic brings it with every request, so one that was right is remembered for a
minute: as a keyed hash, together with the hash it was checked against, so that another password ends it at once.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from ..domain.access import Login
from ..domain.problem import Code, Problem
from ..ports import Clock, Entropy
from ..session.gate import Allowances, sender_of

#: Attempts a minute from one address, and at one name from anywhere: guessing is hopeless, and nobody is kept out for long.
BY_ADDRESS, BY_NAME = 10, 60
#: Passwords being checked or waiting for it; each takes 64 MiB while it is checked.
AT_ONCE = 16
#: Right passwords remembered, and seconds for which they are.
REMEMBERED, REMEMBERED_SECONDS = 1000, 60.0


class Attempts:
    """Counts what is tried, and remembers what was right."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._key = entropy.bytes(32)
        self._addresses = Allowances(clock, BY_ADDRESS)
        self._names = Allowances(clock, BY_NAME)
        self._pending = 0
        self._right: OrderedDict[bytes, float] = OrderedDict()

    @contextmanager
    def one(self, name: str, address: str) -> Iterator[None]:
        """One attempt, which lasts as long as the block. Problem RATE_LIMITED when there were, or are, too many."""
        self._addresses.spend(sender_of(address))
        self._names.spend(name)
        if self._pending >= AT_ONCE:
            raise Problem(Code.RATE_LIMITED, "too many log-ins at once: try again in 1 s", retry_after=1)
        self._pending += 1
        try:
            yield
        finally:
            self._pending -= 1

    def remember(self, login: Login, kept: str) -> None:
        """This password was right for this hash."""
        self._right[self._mark(login, kept)] = self._clock.monotonic() + REMEMBERED_SECONDS
        if len(self._right) > REMEMBERED:
            self._right.popitem(last=False)

    def remembered(self, login: Login, kept: str) -> bool:
        """Whether this password was right for this hash within the last minute."""
        mark = self._mark(login, kept)
        until = self._right.get(mark, 0.0)
        if until <= self._clock.monotonic():
            self._right.pop(mark, None)
            return False
        return True

    def _mark(self, login: Login, kept: str) -> bytes:
        parts = (kept, login.name, login.password)
        text = b"".join(hashlib.sha256(part.encode("utf-8", "surrogatepass")).digest() for part in parts)
        return hmac.digest(self._key, text, "sha256")
