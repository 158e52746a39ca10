"""Questions to bitcoind are counted by method, and exchanges by how they went."""

from __future__ import annotations

from sdkrelay.domain.measure import RPC_CALLS, RPC_EXCHANGES, RPC_SECONDS
from sdkrelay.domain.status import NodeState
from sdkrelay.io.bitcoind.process import free_port
from sdkrelay.io.ops.metrics import RegistryMeter
from tests.support.bitcoind import until

from .test_node import NodeTestCase


class CountTests(NodeTestCase):
    """A node that is asked, and one that is gone."""

    async def test_questions_and_exchanges_are_counted(self) -> None:
        """A batch is one exchange of several questions."""
        meter = RegistryMeter()
        node = self.follow(meter=meter, poll_interval=60.0)
        await until(lambda: node._pause is not None, "the end of the first look, which asks more than once")
        before = meter.total(RPC_EXCHANGES, outcome="ok")
        asked = meter.total(RPC_CALLS, method="getmempoolinfo")
        await node.info()
        self.assertEqual(meter.total(RPC_EXCHANGES, outcome="ok") - before, 1)
        self.assertEqual(meter.total(RPC_CALLS, method="getmempoolinfo") - asked, 1)
        self.assertGreater(meter.mean(RPC_SECONDS) or 0, 0)

    async def test_exchanges_with_nobody_are_counted_as_failed(self) -> None:
        """Each attempt."""
        meter = RegistryMeter()
        node = self.follow(f"http://127.0.0.1:{free_port()}", meter=meter)
        await until(lambda: node.condition().state is NodeState.DISCONNECTED, "disconnected")
        self.assertEqual(meter.total(RPC_EXCHANGES, outcome="ok"), 0)
        self.assertGreater(meter.total(RPC_EXCHANGES, outcome="failed"), 0)
