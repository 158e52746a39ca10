"""What ``/health`` costs beside a bare Klein route that answers a ready text.

Run ``python -m bench.health`` (``--quick`` for fewer rounds). Both answer the same requests over transports in memory, in
turn, each on a connection that stays open; median CPU time of this thread.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from klein import Klein
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.web.server import Site

from bench.common import Report, is_quick, ratios, spent
from sdkrelay.io.net.http import HttpLimits, guarded
from sdkrelay.io.rest.door import RestDoor, RestSurroundings
from sdkrelay.io.rest.table import ROWS
from sdkrelay.io.world import ReactorTasks, SystemClock, tune_interpreter
from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.native import family as native
from sdkrelay.messages.rest import family as rest
from sdkrelay.session.gate import Allowances
from tests.support.nodes import NodeRelay
from tests.support.websocket import connect

ASK = b"GET /health HTTP/1.1\r\nHost: relay.test\r\n\r\n"
REQUESTS, GOAL = 200, 1.5


def our_factory() -> Any:
    """The REST door with its limits, over a relay with a canned node."""
    relay, clock = NodeRelay(), SystemClock()
    tasks: Any = ReactorTasks(reactor)  # type: ignore[arg-type]
    catalog = Catalog([*native.REQUESTS, *rest.REQUESTS])
    allowances = Allowances(clock, 100_000_000)
    around = RestSurroundings(relay.dispatch, catalog, allowances, tasks, clock, reactor)  # type: ignore[arg-type]
    return guarded(RestDoor(around, ROWS).resource, HttpLimits(), reactor)  # type: ignore[arg-type]


def bare_factory(body: bytes) -> Any:
    """Klein with one route, in the site that Klein's users have."""
    application = Klein()

    @application.route("/health")
    def health(request: Any) -> bytes:
        request.setHeader("Content-Type", "application/json")
        return body

    return Site(application.resource())


def asking(factory: Any) -> tuple[Callable[[], None], bytes]:
    """What asks a round of requests on one connection, and the body of an answer."""
    client = connect(factory, IPv4Address("TCP", "192.0.2.7", 50000))

    def ask() -> None:
        for _ in range(REQUESTS):
            client.send(ASK)
            client.transport.clear()

    client.send(ASK)
    answer = client.raw()
    assert b" 200 " in answer.partition(b"\r\n")[0], answer
    return ask, answer.partition(b"\r\n\r\n")[2]


def main() -> None:
    """Measure both in turn."""
    quick = is_quick(__doc__)
    tune_interpreter()
    ours, body = asking(our_factory())
    bare, _ = asking(bare_factory(body))
    mine, theirs = ratios(
        lambda: spent(ours, time.thread_time), lambda: spent(bare, time.thread_time), 10 if quick else 50
    )
    report = Report()
    report.goal(
        "/health", f"{1e6 * mine / REQUESTS:.0f} µs, bare {1e6 * theirs / REQUESTS:.0f} µs", mine / theirs, GOAL
    )
    report.end()


if __name__ == "__main__":
    sys.setswitchinterval(0.001)
    main()
