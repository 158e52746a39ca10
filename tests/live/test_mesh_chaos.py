"""Relays of a mesh killed forty times under load keep what they promised; ``make mesh-chaos`` does it a thousand times."""

from __future__ import annotations

import random
from typing import ClassVar

from twisted.logger import Logger

from sdkrelay.io.bitcoind.process import RegtestNode
from tests.support.live import LiveTestCase, Stage

from .mesh_chaos import play

KILLS = 40

log = Logger()


class MeshChaosTests(LiveTestCase):
    """A run of chaos, with a seed that is told when it fails."""

    timeout = 400
    node: ClassVar[RegtestNode]

    @classmethod
    def furnish(cls, stage: Stage) -> None:
        """Start a node; nobody pays here."""
        cls.node = stage.node()

    async def test_killed_stopped_and_cut_off(self) -> None:
        """Nothing acknowledged is lost anywhere, all have the same, and all decide each conflict alike."""
        seed = random.SystemRandom().getrandbits(32)
        await play(self.stage, self.node, KILLS, seed, lambda line: log.info("{line}", line=line))
