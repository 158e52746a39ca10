"""Killed forty times under load, the relay keeps what it promised; ``make chaos`` does it a thousand times."""

from __future__ import annotations

import random
from typing import Any

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from tests.support.live import LiveTestCase

from .chaos import play, repetitions

KILLS = 40

log = Logger()


class ChaosTests(LiveTestCase):
    """A run of chaos, with a seed that is told when it fails."""

    timeout = 400

    async def test_killed_at_random_moments(self) -> None:
        """No payment is lost, none told twice, no acknowledged wallet forgotten, and it is back within five seconds."""
        seed = random.SystemRandom().getrandbits(32)
        await play(self.stage, self.node, self.payer, KILLS, seed, lambda line: log.info("{line}", line=line))


class RepetitionTests(SynchronousTestCase):
    """The check for what was told twice."""

    def test_it_bites(self) -> None:
        """The same about an output twice in a row is found; with its undoing in between it is none."""
        confirmed, orphaned = said("payment_confirmed"), said("payment_orphaned")
        self.assertEqual(len(repetitions([confirmed, confirmed])), 1)
        self.assertEqual(repetitions([confirmed, orphaned, confirmed]), [])


def said(kind: str) -> dict[str, Any]:
    """A notification about one output."""
    return {"notification_type": kind, "data": {"wallet_id": "w", "txid": "t", "vout": 0, "block_hash": "b"}}
