"""Allowances: who may ask how much, and who is counted as one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.problem import Code, Problem
from sdkrelay.session.gate import Allowances, sender_of
from tests.support.tasks import DrivenTime


class AllowanceTests(SynchronousTestCase):
    """Sixty a minute, for one sender."""

    def setUp(self) -> None:
        """A full allowance."""
        self.time = DrivenTime()
        self.allowances = Allowances(self.time, 60)

    def test_a_minutes_worth_may_come_at_once(self) -> None:
        """Then it is over, and the refusal says when to come back; a neighbour is not concerned."""
        for _ in range(60):
            self.allowances.spend("a")
        problem = self.assertRaises(Problem, self.allowances.spend, "a", 5)
        self.assertEqual((problem.code, problem.details), (Code.RATE_LIMITED, {"limit": 60, "retry_after": 5}))
        self.allowances.spend("b")

    def test_it_fills_again_evenly(self) -> None:
        """One a second."""
        self.allowances.spend("a", 60)
        self.time.advance(10)
        self.allowances.spend("a", 10)
        self.assertRaises(Problem, self.allowances.spend, "a")

    def test_what_is_refused_costs_nothing(self) -> None:
        """Asking too often does not make the wait longer."""
        self.allowances.spend("a", 60)
        for _ in range(5):
            self.assertRaises(Problem, self.allowances.spend, "a")
        self.time.advance(1)
        self.allowances.spend("a")

    def test_neighbours_are_one_sender(self) -> None:
        """A /24, or a /48; an address that is none stands for itself."""
        self.assertEqual(sender_of("192.0.2.1"), sender_of("192.0.2.250"))
        self.assertNotEqual(sender_of("192.0.2.1"), sender_of("192.0.3.1"))
        self.assertEqual(sender_of("2001:db8:1::1"), sender_of("2001:db8:1:2::9"))
        self.assertNotEqual(sender_of("2001:db8:1::1"), sender_of("2001:db8:2::1"))
        self.assertEqual(sender_of("/run/socket"), "/run/socket")
