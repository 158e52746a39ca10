"""Who somebody is: by a bearer token, a password, a client certificate, or by sitting at the machine.

What is proved once is proved again with every further request: a token that ends, a user who is removed, or the first
operator being added has its effect on conversations that go on.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping

from attrs import frozen
from twisted.logger import Logger

from ..crypto.passwords import password_fits
from ..crypto.seal import token_hash
from ..domain.access import AccessToken, Approach, Certificate, Login, Principal, Role, User
from ..domain.problem import Code, Problem, invalid
from ..messages.rest.access import GetSecure, IssueToken, RevokeToken, Secure, TokenIssued, TokenRevoked
from ..messages.values import BearerToken
from ..ports import AccessStore, Caller, Clock, Compute, Entropy
from .attempts import Attempts
from .router import handles

log = Logger()

#: The name of whoever sits at the machine while no operator is configured.
LOOPBACK = Principal("loopback", frozenset({Role.OPERATOR}))
#: Seconds for which it is remembered whether there is an operator; users can be added while the relay runs.
OPERATORS_SECONDS = 1.0


@frozen
class AccessRules:
    """``certificates`` gives roles to common names; a token holds for ``token_seconds``."""

    certificates: Mapping[str, Role]
    token_seconds: int = 86_400


class AccessService:
    """Proves who callers are, and answers ``/auth/token``, ``/auth/revoke`` and ``/secure/endpoint``."""

    def __init__(
        self, store: AccessStore, rules: AccessRules, compute: Compute, clock: Clock, entropy: Entropy
    ) -> None:
        self._store = store
        self._rules = rules
        self._compute = compute
        self._clock = clock
        self._entropy = entropy
        self._attempts = Attempts(clock, entropy)
        self._has_operator = False
        self._looked_at: float | None = None

    async def start(self) -> None:
        """Say in the log from where the relay can be operated."""
        if await self._has_operators():
            log.info("an operator is configured: what changes the relay needs a token, a password or a certificate")
        else:
            log.warn(
                "no operator is configured: whoever connects from this machine itself may change the relay; "
                "`sdkrelay users add` makes an operator, which ends that"
            )

    async def prove(self, caller: Caller) -> None:
        """Identify the caller by what it has; Problem AUTH_REQUIRED for a token or a password that does not hold.

        A conversation whose token has ended goes on as that of somebody unknown.
        """
        principal, approach = caller.principal, caller.approach
        if principal is not None and principal.token_hash is not None:
            caller.identify(await self._by_token(principal.token_hash))
        elif approach.token_hash is not None:
            caller.identify(_known(await self._by_token(approach.token_hash), "this token does not hold (any more)"))
        elif approach.login is not None:
            caller.identify(await self._by_password(approach.login, approach.address))
        elif approach.certificate is not None or approach.local:
            caller.identify(await self._by_arrival(approach))

    async def admit(self, caller: Caller, token: BearerToken) -> bool:
        """Identify a conversation by a token, from now on; False, and it stays who it was, if the token does not hold."""
        principal = await self._by_token(token_hash(token.reveal()))
        if principal is not None:
            caller.identify(principal)
        return principal is not None

    @handles(IssueToken)
    async def issue(self, request: IssueToken, caller: Caller) -> TokenIssued:
        """A new token for a name and its password; AUTH_REQUIRED otherwise, which does not say what was wrong."""
        user = await self._checked(Login(request.username, request.password.reveal()), caller.approach.address)
        text = urlsafe_b64encode(self._entropy.bytes(32)).rstrip(b"=").decode()
        now, seconds = int(self._clock.now()), self._rules.token_seconds
        token = AccessToken(token_hash(text), user.name, user.roles, now, now + seconds)
        if not await self._store.issue(token):
            raise _refused()
        log.info("{user} logged in", user=user.name)
        return TokenIssued(token=text, expires_in=seconds, expires_at=token.expires_at, roles=_words(user.roles))

    @handles(RevokeToken)
    async def revoke(self, request: RevokeToken, caller: Caller) -> TokenRevoked:
        """End the token in the body, else the one the request came with. NOT_FOUND for one that does not hold anyway."""
        presented = caller.principal.token_hash if caller.principal else None
        ended = token_hash(request.token.reveal()) if request.token else presented
        if ended is None:
            raise invalid("token", "a bearer token, in the body or in the Authorization header")
        now = self._clock.now()
        kept = await self._store.access_token(ended)
        if kept is None or not kept.holds(now) or not await self._store.revoke(ended, int(now)):
            raise Problem(Code.NOT_FOUND, "there is no such token, or it has ended before")
        log.info("a token of {user} was revoked", user=kept.user)
        return TokenRevoked()

    @handles(GetSecure)
    async def secure(self, request: GetSecure, caller: Caller) -> Secure:
        """What the relay makes of the client's certificate; AUTH_REQUIRED without one."""
        certificate = caller.approach.certificate
        if certificate is None:
            raise Problem(Code.AUTH_REQUIRED, "connect over TLS with a certificate of an authority this relay trusts")
        principal = await self._by_certificate(certificate)
        return Secure(
            subject=certificate.subject,
            issuer=certificate.issuer,
            serial=certificate.serial,
            not_after=certificate.not_after,
            fingerprint=certificate.fingerprint,
            roles=_words(principal.roles) if principal else (),
        )

    async def _by_token(self, hashed: bytes) -> Principal | None:
        token = await self._store.access_token(hashed)
        if token is None or not token.holds(self._clock.now()):
            return None
        return Principal(token.user, token.roles, hashed)

    async def _by_password(self, login: Login, address: str) -> Principal:
        user = await self._checked(login, address)
        return Principal(user.name, user.roles)

    async def _by_arrival(self, approach: Approach) -> Principal | None:
        if approach.certificate is not None:
            principal = await self._by_certificate(approach.certificate)
            if principal is not None:
                return principal
        return LOOPBACK if approach.local and not await self._has_operators() else None

    async def _by_certificate(self, certificate: Certificate) -> Principal | None:
        """A user of the certificate's name, or one that the settings name."""
        user = await self._store.user(certificate.common_name)
        if user is not None:
            return Principal(user.name, user.roles)
        role = self._rules.certificates.get(certificate.common_name)
        return None if role is None else Principal(certificate.common_name, frozenset({role}))

    async def _checked(self, login: Login, address: str) -> User:
        """The user whose password this is. RATE_LIMITED after too many attempts, AUTH_REQUIRED for a wrong one."""
        user = await self._store.user(login.name)
        kept = user.password_hash if user else None
        if user is not None and self._attempts.remembered(login, user.password_hash):
            return user
        with self._attempts.one(login.name, address):
            fits = await self._compute.run(password_fits, login.password, kept)
        if user is None or not fits:
            log.warn("a log-in from {address} failed", address=address)
            raise _refused()
        self._attempts.remember(login, user.password_hash)
        return user

    async def _has_operators(self) -> bool:
        """Whether any operator is configured, as it was at most a second ago."""
        now = self._clock.monotonic()
        if self._looked_at is None or now - self._looked_at >= OPERATORS_SECONDS:
            users = await self._store.users()
            self._has_operator = Role.OPERATOR in self._rules.certificates.values() or any(
                Role.OPERATOR in user.roles for user in users
            )
            self._looked_at = now
        return self._has_operator


def _known(principal: Principal | None, message: str) -> Principal:
    if principal is None:
        raise Problem(Code.AUTH_REQUIRED, message)
    return principal


def _refused() -> Problem:
    return Problem(Code.AUTH_REQUIRED, "this name and this password do not go together")


def _words(roles: frozenset[Role]) -> tuple[str, ...]:
    return tuple(sorted(roles))
