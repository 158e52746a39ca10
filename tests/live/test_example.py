"""The example of the documentation, run as a reader would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.live import LiveTestCase, Stage, aside, indexed

from .listener import Owner

EXAMPLE = Path(__file__).parents[2] / "docs/examples/watch_wallet.py"


class ExampleTests(LiveTestCase):
    """``docs/examples/watch_wallet.py`` against a real relay."""

    @classmethod
    def furnish(cls, stage: Stage) -> None:
        """Start node and relay."""
        super().furnish(stage)
        cls.relay = stage.relay(cls.node)
        cls.relay.start()

    async def test_watch_wallet(self) -> None:
        """It prints the wallet's address, then the payment as detected and as confirmed."""
        await indexed(self.relay)
        owner = Owner.make()
        keys = owner.keys
        watching = subprocess.Popen(
            [sys.executable, str(EXAMPLE), self.relay.ws_url, keys["spend_public_key"]],
            env={**os.environ, "SCAN_PRIVATE_KEY": keys["scan_private_key"], "PYTHONPATH": str(EXAMPLE.parents[2])},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(watching.wait)
        self.addCleanup(watching.kill)
        assert watching.stdout is not None

        self.assertEqual(f"watching {owner.address}\n", await aside(watching.stdout.readline))
        txid = await self.pay((owner.address, 70_000))
        self.assertIn(f"payment_detected 0.0007 BTC {txid} ", await aside(watching.stdout.readline))
        await self.mine()
        self.assertIn(f"payment_confirmed 0.0007 BTC {txid} ", await aside(watching.stdout.readline))
