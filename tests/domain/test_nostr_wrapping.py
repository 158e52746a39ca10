"""Gift wraps: what one side wraps the other reads, and nobody can pass off another's words."""

from __future__ import annotations

from hashlib import sha256

from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto import nip44, schnorr
from sdkrelay.domain.nostr.event import Event, require_genuine
from sdkrelay.domain.nostr.refusal import Refusal
from sdkrelay.domain.nostr.signing import sign_event
from sdkrelay.domain.nostr.wrapping import Chance, Rumor, gift_wrap, message, unwrap

ALICE, BOB, EVE = (sha256(name).digest() for name in (b"alice", b"bob", b"eve"))
ENTROPY = b"".join(sha256(bytes([number])).digest() for number in range(5))


def public(secret: bytes) -> str:
    """The key others know."""
    return schnorr.xonly(secret).hex()


class WrappingTests(SynchronousTestCase):
    """NIP-17 in NIP-59."""

    def setUp(self) -> None:
        """A message of Alice to Bob."""
        self.rumor = message(public(ALICE), (public(BOB),), "you are paid", 1000, "payment")
        self.wrap = gift_wrap(self.rumor, ALICE, public(BOB), Chance.of(ENTROPY), (900, 800))

    def wrapped(self, content: str, kind: int = 13, sealer: bytes = ALICE) -> Event:
        """A wrap for Bob whose seal holds this."""
        sealed = nip44.encrypt(content, nip44.conversation_key(sealer, schnorr.xonly(BOB)), ENTROPY[:32])
        seal = sign_event(sealer, bytes(32), kind=kind, created_at=1, content=sealed).encoded().decode()
        hidden = nip44.encrypt(seal, nip44.conversation_key(EVE, schnorr.xonly(BOB)), ENTROPY[:32])
        return sign_event(EVE, bytes(32), kind=1059, created_at=1, content=hidden, tags=(("p", public(BOB)),))

    def test_the_recipient_reads_it(self) -> None:
        """And sees who wrote it, when, and what about."""
        self.assertEqual(unwrap(self.wrap, BOB), self.rumor)
        self.assertEqual((self.rumor.kind, self.rumor.tags[1]), (14, ("subject", "payment")))

    def test_the_wrap_tells_nothing_but_the_recipient(self) -> None:
        """It is genuine, by a key used once, at a time of the sender's choice."""
        require_genuine(self.wrap)
        self.assertEqual((self.wrap.pubkey, self.wrap.created_at), (public(ENTROPY[:32]), 800))
        self.assertEqual((self.wrap.kind, self.wrap.tags), (1059, (("p", public(BOB)),)))
        self.assertNotIn(public(ALICE), self.wrap.encoded().decode())

    def test_nobody_else_reads_it(self) -> None:
        """Neither a stranger nor the sender."""
        for secret in (EVE, ALICE):
            self.assertRaises(Refusal, unwrap, self.wrap, secret)

    def test_words_of_another_are_refused(self) -> None:
        """A rumor must be its sealer's, and its id its own; a seal must be one."""
        said = self.rumor_json(self.rumor)
        self.assertEqual(unwrap(self.wrapped(said), BOB), self.rumor)
        altered = self.rumor_json(replace(self.rumor, content="you owe"))
        for wrap in (self.wrapped(said, sealer=EVE), self.wrapped(altered), self.wrapped(said, 1), self.wrapped("x")):
            self.assertRaises(Refusal, unwrap, wrap, BOB)

    def rumor_json(self, rumor: Rumor) -> str:
        """As it stands in a seal."""
        event = Event(rumor.id, rumor.pubkey, rumor.created_at, rumor.kind, rumor.tags, rumor.content, "")
        return event.encoded().decode()

    def test_only_the_author_seals(self) -> None:
        """With another's key a rumor is not wrapped; nor with too little entropy."""
        self.assertRaises(ValueError, gift_wrap, self.rumor, EVE, public(BOB), Chance.of(ENTROPY), (1, 1))
        self.assertRaises(ValueError, Chance.of, ENTROPY[1:])

    def test_secrets_are_not_printed(self) -> None:
        """The randomness of a wrap holds its key."""
        self.assertEqual(repr(Chance.of(ENTROPY)), "Chance()")
