"""The official vectors of BIP352 and what they leave out, against our implementation, sender and receiver."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from .bip352 import Implementation, failures, official
from .bip352_extra import extra_checks

OURS = Implementation()


class Bip352Tests(SynchronousTestCase):
    """All 28 official cases, both directions, and our own."""

    def test_receiving(self) -> None:
        """The 29 receiving tests give the expected key sum, tweak, shared secret, addresses and outputs."""
        checks = official(OURS, "receiving")
        self.assertEqual(len(checks), 29)
        self.assertEqual(list(failures(checks)), [])

    def test_sending(self) -> None:
        """The 28 sending tests give the expected input keys, sums, shared secrets and outputs."""
        checks = official(OURS, "sending")
        self.assertEqual(len(checks), 28)
        self.assertEqual(list(failures(checks)), [])

    def test_what_the_vectors_leave_out(self) -> None:
        """Every extra check holds; each says in its docstring what it is about."""
        checks = extra_checks(OURS)
        self.assertGreaterEqual(len(checks), 24)
        self.assertEqual(list(failures(checks)), [])
