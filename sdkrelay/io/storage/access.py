"""Users and their bearer tokens; only hashes of passwords and tokens ever come here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select, update

from ...domain.access import AccessToken, Role, User
from .runner import Runner
from .schema import access_token, account

USERS = select(account).order_by(account.c.name)
USER = select(account).where(account.c.name == bindparam("who"))
SET_PASSWORD = update(account).where(account.c.name == bindparam("who")).values(password_hash=bindparam("hash"))
REMOVE = delete(account).where(account.c.name == bindparam("who"))
TOKEN = select(access_token).where(access_token.c.token_hash == bindparam("hash"))
FORGET_TOKENS = delete(access_token).where(access_token.c.user == bindparam("who"))
FORGET_EXPIRED = delete(access_token).where(access_token.c.expires_at <= bindparam("now"))
REVOKE = (
    update(access_token)
    .where(access_token.c.token_hash == bindparam("hash"), access_token.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("at"))
)


class DatabaseAccess:
    """The ``AccessStore``."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def add_user(self, user: User) -> bool:
        """Keep a new user; False, and nothing changes, if the name is taken."""

        def work(connection: Connection) -> bool:
            if _user(connection, user.name) is not None:
                return False
            connection.execute(insert(account), _user_row(user))
            return True

        return await self._runner.write(work)

    async def set_password(self, name: str, password_hash: str) -> bool:
        """Another password, which ends all tokens of the user; False if there is no such user."""

        def work(connection: Connection) -> bool:
            connection.execute(FORGET_TOKENS, {"who": name})
            return connection.execute(SET_PASSWORD, {"who": name, "hash": password_hash}).rowcount > 0

        return await self._runner.write(work)

    async def remove_user(self, name: str) -> bool:
        """Forget a user with all tokens; False if there is none of this name."""
        return await self._runner.write(lambda connection: connection.execute(REMOVE, {"who": name}).rowcount > 0)

    async def users(self) -> list[User]:
        """All of them, by name."""
        return await self._runner.read(
            lambda connection: [_user_of(row) for row in connection.execute(USERS).mappings()]
        )

    async def user(self, name: str) -> User | None:
        """The user of this name."""
        return await self._runner.read(lambda connection: _user(connection, name))

    async def issue(self, token: AccessToken) -> bool:
        """Keep a new token, and forget those that have expired by then; False if its user is no more."""

        def work(connection: Connection) -> bool:
            if _user(connection, token.user) is None:
                return False
            connection.execute(FORGET_EXPIRED, {"now": token.issued_at})
            connection.execute(insert(access_token), _token_row(token))
            return True

        return await self._runner.write(work)

    async def access_token(self, token_hash: bytes) -> AccessToken | None:
        """The token with this hash, expired and revoked ones too as long as they are kept."""

        def work(connection: Connection) -> AccessToken | None:
            row = connection.execute(TOKEN, {"hash": token_hash}).mappings().one_or_none()
            return None if row is None else _token_of(row)

        return await self._runner.read(work)

    async def revoke(self, token_hash: bytes, at: int) -> bool:
        """End a token at this time; False for one that is unknown or ended before."""
        return await self._runner.write(
            lambda connection: connection.execute(REVOKE, {"hash": token_hash, "at": at}).rowcount > 0
        )


def _user(connection: Connection, name: str) -> User | None:
    row = connection.execute(USER, {"who": name}).mappings().one_or_none()
    return None if row is None else _user_of(row)


def _user_of(row: RowMapping) -> User:
    return User(row["name"], row["password_hash"], _roles_of(row["roles"]), row["created_at"])


def _user_row(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "password_hash": user.password_hash,
        "roles": _roles_text(user.roles),
        "created_at": user.created_at,
    }


def _token_of(row: RowMapping) -> AccessToken:
    roles = _roles_of(row["roles"])
    return AccessToken(
        row["token_hash"], row["user"], roles, row["issued_at"], row["expires_at"], row["revoked_at"]
    )  # fmt: skip


def _token_row(token: AccessToken) -> dict[str, Any]:
    return {
        "token_hash": token.token_hash,
        "user": token.user,
        "roles": _roles_text(token.roles),
        "issued_at": token.issued_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
    }


def _roles_of(text: str) -> frozenset[Role]:
    return msgspec.json.decode(text, type=frozenset[Role])


def _roles_text(roles: Iterable[Role]) -> str:
    return msgspec.json.encode(sorted(roles)).decode()
