"""The greeting between two relays: both say who they are, both prove it, and only then is the conversation a link.

The one that dialled sends ``handshake`` with its greeting and a nonce; the answer has the other's, with its proof; the proof of
the one that dialled follows, and is welcomed or not. Whoever asks for nothing of this is a client as ever. On ``ws://`` nobody
in between is kept from carrying the greeting to and fro and reading what follows: that takes ``wss://``.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from msgspec import structs
from twisted.logger import Logger

from ...domain.peer import normalised
from ...domain.problem import Code, Problem
from ...messages.mesh.greeting import (
    RECONCILES,
    Greeted,
    RelayAnswer,
    RelayGreeting,
    RelayProof,
    RelayWelcome,
    Welcomed,
)
from ...messages.native.session import Handshake
from ...ports import Caller, Clock, Tasks
from ..handshake import Identity
from ..router import handles
from .link import Link, Links, Proven
from .pins import Pins
from .proving import Begun, Credentials, Dialled
from .refusals import Reason, Refusals, Refused
from .standing import Standings

log = Logger()

#: Seconds that a greeting may take.
PATIENCE = 10.0
#: What ``relay_welcome`` says of a relay that is linked already by another conversation.
CONNECTED = "connected"
_DOUBLE = "this relay is linked by another conversation"


@frozen
class Books:
    """What the mesh remembers: the links, the keys, how each relay stands, who was refused."""

    links: Links
    pins: Pins
    standings: Standings
    refusals: Refusals


class Greeter:
    """Greets other relays from either side. ``room`` says why no link with a relay, dialled or not, is wanted now."""

    def __init__(
        self,
        identity: Identity,
        credentials: Credentials,
        books: Books,
        tasks: Tasks,
        clock: Clock,
        room: Callable[[str, bool], Reason | None] = lambda relay_id, dialled: None,
    ) -> None:
        self._identity = identity
        self._credentials = credentials
        self._books = books
        self._tasks, self._clock = tasks, clock
        self._room = room
        self._begun: dict[str, Begun] = {}

    def begin(self, caller: Caller, dialled: Dialled) -> None:
        """Greet on a conversation that this relay has dialled."""
        self._tasks.start("greeting", self._greet(caller, dialled))

    async def _greet(self, caller: Caller, dialled: Dialled) -> None:
        identity, begun = self._identity, Begun(await self._credentials.greeting(), self._clock.monotonic(), dialled)
        self._begun[caller.session_id] = begun
        caller.tell(
            Handshake(
                client_id=identity.relay_id,
                version=identity.version,
                capabilities=(RECONCILES,),
                relay=begun.ours,
            )
        )
        begun.watch = self._tasks.start("patience with a greeting", self._watch(caller, begun))
        caller.at_end(lambda: self._cut(caller))

    async def answer(self, request: Handshake, caller: Caller) -> RelayAnswer | None:
        """What this relay answers to another's greeting; None where it takes no relays. Raises :class:`Refused`.

        The conversation stays a client's until the proof has come.
        """
        theirs = request.relay
        if theirs is None or not self._credentials.takes(caller):
            return None
        begun = Begun(await self._credentials.greeting(), self._clock.monotonic(), None, theirs)
        begun.version, begun.capabilities = request.version, request.capabilities
        try:
            if caller.session_id in self._begun or caller.relay_id is not None:
                raise Refused(Reason.ORDER)
            self._check(theirs, False)
        except Refused as refused:
            self._note(refused, caller, begun, theirs.relay_id)
            raise
        self._begun[caller.session_id] = begun
        caller.at_end(lambda: self._cut(caller))
        proof, signature = self._credentials.proof(begun)
        return RelayAnswer(**structs.asdict(begun.ours), proof=proof, signature=signature)

    @handles(RelayProof)
    async def prove(self, request: RelayProof, caller: Caller) -> None:
        """Take the one that dialled as a relay, or refuse it; FORBIDDEN for whoever has not greeted as one."""
        begun = self._begun.get(caller.session_id)
        if begun is None or begun.theirs is None or begun.dialled is not None:
            raise Problem(Code.FORBIDDEN, "a proof follows the greeting of a relay, once", field="type")
        theirs = begun.theirs
        try:
            if self._clock.monotonic() - begun.since > PATIENCE:
                raise Refused(Reason.SLOW)
            self._credentials.check_proof(begun, request.proof, request.signature, caller)
            proven = await self._proven(begun, theirs, caller)
        except Refused as refused:
            if self._refuse(refused, caller, begun, theirs.relay_id):
                self._dismiss(caller, "rejected", str(refused))
        else:
            self._end(caller, begun, None, theirs.relay_id)
            self._admit(proven, begun, caller)

    @handles(Greeted)
    async def greeted(self, request: Greeted, caller: Caller) -> None:
        """The relay that was dialled has answered: check its proof and send ours, or hang up."""
        begun = self._expected(caller)
        try:
            self._check_answer(request, begun, caller)
        except Refused as refused:
            self._fail(refused, caller, begun, request.relay_id)
            return
        proof, signature = self._credentials.proof(begun)
        caller.tell(RelayProof(proof=proof, signature=signature))

    @handles(Welcomed)
    async def welcomed(self, request: Welcomed, caller: Caller) -> None:
        """The relay that was dialled takes this one, or says why it does not."""
        begun = self._expected(caller)
        theirs = begun.theirs
        try:
            if theirs is None:
                raise Refused(Reason.ORDER)
            if request.status == "rejected":
                raise Refused(Reason.REJECTED, request.reason or "")
            proven = await self._proven(begun, theirs, caller)
        except Refused as refused:
            self._fail(refused, caller, begun, _name(theirs))
            return
        self._end(caller, begun, None, theirs.relay_id)
        if request.status == CONNECTED or not self._books.links.admits(proven):
            caller.hang_up(_DOUBLE, "double")
        else:
            self._join(proven, begun, caller)

    def _expected(self, caller: Caller) -> Begun:
        """The greeting that this relay has begun on the conversation; FORBIDDEN for what nobody asked for."""
        begun = self._begun.get(caller.session_id)
        if begun is None or begun.dialled is None:
            raise Problem(Code.FORBIDDEN, "this is the answer to what nobody asked", field="type")
        return begun

    def _check_answer(self, request: Greeted, begun: Begun, caller: Caller) -> None:
        """Whether the relay that was dialled proves to be one; what it says is kept."""
        if begun.theirs is not None:
            raise Refused(Reason.ORDER)
        if request.status == "rejected":
            raise Refused(Reason.REJECTED, request.reason or "")
        if request.relay is None:
            raise Refused(Reason.NO_TOKEN)
        self._check(request.relay, True)
        begun.theirs, begun.version, begun.capabilities = request.relay, request.version, request.capabilities
        self._credentials.check_proof(begun, request.relay.proof, request.relay.signature, caller)

    def _check(self, theirs: RelayGreeting, dialled: bool) -> None:
        """What can be said against a greeting before its proof."""
        self._credentials.check_greeting(theirs)
        if not self._books.pins.fits(theirs.relay_id, bytes.fromhex(theirs.key)):
            raise Refused(Reason.PINNED)
        if self._books.links.has_twin(theirs.relay_id, theirs.boot_id):
            raise Refused(Reason.TWIN)
        full = self._room(theirs.relay_id, dialled)
        if full is not None:
            raise Refused(full)

    async def _proven(self, begun: Begun, theirs: RelayGreeting, caller: Caller) -> Proven:
        """What is proved now; the key is kept from its first time on."""
        key = bytes.fromhex(theirs.key)
        if not await self._books.pins.pin(theirs.relay_id, key):
            raise Refused(Reason.PINNED)
        if caller.session_id not in self._begun:
            raise Refused(Reason.CUT)
        address = begun.dialled.address if begun.dialled else _said(theirs.address)
        reconciles = RECONCILES in begun.capabilities
        return Proven(theirs.relay_id, key, theirs.boot_id, address, reconciles, begun.dialled is not None)

    def _admit(self, proven: Proven, begun: Begun, caller: Caller) -> None:
        if self._books.links.admits(proven):
            caller.tell(RelayWelcome(status="accepted", relay_id=self._identity.relay_id))
            self._join(proven, begun, caller)
        else:
            self._dismiss(caller, CONNECTED, _DOUBLE)
            self._books.links.doubt(proven.relay_id)

    def _dismiss(self, caller: Caller, status: str, reason: str) -> None:
        caller.tell(RelayWelcome(status=status, relay_id=self._identity.relay_id, reason=reason))
        caller.refuse(reason)

    def _join(self, proven: Proven, begun: Begun, caller: Caller) -> None:
        standing = self._books.standings.of(proven.relay_id)
        standing.greeting, standing.version, standing.capabilities = begun.theirs, begun.version, begun.capabilities
        standing.last_seen, standing.away_since = self._clock.now(), None
        link = Link(proven, caller, standing, self._tasks)
        caller.become(proven.relay_id, link.blame)
        caller.greet()
        log.info(
            "linked with relay {relay}, which {who} dialled",
            relay=proven.relay_id,
            who="this one" if proven.dialled else "itself",
        )
        self._books.links.join(link, caller)

    async def _watch(self, caller: Caller, begun: Begun) -> None:
        """Hang up when the greeting takes too long."""
        await self._tasks.sleep(PATIENCE)
        begun.watch = None
        self._fail(Refused(Reason.SLOW), caller, begun, None)

    def _cut(self, caller: Caller) -> None:
        """The conversation ended; in the middle of its greeting, nobody has proved anything."""
        begun = self._begun.get(caller.session_id)
        if begun is not None:
            self._refuse(Refused(Reason.CUT), caller, begun, _name(begun.theirs))

    def _fail(self, refused: Refused, caller: Caller, begun: Begun, relay_id: str | None) -> None:
        """Whom we dialled is not taken as a relay."""
        if self._refuse(refused, caller, begun, relay_id):
            caller.hang_up(str(refused), "refused")

    def _refuse(self, refused: Refused, caller: Caller, begun: Begun, relay_id: str | None) -> bool:
        """The greeting ends in nothing; False if it had ended before, in the middle of what was awaited."""
        if self._begun.get(caller.session_id) is not begun:
            return False
        self._note(refused, caller, begun, relay_id)
        self._end(caller, begun, refused, None)
        return True

    def _end(self, caller: Caller, begun: Begun, refused: Refused | None, relay_id: str | None) -> None:
        del self._begun[caller.session_id]
        if begun.watch is not None:
            begun.watch.cancel()
        if begun.dialled is not None:
            begun.dialled.ended(refused, relay_id)

    def _note(self, refused: Refused, caller: Caller, begun: Begun, relay_id: str | None) -> None:
        address = begun.dialled.address if begun.dialled else caller.approach.address
        self._books.refusals.note(refused, address, relay_id)
        log.warn("not taken as a relay, at {address}: {why}", address=address, why=str(refused))


def _name(greeting: RelayGreeting | None) -> str | None:
    """What the other side calls itself, if it has said so."""
    return None if greeting is None else greeting.relay_id


def _said(address: str | None) -> str | None:
    """An address a relay gives itself, if it is one."""
    try:
        return normalised(address) if address else None
    except ValueError:
        return None
