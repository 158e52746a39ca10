"""The set of records for the mesh: what is taken over, what is refused, what is told, and what goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.schnorr import xonly
from sdkrelay.domain.clock import AHEAD, reading
from sdkrelay.domain.measure import MESSAGES_SYNCED
from sdkrelay.domain.record import Outcome, Record, Sort, verify
from sdkrelay.services.records import SWEEP_EVERY, recanonical
from tests.support.conversation import say
from tests.support.related import RelatedRelay
from tests.support.stores import now
from tests.support.tasks import EPOCH

SECRET = b"\x09" * 32


def made(name: str = "m", **fields: Any) -> Record:
    """A record of another relay."""
    hlc = fields.pop("hlc", reading(int(EPOCH) * 1000))
    plain = Record(Sort.MESSAGE, "relay-2", xonly(SECRET), "user:bob", name, b'{"a":1}', hlc, 60)
    return evolve(plain, **fields).signed(SECRET, bytes(32))


class RecordSetTests(SynchronousTestCase):
    """Records of other relays."""

    def setUp(self) -> None:
        """A relay whose new records are noted, and somebody who follows."""
        self.relay = RelatedRelay()
        self.records = self.relay.records
        self.noted: list[tuple[list[Record], str | None]] = []
        self.records.on_stored(self.note)
        self.session, self.wire = self.relay.greeted()
        _, self.listening = self.relay.greeted("sync")

    def note(self, records: Sequence[Record], source: str | None) -> None:
        """What gossip would pass on."""
        self.noted.append((list(records), source))

    def accept(self, *records: Record) -> list[bytes]:
        """Take them from another relay."""
        return now(self.records.accept(records, "relay-2"))

    def test_they_are_kept_told_and_passed_on(self) -> None:
        """Followers hear them as any message; the set has them, and whoever passes records on learns whence they came."""
        batch = [made("m"), made("n")]
        self.assertEqual(self.accept(*batch), [record.record_id for record in batch])
        self.assertEqual([told["data"]["message_id"] for told in self.listening.said()], ["m", "n"])
        self.assertEqual(self.noted, [(batch, "relay-2")])
        self.assertEqual(sorted(self.records.sealed().ids(0, 9)), sorted(record.record_id for record in batch))
        self.assertEqual(self.relay.meter.total(MESSAGES_SYNCED), 2)

    def test_what_is_known_is_accepted_in_silence(self) -> None:
        """The second time nothing is told, and nothing passed on."""
        self.accept(made())
        self.listening.said()
        self.assertEqual(self.accept(made()), [made().record_id])
        self.assertEqual((self.listening.said(), len(self.noted), len(self.records.sealed())), ([], 1, 1))

    def test_what_its_origin_did_not_sign_is_refused(self) -> None:
        """Among good ones, too; nothing of it is kept."""
        forged = [
            evolve(made("x"), origin="relay-1"),
            evolve(made("y"), signature=bytes(64)),
            evolve(made("z"), key=bytes(32)),
        ]
        self.assertEqual(self.accept(*forged, made()), [made().record_id])
        self.assertEqual(now(self.records.unknown([forged[0].record_id])), [forged[0].record_id])
        self.assertEqual(len(self.records.sealed()), 1)

    def test_a_clock_far_ahead_is_refused(self) -> None:
        """Five minutes are borne, and from then on our own records come after."""
        edge = (int(EPOCH) + AHEAD) * 1000
        late, ahead = made("n", hlc=reading(edge)), made("x", hlc=reading(edge + 2000))
        self.assertEqual(self.accept(late, ahead), [late.record_id])
        say(self.session, "sync_message", message_id="m", content={})
        self.assertGreater(self.noted[-1][0][0].hlc, late.hlc)

    def test_our_own_are_signed_and_passed_on(self) -> None:
        """A client's message becomes a record of this relay's, which anybody can check."""
        say(self.session, "sync_message", message_id="m", content={"b": 1, "a": 2}, ttl=60)
        ((record,), source) = self.noted[0]
        self.assertEqual(
            (record.origin, record.content, record.ttl, source), ("relay-under-test", b'{"a":2,"b":1}', 60, None)
        )
        self.assertTrue(verify(record))
        self.assertEqual(now(self.records.get([record.record_id])), [record])

    def test_a_conflict_is_told_once(self) -> None:
        """An earlier author's content takes the place of a later one's, and followers are told which won, once."""
        say(self.session, "sync_message", message_id="m", content={"b": 1})
        earlier = made(hlc=reading(int(EPOCH) * 1000 - 5))
        self.accept(earlier)
        self.accept(earlier)
        conflicts = [said for said in self.listening.said() if said["type"] == "conflict_detected"]
        self.assertEqual([each["winner"] for each in conflicts], [earlier.record_id.hex()])
        self.assertEqual(conflicts[0]["loser"], self.noted[0][0][0].record_id.hex())
        self.assertEqual(now(self.records.live()), [earlier])

    def test_facts_that_are_no_messages(self) -> None:
        """They are kept and passed on, and followers hear nothing of them."""
        fact = now(self.records.publish(Sort.PAYMENT, "user:a", "p1", b'{"status":"seen"}', 3600))
        self.assertEqual((self.noted, self.listening.said()), ([([fact], None)], []))
        self.assertTrue(verify(fact))

    def test_what_is_over_goes_by_itself(self) -> None:
        """From the set and from the disk; it cannot come back."""
        now(self.records.start())
        self.accept(made())
        self.relay.time.advance(60 + SWEEP_EVERY)
        self.assertEqual(len(self.records.sealed()), 0)
        self.assertEqual((now(self.records.unknown([made().record_id])), len(self.noted)), ([], 1))
        self.accept(made())
        self.assertEqual((len(self.records.sealed()), len(self.noted)), (0, 1))
        now(self.records.stop())

    def test_after_a_restart(self) -> None:
        """The set is what was kept, and the clock goes on after it."""
        late = made(hlc=reading((int(EPOCH) + 200) * 1000))
        self.accept(late)
        again = self.relay.records_again()
        now(again.start())
        self.assertEqual(again.sealed().ids(0, 9), [late.record_id])
        self.assertGreater(now(again.publish(Sort.PAYMENT, "user:a", "p", b"{}", 60)).hlc, late.hlc)
        now(again.stop())

    def test_old_content_becomes_canonical(self) -> None:
        """What an earlier release wrote keeps its meaning; whole numbers that doubles would round become text."""
        self.assertEqual(recanonical(b'{"b":1.0,"a":1152921504606846976}'), b'{"a":"1152921504606846976","b":1}')

    def test_a_restored_message_is_an_own_one(self) -> None:
        """What comes out of an export is signed by this relay, with the times it had."""
        made_at = int(EPOCH) - 50
        self.assertEqual(now(self.records.restore("user:a", "m", b"{}", made_at, made_at + 60)), Outcome.KEPT)
        (record,) = now(self.records.live())
        self.assertEqual((record.made_at, record.expires_at, verify(record)), (made_at, made_at + 60, True))
