"""Frames recorded between real programs on an Xcraft bus, each with its meaning.

They are read from ``$SDKRELAY_TEST_VECTORS``, else from ``../shared/vectors`` beside the repository.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from unittest import SkipTest

from attrs import frozen

_BESIDE = Path(__file__).parents[3] / "shared" / "vectors"


@frozen
class Recorded:
    """One frame: its name, its topic, the gzip member as it was sent, and what that inflates to."""

    name: str
    topic: str
    wire: bytes
    frame: bytes


def recorded() -> list[Recorded]:
    """All of them; SkipTest where they are not."""
    path = Path(os.environ.get("SDKRELAY_TEST_VECTORS") or _BESIDE) / "xcraft" / "vectors.jsonl"
    if not path.is_file():
        raise SkipTest(f"the recorded frames are not at {path}: set SDKRELAY_TEST_VECTORS")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        Recorded(row["name"], row["topic"], bytes.fromhex(row["wire_hex"]), bytes.fromhex(row["frame_hex"]))
        for row in rows
    ]
