"""Clients of others for the live tests, in node and in Python, and one relay without a bitcoind for them."""

from __future__ import annotations

import json
import subprocess
from typing import Any, ClassVar

from sdkrelay.demo.relay import RelayProcess

from .live import LiveTestCase, Stage
from .node_js import node_with, put
from .python_with import python_with
from .source import ROOT

SCRIPTS = ROOT / "tests" / "live" / "nostr"
NODE_PACKAGES = (
    "@nostr-dev-kit/ndk@3.0.3", "@nostrability/schemata@0.3.2", "@rx-nostr/crypto@3.1.6", "ajv@8", "applesauce-relay@6.2.1",
    "nostr-fetch@0.17.0", "nostr-tools@2.25.2", "rx-nostr@3.7.5", "rxjs@7", "snstr@0.6.0", "ws@8",
)  # fmt: skip
PYTHON_PACKAGES = ("aionostr==0.20.0", "monstr==0.1.9", "nostr-sdk==0.45.1", "pynostr==0.7.0")
#: No bitcoind, and no limits of how much this machine may ask.
ALONE = {"SDKRELAY_STANDALONE": "true", "SDKRELAY_LIMITS__EXEMPT": "127.0.0.0/8"}
PATIENCE = 60


def in_node(script: str, *arguments: str, given: str = "") -> Any:
    """What a script prints, run where it finds the packages."""
    node, folder = node_with(*NODE_PACKAGES)
    for file in SCRIPTS.glob("*.*js"):
        put(folder / file.name, file.read_bytes())
    return _printed([node, "--require", str(folder / "websocket.cjs"), str(folder / script), *arguments], given)


def in_python(script: str, *arguments: str) -> Any:
    """What a script prints, run by the Python that has the clients."""
    return _printed([python_with(*PYTHON_PACKAGES), str(SCRIPTS / script), *arguments], "")


def _printed(command: list[str], given: str) -> Any:
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])


class AloneTestCase(LiveTestCase):
    """One relay without a bitcoind for the whole class."""

    timeout = 240
    relay: ClassVar[RelayProcess]

    @classmethod
    def furnish(cls, stage: Stage) -> None:
        """Start it."""
        cls.relay = stage.relay(None, environment=ALONE)
        cls.relay.start()
