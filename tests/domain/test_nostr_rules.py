"""What tags mean to a relay: addresses, ends, work, protection, deletion, vanishing, visibility, proofs."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Any

from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto import schnorr
from sdkrelay.domain.nostr import kinds
from sdkrelay.domain.nostr.event import Event, Tag
from sdkrelay.domain.nostr.hyperloglog import offset_of, registers
from sdkrelay.domain.nostr.proof import check_auth, check_authorization
from sdkrelay.domain.nostr.refusal import Prefix, Refusal
from sdkrelay.domain.nostr.rules import (
    Address,
    address_of,
    deletion,
    expiration,
    is_protected,
    is_visible,
    may_delete,
    newer,
    normalized_url,
    parse_address,
    reposts_protected,
    require_work,
    vanishes_here,
    work,
)
from sdkrelay.domain.nostr.signing import sign_event
from tests.support.nostr import AUTHORS, made, unsigned

SECRET = bytes(31) + b"\x09"
ALICE, BOB = AUTHORS[:2]


class KindTests(SynchronousTestCase):
    """Classes of kinds."""

    def test_the_bounds_are_those_of_nip_01(self) -> None:
        """Each class begins and ends where it must."""
        edges = {0, 1, 2, 3, 4, 9999, 10000, 19999, 20000, 29999, 30000, 39999, 40000, 65535}
        self.assertEqual({kind for kind in edges if kinds.is_replaceable(kind)}, {0, 3, 10000, 19999})
        self.assertEqual({kind for kind in edges if kinds.is_ephemeral(kind)}, {20000, 29999})
        self.assertEqual({kind for kind in edges if kinds.is_addressable(kind)}, {30000, 39999})


class AddressTests(SynchronousTestCase):
    """Replaceable and addressable events."""

    def test_an_address_has_a_d_tag_where_its_kind_has_one(self) -> None:
        """The first one, "" where it is missing or empty; on replaceable kinds it means nothing."""
        tags: tuple[Tag, ...] = (("d", "x"), ("d", "y"))
        self.assertEqual(address_of(unsigned(30000, tags=tags)), Address(30000, ALICE, "x"))
        self.assertEqual(address_of(unsigned(30000, tags=(("d",), ("d", "y")))), Address(30000, ALICE, ""))
        self.assertEqual(address_of(unsigned(30000)), Address(30000, ALICE, ""))
        self.assertEqual(address_of(unsigned(10000, tags=tags)), Address(10000, ALICE))
        self.assertIsNone(address_of(unsigned(1, tags=tags)))

    def test_an_address_is_read_as_it_is_written(self) -> None:
        """Identifiers may hold colons; what names none is None."""
        for address in (Address(30000, ALICE, "a:b"), Address(30000, ALICE), Address(0, ALICE)):
            self.assertEqual(parse_address(str(address)), address)
        for text in (
            "",
            "1::",
            f"1:{ALICE}:",
            f"30000:{ALICE}",
            f"30000:{ALICE[:-1]}:",
            f"3000000:{ALICE}:",
            f"٣:{ALICE}:",
        ):
            self.assertIsNone(parse_address(text))

    def test_the_later_one_is_newer_then_the_lower_id(self) -> None:
        """So that the order of arrival does not matter."""
        early, late = unsigned(created_at=1), unsigned(created_at=2)
        low, high = sorted((unsigned(content="a"), unsigned(content="b")), key=lambda event: event.id)
        self.assertEqual((newer(late, early), newer(early, late)), (True, False))
        self.assertEqual((newer(low, high), newer(high, low), newer(low, low)), (True, False, False))


class TagTests(SynchronousTestCase):
    """Single tags."""

    def test_an_expiration_is_digits(self) -> None:
        """Anything else is refused, and a time beyond all stores is the last there is."""
        self.assertIsNone(expiration(unsigned()))
        self.assertEqual(expiration(unsigned(tags=(("expiration", "12"),))), 12)
        self.assertEqual(expiration(unsigned(tags=(("expiration", "9" * 19),))), 2**63 - 1)
        for text in ("", "-1", "1.5", "٣", "1 ", "9" * 20, "x"):
            self.assertRaises(Refusal, expiration, unsigned(tags=(("expiration", text),)))

    def test_a_dash_protects(self) -> None:
        """Whatever follows it; and a repost that carries such an event is known."""
        hidden = unsigned(tags=(("-",),))
        self.assertTrue(is_protected(hidden))
        self.assertFalse(is_protected(unsigned(tags=(("t", "-"), ()))))
        contents = [hidden.encoded().decode(), unsigned().encoded().decode(), "", "no event"]
        self.assertEqual(
            [reposts_protected(unsigned(6, content=each)) for each in contents], [True, False, False, False]
        )
        self.assertFalse(reposts_protected(unsigned(1, content=contents[0])))

    def test_work_is_counted_and_must_be_aimed_at(self) -> None:
        """Leading zero bits, and a nonce tag that promised as many (NIP-13)."""
        self.assertEqual([work("0" * 64), work("8" + "0" * 63), work("000f" + "f" * 60)], [256, 0, 12])
        lucky = replace(unsigned(tags=(("nonce", "1", "8"),)), id="000f" + "f" * 60)
        require_work(lucky, 8)
        for event, bits in ((lucky, 9), (lucky, 13), (replace(lucky, tags=()), 1)):
            refusal: Refusal = self.assertRaises(Refusal, require_work, event, bits)
            self.assertEqual(refusal.prefix, Prefix.POW)
        require_work(unsigned(), 0)


class DeletionTests(SynchronousTestCase):
    """What may be taken away by whom."""

    def test_a_deletion_names_ids_and_own_addresses(self) -> None:
        """Malformed ids and others' addresses are left out, repeated ones count once."""
        own, other = f"30000:{ALICE}:x", f"30000:{BOB}:x"
        tags = (("e", "ab" * 32), ("e", "ab" * 32), ("e", "x"), ("e",), ("a", own), ("a", other), ("k", "1"))
        asked = deletion(unsigned(5, tags=tags))
        self.assertEqual((asked.ids, asked.addresses), (("ab" * 32,), (Address(30000, ALICE, "x"),)))

    def test_authors_delete_and_recipients_of_wraps(self) -> None:
        """Nobody deletes a deletion or a request to vanish."""
        self.assertTrue(may_delete(ALICE, unsigned()))
        self.assertFalse(may_delete(BOB, unsigned(tags=(("p", BOB),))))
        self.assertTrue(may_delete(BOB, unsigned(1059, tags=(("p", BOB),))))
        self.assertFalse(may_delete(ALICE, unsigned(5)) or may_delete(ALICE, unsigned(62)))

    def test_vanishing_names_this_relay_or_all(self) -> None:
        """However its URL is spelt."""
        relays = ["wss://relay.example/"]
        for named, here in (("ALL_RELAYS", True), ("WSS://Relay.Example:443", True), ("wss://other.example", False)):
            self.assertEqual(vanishes_here(unsigned(62, tags=(("relay", named),)), relays), here)
        self.assertFalse(vanishes_here(unsigned(1, tags=(("relay", "ALL_RELAYS"),)), relays))

    def test_urls_are_compared_by_what_they_name(self) -> None:
        """Ports written out or not, a last slash or none; what is no URL stays as it is."""
        self.assertEqual(normalized_url("ws://A.example:80/x/"), normalized_url("ws://a.example/x"))
        self.assertNotEqual(normalized_url("ws://a.example"), normalized_url("wss://a.example"))
        self.assertEqual([normalized_url(text) for text in ("x", "ws://[", "ws://a:b")], ["x", "ws://[", "ws://a:b"])

    def test_wraps_are_seen_by_those_they_are_for(self) -> None:
        """And by nobody else, their author included."""
        wrap = unsigned(1059, tags=(("p", BOB),))
        self.assertEqual([is_visible(wrap, readers) for readers in ([], [ALICE], [ALICE, BOB])], [False, False, True])
        self.assertTrue(is_visible(unsigned(), []))


class AuthTests(SynchronousTestCase):
    """AUTH over the socket (NIP-42)."""

    def event(self, created_at: int = 1000, kind: int = 22242, **tags: str) -> Event:
        """What a client signs."""
        named = {"challenge": "c", "relay": "wss://relay.example/path"} | tags
        return sign_event(SECRET, bytes(32), kind=kind, created_at=created_at, tags=tuple(named.items()))

    def check(self, event: Event) -> str:
        """Whose key it proves."""
        return check_auth(event, challenge="c", relays=["wss://relay.example"], now=1000.0)

    def test_a_fit_event_proves_its_key(self) -> None:
        """The relay's host decides, and up to ten minutes either way."""
        for created_at in (400, 1000, 1600):
            self.assertEqual(self.check(self.event(created_at)), schnorr.xonly(SECRET).hex())

    def test_anything_else_proves_nothing(self) -> None:
        """Another kind, time, challenge, relay, or a broken signature."""
        wrong = [
            self.event(kind=1), self.event(399), self.event(1601), self.event(challenge="d"),
            self.event(relay="wss://other.example"), self.event(relay="ws://relay.example"),
            replace(self.event(), sig="0" * 128),
        ]  # fmt: skip
        for event in wrong:
            self.assertRaises(Refusal, self.check, event)


class AuthorizationTests(SynchronousTestCase):
    """Authorization over HTTP (NIP-98)."""

    def header(self, created_at: int = 1000, kind: int = 27235, **tags: str) -> str:
        """What a client sends with the body ``{}``."""
        named = {"u": "https://relay.example/", "method": "POST", "payload": sha256(b"{}").hexdigest()} | tags
        event = sign_event(SECRET, bytes(32), kind=kind, created_at=created_at, tags=tuple(named.items()))
        return "Nostr " + b64encode(event.encoded()).decode()

    def check(self, header: str) -> Any:
        """The event, if it fits."""
        return check_authorization(header, urls=["wss://relay.example"], method="post", body=b"{}", now=1000.0)

    def test_a_fit_header_is_taken(self) -> None:
        """With and without padding, up to a minute either way."""
        for header in (self.header(), self.header(940).rstrip("="), self.header(1060).replace("Nostr", "nostr")):
            self.assertEqual(self.check(header).pubkey, schnorr.xonly(SECRET).hex())

    def test_anything_else_is_refused(self) -> None:
        """Other schemes, times, URLs, methods, bodies, kinds, and what is no base64 or no event."""
        wrong = [
            "", "Bearer x", "Nostr", "Nostr !!!", "Nostr e30=", "Nostr é", self.header(939), self.header(kind=1),
            self.header(u="https://relay.example/x"), self.header(method="GET"), self.header(payload=""),
        ]  # fmt: skip
        for header in wrong:
            refusal: Refusal = self.assertRaises(Refusal, self.check, header)
            self.assertEqual(refusal.prefix, Prefix.AUTH_REQUIRED)


class HyperLogLogTests(SynchronousTestCase):
    """Counting authors in 256 bytes (NIP-45)."""

    def test_the_offset_comes_from_the_tags_value(self) -> None:
        """The 33rd hexadecimal digit of an id, of an address's key, of the hash of anything else, plus 8."""
        key = "0" * 32 + "b" + "0" * 31
        self.assertEqual([offset_of(each) for each in made([{"#e": [key]}, {"#a": [f"30000:{key}:x"]}])], [19, 19])
        self.assertEqual(offset_of(made([{"#t": ["x"]}])[0]), int(sha256(b"x").hexdigest()[32], 16) + 8)
        none = [{}, {"#e": []}, {"#t": ["x", "y"]}, {"#t": ["x"], "#d": ["y"]}]
        self.assertEqual([offset_of(each) for each in made(none)], [None] * 4)

    def test_a_register_holds_the_longest_run_of_zeros(self) -> None:
        """Behind the byte that names it, one more than their number."""
        key = bytes(8) + b"\x05" + b"\x01" + bytes(22)
        counted = registers([key, key, bytes(8) + b"\x05" + b"\x80" + bytes(22)], 8)
        self.assertEqual((counted[5], sum(counted), len(counted)), (8, 8, 256))
        self.assertEqual(registers([bytes(32)], 8)[0], 23 * 8 + 1)
