"""People who ask: a caller that is nothing but how it came, and a password hash that is quick to check."""

from __future__ import annotations

from typing import Any

from argon2 import PasswordHasher

from sdkrelay.domain.access import Approach, Principal

#: Of ``correct horse``.
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse")


class Visitor:
    """As much of a caller as proving who it is needs."""

    def __init__(self, approach: Approach) -> None:
        self.approach = approach
        self.principal: Any = None

    def identify(self, principal: Principal | None) -> None:
        """It is somebody now, or nobody any more."""
        self.principal = principal
