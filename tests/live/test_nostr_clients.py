"""Clients of others at a real relay: each publishes, queries and subscribes, and signs in, counts and reconciles where it can.

Their scripts are in the folder ``nostr``. Each prints what came of the same scenario: three notes published and asked for, a
fourth heard of as it is published, a fifth that is protected (NIP-70) and so needs AUTH. What node's clients get is checked
against the schemata on the way.
"""

from __future__ import annotations

from typing import Any

from tests.support.live import aside
from tests.support.nostr_clients import AloneTestCase, in_node, in_python

USUAL = {"published": 3, "queried": 3, "heard": True}


class NodeClientTests(AloneTestCase):
    """From npm."""

    async def outcome(self, script: str) -> Any:
        """What one of them says came of the scenario."""
        return await aside(in_node, script, self.relay.ws_url)

    async def test_nostr_tools(self) -> None:
        """Publishes, queries, subscribes, signs in, counts, reconciles, and reads the information document."""
        expected = {
            **USUAL, "refusal": "auth-required", "protected": True, "counted": 5, "missing": 4, "trouble": "",
            "information": True,
        }  # fmt: skip
        self.assertEqual(await self.outcome("nostr_tools.mjs"), expected)

    async def test_ndk(self) -> None:
        """Publishes, queries, subscribes, signs in by itself, and counts notes and, from a HyperLogLog, their authors."""
        expected = {**USUAL, "protected": True, "counted": 5, "people": 1}
        self.assertEqual(await self.outcome("ndk.mjs"), expected)

    async def test_rx_nostr(self) -> None:
        """Publishes, queries, subscribes, and signs in by itself."""
        self.assertEqual(await self.outcome("rx_nostr.mjs"), {**USUAL, "protected": True})

    async def test_applesauce(self) -> None:
        """Publishes, queries, subscribes, signs in, counts, and reconciles both ways."""
        expected = {
            **USUAL, "refusal": "auth-required", "protected": True, "counted": 5, "missing": 3, "information": True,
        }  # fmt: skip
        self.assertEqual(await self.outcome("applesauce.mjs"), expected)

    async def test_nostr_fetch(self) -> None:
        """Pages through sixty events, three in each second, and finds each of them."""
        self.assertEqual(await self.outcome("nostr_fetch.mjs"), {"queried": 60, "latest": 10, "last": True})

    async def test_snstr(self) -> None:
        """Publishes, queries, subscribes, and signs in."""
        self.assertEqual(await self.outcome("snstr.mjs"), {**USUAL, "before": False, "protected": True})


class PythonClientTests(AloneTestCase):
    """From PyPI."""

    async def outcome(self, script: str) -> Any:
        """What one of them says came of the scenario."""
        return await aside(in_python, script, self.relay.ws_url)

    async def test_nostr_sdk(self) -> None:
        """Publishes, queries, subscribes, signs in by itself, and reconciles both ways."""
        expected = {**USUAL, "protected": True, "missing": 4, "given": 1}
        self.assertEqual(await self.outcome("nostr_sdk_client.py"), expected)

    async def test_pynostr(self) -> None:
        """Publishes, queries, subscribes, and counts."""
        self.assertEqual(await self.outcome("pynostr_client.py"), {**USUAL, "counted": 3})

    async def test_monstr(self) -> None:
        """Publishes, queries, subscribes, and signs in."""
        self.assertEqual(await self.outcome("monstr_client.py"), {**USUAL, "before": False, "protected": True})

    async def test_aionostr(self) -> None:
        """Publishes, queries, subscribes, and signs in, though its origin is no URL."""
        self.assertEqual(await self.outcome("aionostr_client.py"), {**USUAL, "protected": True})
