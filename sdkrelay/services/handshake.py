"""Opening a conversation: who we are, what we offer, which wallets the client has proved to have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from attrs import frozen
from msgspec import UNSET, UnsetType, structs

from ..config.tuning import Fallback
from ..crypto.seal import token_hash
from ..domain.chain import Network
from ..domain.problem import Code, Problem, invalid
from ..domain.topic import of_capabilities
from ..messages.mesh.greeting import RECONCILES, RelayAnswer
from ..messages.native.session import Authenticate, Authenticated, Handshake, HandshakeResponse, Ping, Pong
from ..messages.values import WalletToken
from ..ports import Caller, WalletStore
from .access import AccessService
from .encryption import EncryptionService
from .hub import Hub
from .mesh.refusals import Refused
from .router import handles

#: What this relay really offers, by the words of ``capabilities``.
CAPABILITIES = ("notifications", "silent_payments", "scan", "health", "metrics", "sync", "relay_sync")


@frozen
class Identity:
    """What a relay calls itself, the version of its software, and the chain it serves."""

    relay_id: str
    version: str
    network: Network


class HandshakeService:
    """Answers ``handshake``, ``authenticate`` and ``ping``."""

    def __init__(
        self,
        identity: Identity,
        wallets: WalletStore,
        access: AccessService,
        hub: Hub,
        encryption: EncryptionService,
        fallback: Callable[[], Fallback] = Fallback,
        crowded: Callable[[str], str | None] = lambda session_id: None,
        relays: Callable[[Handshake, Caller], Awaitable[RelayAnswer | None]] | None = None,
    ) -> None:
        self._relays = relays
        self._crowded = crowded
        self._identity = identity
        self._fallback = fallback
        self._encryption = encryption
        self._access = access
        self._wallets = wallets
        self._hub = hub

    @handles(Handshake)
    async def handshake(self, request: Handshake, caller: Caller) -> HandshakeResponse:
        """Open the conversation, or refuse it. A ``since`` that is not held is a Problem and leaves it closed.

        A ``token`` that does not hold is a refusal. Wallet tokens that are not known are left out: ``wallet_ids`` shows which
        were taken. Nothing is awaited once the session hears news: the first of them follows the answer.
        """
        if caller.encrypted:
            raise invalid("type", "any message but handshake and encrypted_message inside an encrypted_message")
        objection = self._objection(request, caller)
        if objection is not None:
            return self._reject(request, caller, objection)
        if request.token is None:
            await self._access.prove(caller)
        elif not await self._access.admit(caller, request.token):
            return self._reject(request, caller, "the token does not hold: it is unknown, has expired, or was revoked")
        for wallet_id in await self._proved(request.wallet_tokens):
            if wallet_id is not None:
                caller.hold(wallet_id)
        try:
            relay = await self._relays(request, caller) if self._relays else None
        except Refused as refused:
            return self._reject(request, caller, str(refused))
        agreed = self._encryption.agree(request.encryption, caller.session_id) if request.encryption else None
        subscriptions = await self._hub.listen(caller, of_capabilities(request.capabilities), request.since)
        caller.greet()
        caller.speak(request.version)
        response = _to_relay(self._response(caller, subscriptions), relay)
        if agreed is None:
            return response
        caller.encrypt(agreed[0])
        return structs.replace(response, encryption=agreed[1])

    @handles(Authenticate)
    async def authenticate(self, request: Authenticate, caller: Caller) -> Authenticated:
        """Take these tokens; AUTH_REQUIRED, and none is taken, if one is not known or does not hold (any more)."""
        proved = await self._proved(request.wallet_tokens)
        if None in proved:
            raise _unknown_token(proved.index(None))
        if request.token is not None and not await self._access.admit(caller, request.token):
            details = {"field": "token", "expected": "a bearer token that holds"}
            raise Problem(Code.AUTH_REQUIRED, "the token does not hold (any more): log in again", **details)
        for wallet_id in filter(None, proved):
            caller.hold(wallet_id)
        return Authenticated(wallet_ids=tuple(sorted(caller.wallet_ids)), roles=_roles(caller))

    @handles(Ping)
    async def ping(self, request: Ping, caller: Caller) -> Pong:
        """Say that we are here."""
        sent = request.timestamp
        return Pong(relay_id=self._identity.relay_id, ping_timestamp=UNSET if sent is None else sent)

    def _objection(self, request: Handshake, caller: Caller) -> str | None:
        """Why there can be no conversation with this one, whoever it is."""
        network = self._identity.network
        if request.network is not None and request.network != network:
            return f"this relay serves {network.value}, another network than the one named"
        return self._crowded(caller.session_id)

    async def _proved(self, tokens: Iterable[WalletToken]) -> list[str | None]:
        return [await self._wallets.wallet_of_token(token_hash(token.reveal())) for token in tokens]

    def _reject(self, request: Handshake, caller: Caller, reason: str) -> HandshakeResponse:
        caller.speak(request.version)
        caller.refuse(reason)
        return self._response(caller, (), "rejected", reason)

    def _response(
        self, caller: Caller, subscriptions: tuple[str, ...], status: str = "accepted", reason: str | None = None
    ) -> HandshakeResponse:
        identity = self._identity
        return HandshakeResponse(
            status=status,
            relay_id=identity.relay_id,
            version=identity.version,
            server_version=identity.version,
            network=identity.network.value,
            capabilities=CAPABILITIES,
            session_id=caller.session_id,
            subscriptions=subscriptions,
            wallet_ids=tuple(sorted(caller.wallet_ids)),
            roles=_roles(caller),
            position=self._hub.position,
            fallback=_named(self._fallback()),
            reason=UNSET if reason is None else reason,
        )


def _to_relay(response: HandshakeResponse, relay: RelayAnswer | None) -> HandshakeResponse:
    """The response as another relay gets it; unchanged for everybody else."""
    if relay is None:
        return response
    return structs.replace(response, relay=relay, capabilities=(*CAPABILITIES, RECONCILES))


def _named(fallback: Fallback) -> Fallback | UnsetType:
    """The relays to turn to, where any are named."""
    return fallback if fallback.primary_relay or fallback.backup_relays else UNSET


def _roles(caller: Caller) -> tuple[str, ...]:
    return tuple(sorted(caller.principal.roles)) if caller.principal else ()


def _unknown_token(place: int) -> Problem:
    message = "a wallet token is not known: register the wallet, or leave the token out"
    details = {"field": f"wallet_tokens[{place}]", "expected": "a token of a registered wallet"}
    return Problem(Code.AUTH_REQUIRED, message, **details)
