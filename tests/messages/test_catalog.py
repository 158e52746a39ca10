"""Every message of the catalogs, and whatever else can come as bytes."""

from __future__ import annotations

import inspect
import json
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.access import Access
from sdkrelay.messages import mesh as mesh_package
from sdkrelay.messages import native as native_package
from sdkrelay.messages import rest as rest_package
from sdkrelay.messages.catalog import MAX_PARTS, Catalog, encode
from sdkrelay.messages.mesh import family as mesh
from sdkrelay.messages.message import Malformed, Message, NotJson, Reply, Request, UnknownType
from sdkrelay.messages.native import family as native
from sdkrelay.messages.native import session, wallets
from sdkrelay.messages.rest import family as rest
from sdkrelay.messages.values import PrivateKey, WalletToken

SECRET = "5e" * 32
CATALOGS = (Catalog(native.REQUESTS), Catalog(mesh.REQUESTS), Catalog(rest.REQUESTS))
NATIVE = CATALOGS[0]


def named_in(module: ModuleType) -> set[type[Message]]:
    """The messages a module defines."""
    bases = (Message, Request, Reply)
    found = (value for _, value in inspect.getmembers(module, inspect.isclass))
    return {value for value in found if issubclass(value, Message) and value not in bases}


def defined_in(package: ModuleType) -> set[type[Message]]:
    """The messages that the modules of a package define."""
    modules = (import_module(f"{package.__name__}.{found.name}") for found in iter_modules(package.__path__))
    own = (named_in(module) for module in modules)
    return {kind for kinds in own for kind in kinds if kind.__module__.startswith(f"{package.__name__}.")}


class CatalogTests(SynchronousTestCase):
    """What is true of every message."""

    def test_every_message_is_named_in_its_family(self) -> None:
        """A class that nobody lists would never be decoded."""
        self.assertEqual(defined_in(native_package), {*native.REQUESTS, *native.REPLIES})
        self.assertEqual(defined_in(mesh_package), {*mesh.REQUESTS, *mesh.REPLIES})
        self.assertEqual({kind for kind in defined_in(rest_package) if issubclass(kind, Request)}, set(rest.REQUESTS))

    def test_examples_of_requests_round_trip(self) -> None:
        """An example decodes; what it encodes to decodes to the same, and says nothing that the example does not."""
        for catalog in CATALOGS:
            for request in catalog.requests:
                decoded = catalog.decode(json.dumps(request.EXAMPLE).encode())
                again = encode(decoded)
                self.assertIs(type(decoded), request)
                self.assertEqual(catalog.decode(again), decoded)
                self.assertLessEqual(json.loads(again).keys(), request.EXAMPLE.keys())

    def test_examples_of_replies_round_trip(self) -> None:
        """They are exactly what goes over the wire, in every field."""
        for reply in (*native.REPLIES, *mesh.REPLIES):
            decoded = msgspec.json.decode(json.dumps(reply.EXAMPLE).encode(), type=reply)
            self.assertEqual(json.loads(encode(decoded)), reply.EXAMPLE)

    def test_requests_state_their_policy(self) -> None:
        """Access, cost and documentation of its own; only these few are open to anybody."""
        for request in (*native.REQUESTS, *mesh.REQUESTS, *rest.REQUESTS):
            self.assertIsInstance(request.ACCESS, Access)
            self.assertGreater(request.COST, 0)
            self.assertNotEqual(request.__doc__, Request.__doc__)
        opened = {request.wire_name() for request in native.REQUESTS if request.ACCESS is Access.OPEN}
        self.assertEqual(opened, {"handshake", "ping"})

    def test_a_request_without_policy_stops_the_catalog(self) -> None:
        """It is named, and what it lacks."""

        class Lazy(Request, frozen=True, kw_only=True, tag="lazy"):
            """No access, no cost."""

        error = self.assertRaises(ValueError, Catalog, [Lazy])
        self.assertIn("Lazy must state ACCESS, COST", str(error))

    def test_two_of_one_name_stop_the_catalog(self) -> None:
        """A wire name has one meaning."""
        self.assertRaises(ValueError, Catalog, [session.Ping, session.Ping])


class RefusalTests(SynchronousTestCase):
    """What bytes that are no request get."""

    def refused(self, raw: bytes) -> Malformed:
        """The refusal of these bytes."""
        return self.assertRaises(Malformed, NATIVE.decode, raw)

    def test_refusals_name_the_field_its_value_and_what_was_expected(self) -> None:
        """And carry the id of the request."""
        error = self.refused(b'{"type":"scan_request","id":"s7","from_block":-1,"to_block":3}')
        self.assertEqual(error.details, {"field": "from_block", "value": -1, "expected": "`int` >= 0"})
        self.assertEqual(error.request_id, "s7")

    def test_missing_fields_are_named(self) -> None:
        """Also inside a list."""
        self.assertEqual(self.refused(b'{"type":"subscribe"}').details["field"], "subscriptions")
        nested = b'{"type":"scan_request","from_block":1,"to_block":2,"scan_keys":[{}]}'
        self.assertIn("scan_keys[0].scan_private_key", self.refused(nested).details["field"])

    def test_hostile_texts(self) -> None:
        """Each of them ends in one refusal, and none is taken for a request."""
        ping = b'{"type":"ping","x":'
        for raw in (
            b"", b"{", b"[]", b"null", b"1", b'"ping"', b"\xff", b'{"type":"ping"}x', b"\xef\xbb\xbf{}", b"{'type':'ping'}",
            ping + b"[" * 10_000 + b"]" * 10_000 + b"}", ping + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
            ping + b"9" * 5000 + b"}", ping + b"NaN}", ping + b'"\xff"}', ping + b'"\\ud800"}', ping + b'"\x00"}',
            b'{"type":"ping","timestamp":1e999}', b'{"type":"ping","id":5}', b'{"type":"ping","id":"' + b"x" * 65 + b'"}',
            b'{"type":"ping","type":"ping"}', ping + b'{"a":1,"a":2}}', b'{"type":"ping","\\u0078":1,"x":2}',
            ping + b"[" + b",".join([b"[]"] * MAX_PARTS) + b"]}",
            ping + b"{" + b",".join(b'"%d":1' % number for number in range(MAX_PARTS)) + b"}}",
            b'{"type":null}', b'{"type":["ping"]}', b"{}",
        ):  # fmt: skip
            self.refused(raw)

    def test_not_json_and_unknown_are_told_apart(self) -> None:
        """Doors answer them differently."""
        self.assertIsInstance(self.refused(b"{"), NotJson)
        self.assertIsInstance(self.refused(b'{"type":"no_such_request"}'), UnknownType)
        self.assertNotIsInstance(self.refused(b'{"type":"ping","timestamp":[]}'), NotJson)

    def test_unknown_fields_are_ignored(self) -> None:
        """A later client may say more."""
        self.assertIsInstance(NATIVE.decode(b'{"type":"ping","later":{"a":[1,{}]}}'), session.Ping)

    def test_keys_out_of_form_are_refused_without_a_word_of_them(self) -> None:
        """Wherever a secret was put, and however wrongly, no refusal repeats it."""
        whole = {"type": "register_wallet", "scan_private_key": SECRET, "spend_public_key": "02" + "22" * 32}
        for wrong in (
            {"scan_private_key": SECRET + "0"}, {"scan_private_key": [SECRET]}, {"scan_private_key": int(SECRET, 16)},
            {"spend_public_key": SECRET}, {"labels": SECRET}, {"birthday": SECRET}, {"id": SECRET * 2}, {"labels": [0]},
            {"labels": list(range(1, 102))}, {"birthday": -1},
        ):  # fmt: skip
            error = self.refused(json.dumps({**whole, **wrong}).encode())
            self.assertNotIn(SECRET, f"{error!r} {error.message} {error.details}")
            self.assertNotIn(str(int(SECRET, 16)), f"{error!r} {error.message} {error.details}")
        scheme = {"type": "handshake", "encryption": {"scheme": SECRET, "public_key": "A" * 43 + "="}}
        error = self.refused(json.dumps(scheme).encode())
        self.assertNotIn(SECRET, f"{error!r} {error.message} {error.details}")
        keys = {"type": "scan_request", "from_block": 1, "to_block": 2, "scan_keys": SECRET}
        self.assertNotIn(SECRET, str(self.refused(json.dumps(keys).encode()).details))

    def test_secrets_hide_themselves(self) -> None:
        """A decoded request can be printed; the secret comes out only when asked for."""
        request = NATIVE.decode(json.dumps({**wallets.RegisterWallet.EXAMPLE, "scan_private_key": SECRET}).encode())
        assert isinstance(request, wallets.RegisterWallet)
        self.assertNotIn(SECRET, f"{request!r} {request} {request.scan_private_key!s}")
        self.assertEqual(request.scan_private_key.reveal(), SECRET)
        self.assertNotEqual(PrivateKey(SECRET), WalletToken(SECRET))

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=200))
    def test_random_bytes_raise_only_malformed(self, raw: bytes) -> None:
        """Whatever it is."""
        for catalog in CATALOGS:
            self.assertRaises(Malformed, catalog.decode, raw)

    @settings(deadline=None, max_examples=300)
    @given(st.data())
    def test_random_fields_raise_only_malformed(self, data: st.DataObject) -> None:
        """A request with any of its fields replaced by anything is a request or Malformed."""
        example = data.draw(st.sampled_from([request.EXAMPLE for request in native.REQUESTS]))
        scalars: Any = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=80)
        anything = st.recursive(
            scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
        )
        changed = {**example, data.draw(st.sampled_from([*example, "id", "since"])): data.draw(anything)}
        try:
            NATIVE.decode(json.dumps(changed).encode())
        except Malformed as malformed:
            self.assertIn("field", malformed.details)
