"""Who somebody is: tokens, passwords, certificates, and sitting at the machine, each as long as it holds."""

from __future__ import annotations

from typing import Any

from argon2 import PasswordHasher
from attrs import evolve
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.passwords import hash_password, password_fits
from sdkrelay.crypto.seal import token_hash
from sdkrelay.domain.access import Approach, Certificate, Login, Role, User
from sdkrelay.domain.problem import Code, Problem
from sdkrelay.messages.rest.access import GetSecure, IssueToken, RevokeToken
from sdkrelay.messages.values import BearerToken, Password
from tests.support.conversation import Relay, say
from tests.support.people import QUICK, Visitor
from tests.support.stores import now

CERTIFICATE = Certificate("machine", "CN=machine", "CN=authority", "1f", 1_800_000_000, "ab" * 32)
OPERATOR = frozenset({Role.OPERATOR})


class AccessCase(SynchronousTestCase):
    """A relay with one operator, ann, and one reader, bob; both have the password ``correct horse``."""

    def setUp(self) -> None:
        """Users with hashes that are quick to check."""
        self.relay = Relay()
        self.access, self.time = self.relay.access, self.relay.time
        for name, role in (("ann", Role.OPERATOR), ("bob", Role.READER)):
            now(self.relay.store.access.add_user(User(name, QUICK, frozenset({role}), 5)))

    def token(self, name: str = "ann", password: str = "correct horse", address: str = "192.0.2.7") -> str:
        """A new token for a name and a password."""
        asked = IssueToken(username=name, password=Password(password))
        issued: str = now(self.access.issue(asked, Visitor(Approach(address)))).token
        return issued

    def refused(self, code: Code, work: Any) -> Problem:
        """The problem with this code that awaiting ``work`` raises."""
        problem = self.assertRaises(Problem, now, work)
        self.assertIs(problem.code, code)
        return problem

    def proved(self, approach: Approach) -> Any:
        """Who somebody is that came this way."""
        visitor = Visitor(approach)
        now(self.access.prove(visitor))
        return visitor.principal


class TokenTests(AccessCase):
    """Bearer tokens."""

    def test_a_token_stands_for_its_user(self) -> None:
        """With the user's roles, for as long as the answer says."""
        asked = IssueToken(username="ann", password=Password("correct horse"))
        issued = now(self.access.issue(asked, Visitor(Approach("192.0.2.7"))))
        self.assertEqual((issued.token_type, issued.expires_in, issued.roles), ("Bearer", 86_400, ("operator",)))
        self.assertEqual(issued.expires_at, int(self.time.now()) + 86_400)
        principal = self.proved(Approach(token_hash=token_hash(issued.token)))
        self.assertEqual((principal.name, principal.roles), ("ann", OPERATOR))

    def test_a_token_expires(self) -> None:
        """To the second."""
        approach = Approach(token_hash=token_hash(self.token()))
        self.time.advance(86_399)
        self.assertEqual(self.proved(approach).name, "ann")
        self.time.advance(1)
        self.refused(Code.AUTH_REQUIRED, self.access.prove(Visitor(approach)))

    def test_a_token_is_revoked_by_whoever_has_it(self) -> None:
        """By coming with it, or by naming it; a second time there is nothing to revoke."""
        for named in (True, False):
            text = self.token()
            visitor = Visitor(Approach(token_hash=None if named else token_hash(text)))
            now(self.access.prove(visitor))
            now(self.access.revoke(RevokeToken(token=BearerToken(text) if named else None), visitor))
            self.refused(Code.AUTH_REQUIRED, self.access.prove(Visitor(Approach(token_hash=token_hash(text)))))
            self.refused(Code.NOT_FOUND, self.access.revoke(RevokeToken(token=BearerToken(text)), visitor))

    def test_to_revoke_nothing_makes_no_sense(self) -> None:
        """Neither named nor come with."""
        self.refused(Code.VALIDATION_ERROR, self.access.revoke(RevokeToken(), Visitor(Approach())))

    def test_made_up_tokens_are_nobody(self) -> None:
        """And are not repeated in the refusal."""
        problem = self.refused(
            Code.AUTH_REQUIRED, self.access.prove(Visitor(Approach(token_hash=token_hash("made-up"))))
        )
        self.assertNotIn("made-up", f"{problem} {problem.details}")


class PasswordTests(AccessCase):
    """Names and passwords."""

    def test_wrong_names_and_wrong_passwords_look_alike(self) -> None:
        """The same words, and the same work done."""
        told, done = set(), []
        for name, password in (("ann", "wrong"), ("nobody", "correct horse"), ("", ""), ("ann\0", "correct horse")):
            before = self.relay.compute.done
            asked = IssueToken(username=name, password=Password(password))
            told.add(str(self.refused(Code.AUTH_REQUIRED, self.access.issue(asked, Visitor(Approach("192.0.2.7"))))))
            done.append(self.relay.compute.done - before)
        self.assertEqual((len(told), done), (1, [1] * 4))

    def test_a_name_nobody_has_takes_a_whole_hash(self) -> None:
        """There is nothing it could fit, and it is computed all the same: argon2 says which parameters it used."""
        self.assertFalse(password_fits("any", None))
        kept = hash_password("any", bytes(range(16)))
        self.assertTrue(kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$"))
        self.assertEqual(
            (password_fits("any", kept), password_fits("Any", kept), password_fits("any", "?")), (True, False, False)
        )

    def test_guessing_is_slow(self) -> None:
        """Ten attempts a minute from one address, right ones included; others are not concerned."""
        for _ in range(10):
            self.refused(Code.AUTH_REQUIRED, self.access.issue(asked("wrong"), Visitor(Approach("192.0.2.7"))))
        problem = self.refused(Code.RATE_LIMITED, self.access.issue(asked("wrong"), Visitor(Approach("192.0.2.9"))))
        self.assertEqual(problem.details["retry_after"], 6)
        self.assertNotEqual(self.token("ann", address="198.51.100.1"), "")
        self.time.advance(6)
        self.assertNotEqual(self.token("ann", address="192.0.2.7"), "")

    def test_guessing_one_name_from_everywhere_is_slow(self) -> None:
        """Sixty attempts a minute at one name; other names are not concerned."""
        for number in range(60):
            visitor = Visitor(Approach(f"10.{number}.0.1"))
            self.refused(Code.AUTH_REQUIRED, self.access.issue(asked("wrong"), visitor))
        self.refused(Code.RATE_LIMITED, self.access.issue(asked("wrong"), Visitor(Approach("10.99.0.1"))))
        self.assertNotEqual(self.token("bob"), "")

    def test_basic_is_checked_once_a_minute(self) -> None:
        """It comes with every request; other passwords and other names are not helped by it."""
        right = Approach("192.0.2.7", login=Login("ann", "correct horse"))
        for _ in range(30):
            self.assertEqual(self.proved(right).name, "ann")
        self.assertEqual(self.relay.compute.done, 1)
        for login in (Login("ann", "wrong"), Login("bob", "wrong"), Login("bo", "bcorrect horse")):
            self.refused(Code.AUTH_REQUIRED, self.access.prove(Visitor(evolve(right, login=login))))
        self.time.advance(61)
        self.assertEqual((self.proved(right).name, self.relay.compute.done), ("ann", 5))

    def test_another_password_ends_the_old_one_at_once(self) -> None:
        """Tokens too."""
        right = Approach("192.0.2.7", login=Login("ann", "correct horse"))
        text = self.token()
        self.proved(right)
        now(self.relay.store.access.set_password("ann", PasswordHasher(1, 8, 1).hash("another horse")))
        self.refused(Code.AUTH_REQUIRED, self.access.prove(Visitor(right)))
        self.refused(Code.AUTH_REQUIRED, self.access.prove(Visitor(Approach(token_hash=token_hash(text)))))

    def test_secrets_are_not_shown(self) -> None:
        """Neither passwords nor hashes stand in what may be logged."""
        user = now(self.relay.store.access.user("ann"))
        shown = f"{user!r} {Approach(login=Login('ann', 'correct horse'))!r} {asked('correct horse')!r}"
        self.assertNotIn("correct horse", shown)
        self.assertNotIn("argon2", shown)


class CertificateTests(AccessCase):
    """Client certificates, already verified by the handshake."""

    def test_a_name_in_the_settings_has_its_role(self) -> None:
        """The common name decides."""
        self.assertEqual(self.proved(Approach(certificate=CERTIFICATE)).roles, {Role.READER})

    def test_a_users_name_has_the_users_roles(self) -> None:
        """Until the user is removed."""
        approach = Approach(certificate=evolve(CERTIFICATE, common_name="ann"))
        self.assertEqual(self.proved(approach).roles, OPERATOR)
        now(self.relay.store.access.remove_user("ann"))
        self.assertIsNone(self.proved(approach))

    def test_other_names_are_nobody(self) -> None:
        """An authority may issue certificates to people the relay does not know."""
        for name in ("stranger", "", "ANN"):
            self.assertIsNone(self.proved(Approach(certificate=evolve(CERTIFICATE, common_name=name))))

    def test_it_is_shown_to_its_holder(self) -> None:
        """As the relay sees it, with the roles; nobody else gets an answer."""
        shown = now(self.access.secure(GetSecure(), Visitor(Approach(certificate=CERTIFICATE))))
        self.assertEqual((shown.subject, shown.issuer, shown.serial), ("CN=machine", "CN=authority", "1f"))
        self.assertEqual((shown.not_after, shown.fingerprint, shown.roles), (1_800_000_000, "ab" * 32, ("reader",)))
        self.refused(Code.AUTH_REQUIRED, self.access.secure(GetSecure(), Visitor(Approach(local=True))))


class LoopbackTests(AccessCase):
    """Whoever sits at the machine."""

    def test_is_an_operator_while_there_is_none(self) -> None:
        """A reader is none. The first operator ends it within a second, conversations under way included."""
        now(self.relay.store.access.remove_user("ann"))
        visitor = Visitor(Approach("127.0.0.1", local=True))
        now(self.access.prove(visitor))
        self.assertEqual((visitor.principal.name, visitor.principal.roles), ("loopback", OPERATOR))
        now(self.relay.store.access.add_user(User("eve", QUICK, OPERATOR, 5)))
        self.time.advance(1)
        now(self.access.prove(visitor))
        self.assertIsNone(visitor.principal)

    def test_is_nobody_where_there_is_an_operator(self) -> None:
        """Nor is anybody who came otherwise, while there is none."""
        self.assertIsNone(self.proved(Approach("127.0.0.1", local=True)))
        now(self.relay.store.access.remove_user("ann"))
        self.assertIsNone(self.proved(Approach("127.0.0.1", local=False)))

    def test_the_log_says_so_at_the_start(self) -> None:
        """And how to end it; where there is an operator, it says that."""
        told: list[LogEvent] = []
        globalLogPublisher.addObserver(told.append)
        self.addCleanup(globalLogPublisher.removeObserver, told.append)
        now(self.access.start())
        now(self.relay.store.access.remove_user("ann"))
        self.time.advance(1)
        now(self.access.start())
        first, second = [
            formatEvent(event) for event in told if event.get("log_namespace") == "sdkrelay.services.access"
        ]
        self.assertTrue(first.startswith("an operator is configured"))
        self.assertIn("sdkrelay users add", second)


class SocketTests(AccessCase):
    """The same over a conversation."""

    def greeting(self, **fields: Any) -> tuple[dict[str, Any], Any, Any]:
        """The answer to a handshake, the session and its wire."""
        session, wire = self.relay.session()
        say(session, "handshake", **fields)
        return wire.said()[-1], session, wire

    def test_a_token_in_the_handshake_identifies(self) -> None:
        """The answer says with which roles."""
        answer, session, _ = self.greeting(token=self.token("bob"))
        self.assertEqual((answer["status"], answer["roles"]), ("accepted", ["reader"]))
        self.assertEqual(session.principal.name, "bob")

    def test_a_bad_token_is_rejected_and_closes(self) -> None:
        """With 1008, after the answer, which does not repeat it; so is one that has expired."""
        expired = self.token()
        self.time.advance(86_400)
        for token in ("made-up", expired, "ü" * 1000):
            answer, session, wire = self.greeting(token=token)
            self.assertEqual((answer["status"], answer["roles"], wire.closed[0][0]), ("rejected", [], 1008))
            self.assertNotIn(token, f"{answer} {wire.closed}")
            self.assertFalse(session.greeted)

    def test_a_token_may_come_later(self) -> None:
        """A bad one changes nothing, the wallets named with it included, and the socket stays open."""
        self.relay.register("mine")
        _, session, wire = self.greeting()
        say(session, "authenticate", token="made-up", wallet_tokens=["mine"])
        self.assertEqual((wire.said()[-1]["error_code"], session.wallet_ids), ("AUTH_REQUIRED", frozenset()))
        say(session, "authenticate", token=self.token(), wallet_tokens=["mine"])
        answer = wire.said()[-1]
        self.assertEqual((answer["roles"], answer["wallet_ids"], wire.closed), (["operator"], ["mine"], []))

    def test_a_token_that_ends_ends_its_power(self) -> None:
        """The conversation goes on as that of somebody unknown."""
        text = self.token()
        _, session, wire = self.greeting(token=text)
        now(self.relay.store.access.revoke(token_hash(text), 5))
        say(session, "list_wallets")
        self.assertEqual((wire.said()[-1]["type"], session.principal), ("wallets", None))


def asked(password: str) -> IssueToken:
    """A log-in as ann."""
    return IssueToken(username="ann", password=Password(password))
