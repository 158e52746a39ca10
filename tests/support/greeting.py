"""A relay that can be greeted, and strangers that greet it: with real proofs, or with what a test puts in their place."""

from __future__ import annotations

from typing import Any

from msgspec import convert, to_builtins

from sdkrelay.domain.access import Approach
from sdkrelay.domain.chain import Network
from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.mesh import family as mesh
from sdkrelay.messages.mesh.greeting import RelayAnswer, RelayGreeting
from sdkrelay.messages.native import family
from sdkrelay.services.handshake import HandshakeService, Identity
from sdkrelay.services.mesh.keeping import Keeper
from sdkrelay.services.mesh.proving import Begun, Credentials, Dialled, Ourselves
from sdkrelay.services.mesh.refusals import Refused
from sdkrelay.services.router import Router
from sdkrelay.session.dialects import Native
from sdkrelay.session.dispatch import Dispatch
from sdkrelay.session.gate import Allowances, Gate
from sdkrelay.session.outbox import Patience
from sdkrelay.session.session import Session, Surroundings

from .conversation import IDENTITY, ListWire, Relay, handled, say
from .rostered import TOKEN, Rostered
from .stores import CountedEntropy, now

ADDRESS = "ws://stranger.example:8090"


class GreetedRelay(Relay):
    """A relay that takes relays; what clients and relays may cost in a minute can be set."""

    def __init__(self, token: bytes | None = TOKEN, clients: int = 6000, relays: int = 100_000) -> None:
        super().__init__()
        self.mesh = Rostered(IDENTITY, self.store, self.time, self.entropy, token=token)
        self.keeper = Keeper(self.mesh.links, self.time.tasks, self.time)
        answer = self.mesh.greeter.answer
        self.handshake = HandshakeService(
            IDENTITY, self.store.wallets, self.access, self.hub, self.encryption, relays=answer
        )
        services = (self.handshake, self.encryption, self.hub, self.small, self.mesh.greeter, self.keeper)
        self.catalog = Catalog(handled([*family.REQUESTS, *mesh.REQUESTS], services))
        self.dispatch = Dispatch(Router([self.catalog], services), Gate(), self.access)
        allowed = [Allowances(self.time, most) for most in (clients, relays)]
        self.around = Surroundings(
            Native(self.catalog), self.dispatch, self.time.tasks, self.time, Patience(), allowances=allowed[0],
            relay_allowances=allowed[1],
        )  # fmt: skip
        self.outcomes: list[tuple[Refused | None, str | None]] = []

    @property
    def reasons(self) -> list[str]:
        """Why others were refused, newest first."""
        return [refused.reason for refused in self.mesh.books.refusals.last()]

    def dials(self) -> tuple[Session, ListWire, dict[str, Any]]:
        """A conversation that this relay has dialled, and the greeting it began with."""
        wire = ListWire()
        wire.session = Session(self.around, wire, self.entropy.bytes(8).hex(), False, Approach("192.0.2.9"))
        self.mesh.greeter.begin(wire.session, Dialled(ADDRESS, False, lambda *how: self.outcomes.append(how)))
        (handshake,) = wire.said()
        return wire.session, wire, handshake["relay"]


class Stranger:
    """Somebody who says to be a relay."""

    def __init__(
        self, name: str = "relay-b", secret: bytes = b"\x08" * 32, token: bytes | None = TOKEN,
        network: Network = IDENTITY.network,
    ) -> None:  # fmt: skip
        self.credentials = Credentials(
            Identity(name, "8", network), Ourselves(secret, token, "boot-b"), CountedEntropy()
        )
        self.ours = now(self.credentials.greeting())

    def greets(self, relay: GreetedRelay, **changes: Any) -> tuple[Session, ListWire, dict[str, Any]]:
        """Dial and greet; the answer."""
        session, wire = relay.session()
        greeting = to_builtins(self.ours) | changes
        self.ours = convert(greeting, RelayGreeting)
        say(session, "handshake", capabilities=["reconcile/1"], relay=greeting)
        return session, wire, wire.said()[0]

    def proof(self, answer: dict[str, Any]) -> dict[str, str]:
        """What the dialler proves after this answer."""
        begun = Begun(self.ours, 0.0, Dialled(ADDRESS, False, lambda why, name: None), convert(answer, RelayAnswer))
        proof, signature = self.credentials.proof(begun)
        return {"proof": proof, "signature": signature}

    def links(self, relay: GreetedRelay) -> tuple[Session, ListWire]:
        """Dial, greet and prove."""
        session, wire, answer = self.greets(relay)
        say(session, "relay_proof", **self.proof(answer["relay"]))
        return session, wire

    def answers(self, greeting: dict[str, Any]) -> dict[str, Any]:
        """Its answer to a greeting, as the one that was dialled."""
        begun = Begun(self.ours, 0.0, None, convert(greeting, RelayGreeting))
        proof, signature = self.credentials.proof(begun)
        relay = to_builtins(self.ours) | {"proof": proof, "signature": signature}
        return {"status": "accepted", "relay_id": self.ours.relay_id, "capabilities": ["reconcile/1"], "relay": relay}
