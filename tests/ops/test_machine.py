"""What the operating system says moves with its causes."""

from __future__ import annotations

import shutil

import psutil  # type: ignore[import-untyped]
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.io.ops.machine import Machine

BALLAST = 64_000_000


class MachineTests(SynchronousTestCase):
    """This very process and host."""

    def setUp(self) -> None:
        """A machine whose data is in a new folder."""
        self.machine = Machine(".")

    def test_memory_held_is_shown(self) -> None:
        """And some of it is gone when it is let go of."""
        before = self.machine.read().memory_bytes
        ballast = bytearray(b"x" * BALLAST)
        self.assertGreater(self.machine.read().memory_bytes - before, BALLAST / 2)
        del ballast

    def test_work_uses_the_processor(self) -> None:
        """The seconds used grow as long as there is work."""
        before, number = self.machine.read().cpu_seconds, 0
        while self.machine.read().cpu_seconds == before:
            number += 1
        self.assertGreater(self.machine.read().cpu_seconds, before)

    def test_the_disk_is_that_of_the_folder(self) -> None:
        """About as full as the standard library says; a folder that is not there has none."""
        usage = shutil.disk_usage(".")
        percent = self.machine.read().disk_percent
        self.assertLess(abs((percent or 0) - usage.used / (usage.used + usage.free) * 100), 1)
        self.assertIsNone(Machine("/nowhere/at/all").read().disk_percent)

    def test_the_network_is_without_loopback(self) -> None:
        """What stays on the machine is no traffic."""
        outside = {
            name: count for name, count in psutil.net_io_counters(pernic=True).items() if not name.startswith("lo")
        }
        least = sum(count.bytes_sent + count.bytes_recv for count in outside.values())
        read = self.machine.read().network_bytes
        self.assertTrue(read is None if not outside else (read or 0) >= least)
