"""A relay that watches figures which a test sets, and a webhook's receiver over real HTTP that fails as told."""

from __future__ import annotations

import json
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IListeningPort
from twisted.web.http import Request as WebRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from sdkrelay.config.alerting import Alerts
from sdkrelay.domain.figure import Value
from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.native import family as native
from sdkrelay.messages.rest import family as rest
from sdkrelay.services.alerts import AlertService, Around
from sdkrelay.services.router import Router
from sdkrelay.session.dialects import Native
from sdkrelay.session.dispatch import Dispatch
from sdkrelay.session.gate import Gate
from sdkrelay.session.outbox import Patience
from sdkrelay.session.session import Surroundings

from .conversation import IDENTITY, handled
from .metered import MeteredRelay
from .stores import now


class AlarmedRelay(MeteredRelay):
    """A relay that looks at ``figures`` every 5 seconds; ``called`` is what went to the webhook."""

    def __init__(self) -> None:
        super().__init__()
        self.figures: dict[str, Value] = {"cpu_usage": 5.0, "bitcoin_connected": True}
        self.settings = Alerts()
        self.called: list[dict[str, Any]] = []
        self.watching = self.again()
        services = [self.handshake, self.encryption, self.hub, self.small, self.watching]
        self.catalog = Catalog(handled([*native.REQUESTS, *rest.REQUESTS], services))
        self.dispatch = Dispatch(Router([self.catalog], services), Gate(), None, self.meter, self.time)
        self.around = Surroundings(
            Native(self.catalog), self.dispatch, self.time.tasks, self.time, Patience(), self.census
        )

    def again(self) -> AlertService:
        """The service over the same store, as after a restart."""
        around = Around(self.store, self.hub, self.time.tasks, self.time, self._call)
        service = AlertService(IDENTITY, lambda: self.figures, lambda: self.settings, around)
        now(service.load())
        return service

    def _call(self, body: bytes) -> None:
        self.called.append(json.loads(body))


@define(eq=False, slots=False)
class Receiving(Resource):
    """Answers each POST with the next of ``statuses``, then with 200; 0 drops the connection, -1 never answers."""

    isLeaf = True
    statuses: list[int] = field(factory=list)
    taken: list[tuple[dict[str, str], bytes]] = field(factory=list)
    port: IListeningPort | None = None

    def __attrs_post_init__(self) -> None:
        super().__init__()

    def listen(self, reactor: Any) -> str:
        """Serve on a free port; the URL."""
        self.port = reactor.listenTCP(0, Site(self), interface="127.0.0.1")
        return f"http://127.0.0.1:{self.port.getHost().port}/hook"

    def render_POST(self, request: WebRequest) -> Any:
        """Note what came, and answer as told."""
        headers = {
            name.decode().lower(): values[0].decode() for name, values in request.requestHeaders.getAllRawHeaders()
        }
        self.taken.append((headers, request.content.read()))
        status = self.statuses.pop(0) if self.statuses else 200
        if status < 0:
            return NOT_DONE_YET
        if status == 0:
            request.transport.abortConnection()
            return NOT_DONE_YET
        request.setResponseCode(status)
        request.setHeader("Location", "/elsewhere")
        return b"x" * 100_000
