"""What one relay has of the outer world, in one value."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from ..io.ops.metrics import RegistryMeter
from ..io.world import ReactorTasks, SystemClock, SystemEntropy, ThreadCompute


@frozen
class World:
    """The outer world of one relay."""

    reactor: Any
    tasks: ReactorTasks
    clock: SystemClock
    entropy: SystemEntropy
    compute: ThreadCompute
    meter: RegistryMeter = field(factory=RegistryMeter)
