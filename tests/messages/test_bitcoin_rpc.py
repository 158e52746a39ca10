"""JSON-RPC as bytes: exact amounts, answers to the right question, and every strange answer refused."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.chain import TxOut
from sdkrelay.messages.bitcoin import Malformed
from sdkrelay.messages.bitcoin.rpc import (
    RpcFailure,
    Unspent,
    decode_batch,
    decode_reply,
    decode_value,
    encode_batch,
    encode_call,
    join_block,
    satoshi,
)
from tests.support.blocks import random_block
from tests.support.fake_bitcoind import FakeBitcoind


class QuestionTests(SynchronousTestCase):
    """What is sent."""

    def test_one_question(self) -> None:
        """Protocol 2.0 with positional parameters."""
        expected = {"jsonrpc": "2.0", "id": 3, "method": "getblockhash", "params": [7]}
        self.assertEqual(msgspec.json.decode(encode_call(3, "getblockhash", [7])), expected)

    def test_several_are_numbered(self) -> None:
        """From 0, in order."""
        sent = msgspec.json.decode(encode_batch([("a", ()), ("b", ("x",))]))
        self.assertEqual([(each["id"], each["method"]) for each in sent], [(0, "a"), (1, "b")])


class AnswerTests(SynchronousTestCase):
    """What comes back."""

    def test_a_result(self) -> None:
        """By either protocol version."""
        self.assertEqual(decode_reply(b'{"result":5,"error":null,"id":1}', 1, int), 5)
        self.assertEqual(decode_reply(b'{"jsonrpc":"2.0","result":5,"id":1}', 1, int), 5)

    def test_a_refusal(self) -> None:
        """With code and text."""
        body = b'{"result":null,"error":{"code":-28,"message":"Verifying blocks"},"id":1}'
        failure = self.assertRaises(RpcFailure, decode_reply, body, 1, int)
        self.assertEqual((failure.code, failure.text), (-28, "Verifying blocks"))

    def test_strange_answers_are_malformed(self) -> None:
        """Another id, type or encoding, no JSON, and brackets without end."""
        for body in (b'{"result":5,"id":2}', b'{"result":"5","id":1}', b"", b"\xff", b"[]", b'{"error":3,"id":1}'):
            self.assertRaises(Malformed, decode_reply, body, 1, int)
        deep = b'{"id":1,"result":' + b"[" * 100_000
        self.assertRaises(Malformed, decode_reply, deep, 1, object)
        self.assertRaises(Malformed, decode_reply, b'{"id":1,"result":"\xff\xff"}', 1, str)

    def test_a_batch_is_put_in_order(self) -> None:
        """Whatever the order of the answers; refusals stand among them."""
        body = b'[{"id":1,"error":{"code":-5,"message":"no"}},{"id":0,"result":"x"}]'
        first, second = decode_batch(body, 2, str)
        self.assertEqual(first, "x")
        self.assertIsInstance(second, RpcFailure)

    def test_a_batch_answers_every_question_once(self) -> None:
        """Too few, too many, the same twice."""
        for body in (b"[]", b'[{"id":0,"result":1},{"id":0,"result":1}]', b'[{"id":0,"result":1},{"id":7,"result":1}]'):
            self.assertRaises(Malformed, decode_batch, body, 2, int)

    def test_one_refusal_of_a_whole_batch(self) -> None:
        """bitcoind may answer a batch with a single error."""
        body = b'{"id":null,"result":null,"error":{"code":-28,"message":"Loading"}}'
        self.assertRaises(RpcFailure, decode_batch, body, 2, int)

    @settings(deadline=None, max_examples=80)
    @given(st.binary(max_size=60))
    def test_random_bytes(self, body: bytes) -> None:
        """Nothing but Malformed and RpcFailure."""
        for call in (lambda: decode_reply(body, 0, int), lambda: decode_batch(body, 1, int)):
            try:
                call()
            except (Malformed, RpcFailure):
                continue


class AmountTests(SynchronousTestCase):
    """BTC to satoshi without a float."""

    @settings(deadline=None, max_examples=80)
    @given(st.integers(0, 21_000_000 * 10**8))
    def test_every_amount_is_exact(self, value: int) -> None:
        """As bitcoind prints it, eight places."""
        text = f"{value // 10**8}.{value % 10**8:08d}"
        body = f'{{"value":{text},"scriptPubKey":{{"hex":"51"}}}}'.encode()
        self.assertEqual(decode_value(body, Unspent).output(), TxOut(value, b"\x51"))

    def test_amounts_that_cannot_be(self) -> None:
        """Negative, finer than a satoshi, more than there is, infinite, and with a giant exponent."""
        for text in ("-0.00000001", "0.000000001", "21000000.00000001", "Infinity", "NaN", "1e999999", "1e-999999"):
            self.assertRaises(Malformed, satoshi, Decimal(text))

    def test_a_script_that_is_no_hexadecimal(self) -> None:
        """Malformed too."""
        value = decode_value(b'{"value":1,"scriptPubKey":{"hex":"zz"}}', Unspent)
        self.assertRaises(Malformed, value.output)


class JoinTests(SynchronousTestCase):
    """A block from ``getblock … 3``."""

    def answer(self, change: tuple[bytes, bytes] = (b"", b"")) -> tuple[bytes, bytes]:
        """The joined block of the fake's JSON, with something in it replaced."""
        fake, block = FakeBitcoind(), random_block(1, 300, 100)
        fake.known["it"] = block
        body = msgspec.json.Encoder(decimal_format="number").encode({"id": 0, "result": fake._getblock("it", 3)})
        return join_block(block.raw[:80], body.replace(*change) if change[0] else body, 0)

    def test_it_is_the_same_as_by_rest(self) -> None:
        """Byte for byte, undo data too."""
        block = random_block(1, 300, 100)
        self.assertEqual(self.answer(), (block.raw, block.undo))

    def test_missing_prevouts_are_malformed(self) -> None:
        """A node that has no undo data must not look like a block without inputs."""
        self.assertRaises(Malformed, self.answer, (b'"prevout"', b'"other"'))

    def test_other_json_is_malformed(self) -> None:
        """Scripts that are no hexadecimal."""
        self.assertRaises(Malformed, self.answer, (b'"hex":"0200', b'"hex":"zz00'))
