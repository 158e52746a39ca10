"""What services may expect of any store of users and tokens, as a suite that each variant of it is put through."""

from __future__ import annotations

from typing import Any

from sdkrelay.domain.access import AccessToken, Role, User
from tests.storage.contract import StoreCase

OPERATOR = frozenset({Role.OPERATOR})
ALICE = User("alice", "$argon2id$hash", OPERATOR, 1_700_000_000)
BOB = User("bob", "$argon2id$other", frozenset({Role.READER}), 1_700_000_001)
TOKEN = AccessToken(b"\x01" * 32, "alice", OPERATOR, 1_700_000_000, 1_700_003_600)
OTHER = AccessToken(b"\x02" * 32, "bob", frozenset({Role.READER}), 1_700_000_000, 1_700_000_010)


class AccessContract(StoreCase):
    """Users and tokens."""

    async def test_users_come_back_as_they_were_kept(self: Any) -> None:
        """By name, each equal; None for a name nobody has."""
        access = (await self.opened()).access
        self.assertEqual([await access.add_user(BOB), await access.add_user(ALICE)], [True, True])
        self.assertEqual(await access.users(), [ALICE, BOB])
        self.assertEqual([await access.user("bob"), await access.user("Bob")], [BOB, None])

    async def test_a_name_is_taken_once(self: Any) -> None:
        """The second of one name is refused, and the first stays as it was."""
        access = (await self.opened()).access
        await access.add_user(ALICE)
        self.assertFalse(await access.add_user(User("alice", "mine now", frozenset(), 5)))
        self.assertEqual(await access.users(), [ALICE])

    async def test_tokens_come_back_and_are_revoked_once(self: Any) -> None:
        """With the time of their end; unknown ones are not revoked."""
        access = (await self.opened()).access
        await access.add_user(ALICE)
        self.assertTrue(await access.issue(TOKEN))
        self.assertEqual(await access.access_token(TOKEN.token_hash), TOKEN)
        ended = [await access.revoke(TOKEN.token_hash, 7), await access.revoke(TOKEN.token_hash, 8)]
        self.assertEqual([*ended, await access.revoke(b"?" * 32, 7)], [True, False, False])
        self.assertEqual((await access.access_token(TOKEN.token_hash)).revoked_at, 7)

    async def test_tokens_end_with_their_user(self: Any) -> None:
        """A removed user leaves no token, and gets no new one."""
        access = (await self.opened()).access
        await access.add_user(ALICE)
        await access.issue(TOKEN)
        self.assertEqual([await access.remove_user("alice"), await access.remove_user("alice")], [True, False])
        self.assertEqual([await access.access_token(TOKEN.token_hash), await access.issue(TOKEN)], [None, False])

    async def test_another_password_ends_the_tokens(self: Any) -> None:
        """Of this user, and of no other."""
        access = (await self.opened()).access
        for user, token in ((ALICE, TOKEN), (BOB, OTHER)):
            await access.add_user(user)
            await access.issue(token)
        self.assertTrue(await access.set_password("alice", "new"))
        self.assertEqual((await access.user("alice")).password_hash, "new")
        self.assertEqual([await access.access_token(token.token_hash) for token in (TOKEN, OTHER)], [None, OTHER])
        self.assertFalse(await access.set_password("nobody", "new"))

    async def test_expired_tokens_are_forgotten_when_others_come(self: Any) -> None:
        """So that the table does not grow for ever."""
        access = (await self.opened()).access
        await access.add_user(ALICE)
        await access.add_user(BOB)
        await access.issue(OTHER)
        await access.issue(AccessToken(b"\x03" * 32, "alice", OPERATOR, OTHER.expires_at, OTHER.expires_at + 5))
        self.assertIsNone(await access.access_token(OTHER.token_hash))
