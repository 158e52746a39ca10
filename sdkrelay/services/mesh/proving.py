"""What this relay proves itself with to other relays, and what can be said against what another one says of itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from attrs import define, field, frozen

from ...crypto.mutual import ANSWERER, DIALLER, Party, Transcript
from ...crypto.schnorr import is_xonly, xonly
from ...domain.chain import GENESIS
from ...messages.mesh.greeting import RelayGreeting, TipFigures
from ...ports import Caller, Entropy, Task
from ..handshake import Identity
from .refusals import Reason, Refused

#: The proof of a relay that has no token: a certificate has to stand for it.
NO_PROOF = bytes(32)


@frozen
class Facts:
    """What a greeting tells of the relay at that moment."""

    tip: TipFigures | None = None
    record_count: int = 0
    fingerprint: str = ""


async def no_facts() -> Facts:
    """Those of a relay that has no block and no record."""
    return Facts()


@frozen
class Ourselves:
    """This relay's secret key, its mesh token (None without one), this run of its process, and where it is reached, if known.

    ``certified`` says whether a caller's certificate stands for the token.
    """

    secret: bytes = field(repr=False)
    token: bytes | None = field(repr=False)
    boot_id: str
    address: str | None = None
    certified: Callable[[Caller], bool] = lambda caller: False
    facts: Callable[[], Awaitable[Facts]] = no_facts


@frozen
class Dialled:
    """Who is dialled: the address, and whether its verified certificate stands for the token.

    ``ended`` is told how the greeting went: why there is no link, or None, and the other's name once that is proved.
    """

    address: str
    trusted: bool
    ended: Callable[[Refused | None, str | None], None]


@define(eq=False)
class Begun:
    """A greeting that has begun: ours, since when (monotonic), whom we dialled (None: they dialled), and what they said."""

    ours: RelayGreeting
    since: float
    dialled: Dialled | None = None
    theirs: RelayGreeting | None = None
    version: str | None = None
    capabilities: tuple[str, ...] = ()
    watch: Task | None = None

    @property
    def our_role(self) -> bytes:
        """Which side we are."""
        return ANSWERER if self.dialled is None else DIALLER

    @property
    def their_role(self) -> bytes:
        """Which side they are."""
        return DIALLER if self.dialled is None else ANSWERER

    @property
    def transcript(self) -> Transcript:
        """All that both have said."""
        assert self.theirs is not None, "both have greeted"
        ours, theirs = _party(self.ours), _party(self.theirs)
        return Transcript(theirs, ours) if self.dialled is None else Transcript(ours, theirs)


class Credentials:
    """Makes this relay's greetings and proofs, and checks those of others."""

    def __init__(self, identity: Identity, ourselves: Ourselves, entropy: Entropy) -> None:
        self._identity = identity
        self._ourselves = ourselves
        self._entropy = entropy
        self._key = xonly(ourselves.secret)

    def takes(self, caller: Caller) -> bool:
        """Whether this caller can prove at all that it is a relay of the same mesh."""
        return self._ourselves.token is not None or self._ourselves.certified(caller)

    async def greeting(self) -> RelayGreeting:
        """This relay, now, with a fresh nonce."""
        identity, facts = self._identity, await self._ourselves.facts()
        return RelayGreeting(
            relay_id=identity.relay_id,
            boot_id=self._ourselves.boot_id,
            network=identity.network.value,
            genesis_hash=GENESIS[identity.network],
            key=self._key.hex(),
            nonce=self._entropy.bytes(32).hex(),
            tip=facts.tip,
            record_count=facts.record_count,
            fingerprint=facts.fingerprint,
            address=self._ourselves.address,
        )

    def proof(self, begun: Begun) -> tuple[str, str]:
        """Our proof by the token, and our signature, in hex."""
        transcript, role, token = begun.transcript, begun.our_role, self._ourselves.token
        proof = NO_PROOF if token is None else transcript.token_proof(role, token)
        return proof.hex(), transcript.signed(role, self._ourselves.secret, self._entropy.bytes(32)).hex()

    def check_greeting(self, theirs: RelayGreeting) -> None:
        """Raise :class:`Refused` for ourselves, another network, or what is no key."""
        identity = self._identity
        if theirs.relay_id == identity.relay_id or theirs.key == self._key.hex():
            raise Refused(Reason.OURSELVES)
        if theirs.network != identity.network.value or theirs.genesis_hash.lower() != GENESIS[identity.network]:
            raise Refused(Reason.NETWORK)
        if not is_xonly(bytes.fromhex(theirs.key)):
            raise Refused(Reason.KEY)

    def check_proof(self, begun: Begun, proof: str, signature: str, caller: Caller) -> None:
        """Raise :class:`Refused` unless they have the token, or a certificate that stands for it, and the key they named."""
        transcript, role, token = begun.transcript, begun.their_role, self._ourselves.token
        if begun.ours.nonce == (begun.theirs and begun.theirs.nonce):
            raise Refused(Reason.REFLECTED)
        holds = token is not None and transcript.has_token(role, token, bytes.fromhex(proof))
        if not (holds or self._stands_for_token(begun, caller)):
            raise Refused(Reason.TOKEN)
        if not transcript.has_key(role, bytes.fromhex(signature)):
            raise Refused(Reason.SIGNATURE)

    def _stands_for_token(self, begun: Begun, caller: Caller) -> bool:
        """Whom we dialled has shown its certificate to TLS; it is enough where there is no token to be asked for."""
        if begun.dialled is not None:
            return begun.dialled.trusted and self._ourselves.token is None
        return self._ourselves.certified(caller)


def _party(greeting: RelayGreeting) -> Party:
    return Party(
        greeting.relay_id,
        greeting.boot_id,
        greeting.network,
        greeting.genesis_hash,
        bytes.fromhex(greeting.key),
        bytes.fromhex(greeting.nonce),
    )
