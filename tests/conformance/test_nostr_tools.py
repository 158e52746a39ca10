"""Another implementation reads what is signed, encrypted and wrapped here, and the other way round: npm's nostr-tools."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from hashlib import sha256
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto import nip44, schnorr
from sdkrelay.domain.nostr.event import parse_event, require_genuine
from sdkrelay.domain.nostr.signing import sign_event
from sdkrelay.domain.nostr.wrapping import Chance, gift_wrap, message, unwrap
from tests.support.node_js import node_command, node_with, put
from tests.support.nostr import compact

NOSTR_TOOLS = "nostr-tools@2"
SCRIPT = """
import { readFileSync } from 'node:fs';
import { finalizeEvent, verifyEvent } from 'nostr-tools/pure';
import * as nip44 from 'nostr-tools/nip44';
import * as nip59 from 'nostr-tools/nip59';
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));
const asked = JSON.parse(readFileSync(0, 'utf8'));
const alice = bytes(asked.alice), bob = bytes(asked.bob);
const key = nip44.v2.utils.getConversationKey(alice, asked.bobPublic);
console.log(JSON.stringify({
  key: Buffer.from(key).toString('hex'),
  payloads: asked.texts.map((text) => nip44.v2.encrypt(text, key, bytes(asked.nonce))),
  texts: asked.payloads.map((payload) => nip44.v2.decrypt(payload, key)),
  padded: asked.sizes.map((size) => nip44.v2.utils.calcPaddedLen(size)),
  verified: asked.events.map((event) => verifyEvent(event)),
  events: asked.texts.map((content) => finalizeEvent({ kind: 1, created_at: 5, tags: [['t', content]], content }, alice)),
  wrap: nip59.wrapEvent({ kind: 14, content: 'from there', tags: [['p', asked.bobPublic]] }, alice, asked.bobPublic),
  rumor: nip59.unwrapEvent(asked.wrap, bob),
}));
"""
ALICE, BOB, NONCE = (sha256(name).digest() for name in (b"alice", b"bob", b"nonce"))
TEXTS = ["a", "é😀\u2028", '\x00\x1f\x7f\n"\\/', "x" * 1000, "y" * 65535]
SIZES = [*range(1, 300), 1000, 1024, 1025, 4097, 40000, 65535]
RUMOR = message(schnorr.xonly(ALICE).hex(), (schnorr.xonly(BOB).hex(),), "from here", 1000)


def key() -> bytes:
    """What Alice and Bob share."""
    return nip44.conversation_key(ALICE, schnorr.xonly(BOB))


@cache
def theirs() -> dict[str, Any]:
    """What nostr-tools makes of all that is asked."""
    events = [
        sign_event(ALICE, NONCE, kind=1, created_at=9, content=text, tags=(("t", text), ("x",))) for text in TEXTS
    ]
    wrap = gift_wrap(RUMOR, ALICE, schnorr.xonly(BOB).hex(), Chance.of(NONCE * 5), (900, 800))
    asked = {
        "alice": ALICE.hex(), "bob": BOB.hex(), "bobPublic": schnorr.xonly(BOB).hex(), "nonce": NONCE.hex(), "texts": TEXTS,
        "payloads": [nip44.encrypt(text, key(), NONCE) for text in TEXTS], "sizes": SIZES,
        "events": [json.loads(event.encoded()) for event in events], "wrap": json.loads(wrap.encoded()),
    }  # fmt: skip
    script = node_with(NOSTR_TOOLS)[1] / "nostr_tools_check.mjs"
    put(script, SCRIPT.encode())
    done = subprocess.run(
        [*node_command(), str(script)], input=compact(asked), capture_output=True, timeout=60, check=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


class NostrToolsTests(SynchronousTestCase):
    """Each side reads the other."""

    def test_payloads_are_the_same_and_read_by_both(self) -> None:
        """Of one key and nonce, for short and long texts (NIP-44)."""
        self.assertEqual(theirs()["key"], key().hex())
        self.assertEqual(theirs()["payloads"], [nip44.encrypt(text, key(), NONCE) for text in TEXTS])
        self.assertEqual(theirs()["texts"], TEXTS)
        self.assertEqual([nip44.decrypt(payload, key()) for payload in theirs()["payloads"]], TEXTS)

    def test_lengths_are_padded_alike(self) -> None:
        """Every length that matters."""
        self.assertEqual(theirs()["padded"], [nip44.padded_size(size) for size in SIZES])

    def test_events_are_genuine_on_both_sides(self) -> None:
        """Control characters and all."""
        self.assertEqual(theirs()["verified"], [True] * len(TEXTS))
        for event in theirs()["events"]:
            require_genuine(parse_event(compact(event)))

    def test_wraps_are_opened_by_the_other(self) -> None:
        """And hold what was put in (NIP-59)."""
        self.assertEqual((theirs()["rumor"]["content"], theirs()["rumor"]["id"]), ("from here", RUMOR.id))
        wrap = parse_event(compact(theirs()["wrap"]))
        require_genuine(wrap)
        self.assertEqual(unwrap(wrap, BOB).content, "from there")
