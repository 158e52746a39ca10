"""The encrypted conversation: its parts by published vectors, and what a hostile other side may send."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.channel import (
    Channel,
    Undecryptable,
    client_channel,
    derived,
    public_key,
    relay_channel,
    shared_secret,
)

CLIENT, RELAY, IDENTITY = (bytes([number]) * 32 for number in (1, 2, 3))
#: Points of small order on Curve25519 and its twist: RFC 7748 asks to refuse the secret they give.
SMALL_ORDER = (
    "00" * 32,
    "01" + "00" * 31,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)


def ends(session_id: str = "one", other: str | None = None) -> tuple[Channel, Channel]:
    """The client's end and the relay's, which may believe in another session."""
    client = client_channel(CLIENT, public_key(RELAY), public_key(IDENTITY), session_id)
    return client, relay_channel(RELAY, IDENTITY, public_key(CLIENT), other or session_id)


def published(name: str, last: str) -> Iterator[dict[str, bytes]]:
    """The cases of a file of published vectors, hexadecimal fields decoded; the field ``last`` ends each case."""
    case: dict[str, bytes] = {}
    for line in (files("cryptography_vectors") / name).read_text().splitlines():
        field, _, value = (part.strip() for part in line.strip("[]").partition("="))
        if field not in ("Hash", "Count", "COUNT") and len(value) % 2 == 0:
            case[field] = bytes.fromhex(value)
        if field == last:
            yield dict(case)


class VectorTests(SynchronousTestCase):
    """What others published about the parts."""

    def test_x25519_agrees_with_rfc_7748(self) -> None:
        """Both scalars and points of section 5.2 give their outputs."""
        cases = list(published("asymmetric/X25519/rfc7748.txt", "OUTPUT_U"))[:2]
        for case in cases:
            self.assertEqual(shared_secret(case["INPUT_SCALAR"], case["INPUT_U"]), case["OUTPUT_U"])
        self.assertEqual(len(cases), 2)

    def test_hkdf_agrees_with_rfc_5869(self) -> None:
        """The test cases of its appendix for SHA-256."""
        cases = list(published("KDF/rfc-5869-HKDF-SHA256.txt", "OKM"))
        for case in cases:
            output = derived(case["IKM"], case["salt"], case["info"], len(case["OKM"]))
            self.assertEqual(output, case["OKM"])
        self.assertGreaterEqual(len(cases), 2)

    def test_aes_gcm_agrees_with_nist(self) -> None:
        """Its vectors for 256-bit keys, 96-bit ivs and whole tags, as a channel seals and opens."""
        count = 0
        for case in published("ciphers/AES/GCM/gcmEncryptExtIV256.rsp", "Tag"):
            if len(case.get("IV", b"")) == 12 and len(case["Tag"]) == 16:
                sealed = AESGCM(case["Key"]).encrypt(case["IV"], case["PT"], case["AAD"])
                self.assertEqual(sealed, case["CT"] + case["Tag"])
                count += 1
        self.assertGreater(count, 100)


class ChannelTests(SynchronousTestCase):
    """Two ends of a conversation."""

    def test_both_directions(self) -> None:
        """What one seals the other opens, any number of times; the same words never look the same."""
        client, relay = ends()
        for near, far in ((client, relay), (relay, client)):
            first, second = near.seal(b"words"), near.seal(b"words")
            self.assertNotEqual(first[1], second[1])
            self.assertEqual([far.open(*first), far.open(*second)], [b"words", b"words"])

    def test_ivs_count_from_zero(self) -> None:
        """Four zero bytes and the number of the message, big-endian."""
        client, _ = ends()
        ivs = [client.seal(b"")[0].hex() for _ in range(300)]
        self.assertEqual((ivs[0], ivs[1], ivs[299]), ("00" * 12, "00" * 11 + "01", "00" * 10 + "012b"))

    def test_points_of_small_order_are_refused(self) -> None:
        """None of them gives a channel, as a client's key or as a relay's."""
        for point in map(bytes.fromhex, SMALL_ORDER):
            self.assertRaises(ValueError, relay_channel, RELAY, IDENTITY, point, "one")
            self.assertRaises(ValueError, client_channel, CLIENT, point, public_key(IDENTITY), "one")
            self.assertRaises(ValueError, client_channel, CLIENT, public_key(RELAY), point, "one")

    def test_replayed_and_reordered_messages_do_not_open(self) -> None:
        """Only the next one does; a refusal does not lose the place."""
        client, relay = ends()
        first, second = client.seal(b"1"), client.seal(b"2")
        self.assertRaises(Undecryptable, relay.open, *second)
        self.assertEqual(relay.open(*first), b"1")
        self.assertRaises(Undecryptable, relay.open, *first)
        self.assertEqual(relay.open(*second), b"2")

    def test_altered_messages_do_not_open(self) -> None:
        """Not one bit may change, nothing be cut or added, no message be told by another's iv."""
        client, relay = ends()
        iv, data = client.seal(b"words")
        for place in range(len(data)):
            altered = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            self.assertRaises(Undecryptable, relay.open, iv, altered)
        for wrong in (b"", data[:15], data[:-1], data + b"\0"):
            self.assertRaises(Undecryptable, relay.open, iv, wrong)
        for wrong in (b"", iv + b"\0", b"\1" + iv[1:]):
            self.assertRaises(Undecryptable, relay.open, wrong, data)
        self.assertEqual(relay.open(iv, data), b"words")

    def test_another_session_does_not_open_it(self) -> None:
        """The session id is in the keys, and a message is no use in the other direction either."""
        client, relay = ends("one", "two")
        self.assertRaises(Undecryptable, relay.open, *client.seal(b"words"))
        client, relay = ends()
        self.assertRaises(Undecryptable, client.open, *client.seal(b"words"))

    def test_a_relay_with_another_identity_cannot_open(self) -> None:
        """Who answers under the fresh key alone is not the relay that the client knows."""
        client = client_channel(CLIENT, public_key(RELAY), public_key(IDENTITY), "one")
        impostor = relay_channel(RELAY, bytes([4]) * 32, public_key(CLIENT), "one")
        self.assertRaises(Undecryptable, impostor.open, *client.seal(b"words"))

    def test_keys_are_not_printed(self) -> None:
        """A channel can be logged."""
        client, _ = ends("secret-session")
        self.assertEqual(repr(client), "Channel(sent=0, received=0)")
