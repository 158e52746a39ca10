"""A real bitcoind for the live tests, obtained as ``make run`` does, and small helpers to wait for things to happen."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from unittest import SkipTest, TestCase

from twisted.internet import reactor
from twisted.internet.task import deferLater

from sdkrelay.io.bitcoind.obtain import NotObtained, find_bitcoind
from sdkrelay.io.bitcoind.process import Options, RegtestNode


@cache
def command() -> tuple[str, ...]:
    """How to run bitcoind; SkipTest where there is none and none can be fetched."""
    try:
        return tuple(find_bitcoind())
    except NotObtained as problem:
        raise SkipTest(f"no bitcoind: {problem}") from None


def make_node(test: TestCase, options: Options | None = None) -> RegtestNode:
    """A node with an empty chain in a folder of its own, not started; it ends with the test."""
    folder = tempfile.TemporaryDirectory(prefix="sdkrelay-bitcoind-")
    test.addCleanup(folder.cleanup)
    node = RegtestNode(command(), Path(folder.name), options or Options())
    test.addCleanup(node.kill)
    return node


class FixedEntropy:
    """``Entropy`` that is none: tests want the same delays each time."""

    def bytes(self, count: int) -> bytes:
        """Always the same."""
        return b"\xff" * count


async def until(happened: Callable[[], Any], what: str, seconds: float = 20.0) -> None:
    """Wait for something to become true; the generous bound only ends a test that fails."""
    for _ in range(round(seconds / 0.02)):
        if happened():
            return
        await pause(0.02)
    raise AssertionError(f"did not happen: {what}")


async def pause(seconds: float) -> None:
    """Let the reactor turn."""
    await deferLater(reactor, seconds)  # type: ignore[arg-type]
