"""A router is complete, or there is none."""

from __future__ import annotations

from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.native.session import Ping, Pong
from sdkrelay.messages.native.wallets import ListWallets
from sdkrelay.ports import Caller
from sdkrelay.services.router import Router, handles
from tests.support.stores import now


class Answering:
    """Answers pings."""

    @handles(Ping)
    async def ping(self, request: Ping, caller: Caller) -> Pong:
        """Say so."""
        return Pong(relay_id="here")


class RouterTests(SynchronousTestCase):
    """Made from explicit lists."""

    def test_the_marked_method_answers(self) -> None:
        """By the request's class."""
        router = Router([Catalog([Ping])], [Answering()])
        self.assertEqual(now(router.handle(Ping(), cast(Any, None))), Pong(relay_id="here"))

    def test_a_request_without_a_handler_stops_the_relay(self) -> None:
        """It is named."""
        error = self.assertRaises(ValueError, Router, [Catalog([Ping, ListWallets])], [Answering()])
        self.assertEqual(str(error), "without a handler: list_wallets")

    def test_a_request_with_two_handlers_stops_the_relay(self) -> None:
        """Also when both are of one class."""
        error = self.assertRaises(ValueError, Router, [Catalog([Ping])], [Answering(), Answering()])
        self.assertEqual(str(error), "with two handlers: ping")

    def test_a_handler_of_no_catalog_stops_the_relay(self) -> None:
        """Nobody could ever ask it."""
        error = self.assertRaises(ValueError, Router, [Catalog([ListWallets])], [Answering()])
        self.assertIn("without a handler: list_wallets", str(error))
        error = self.assertRaises(ValueError, Router, [], [Answering()])
        self.assertEqual(str(error), "handled but in no catalog: ping")
