"""What a real relay says, word for word: by the schemata of others, and the real events of others as they were published."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from urllib.request import Request, urlopen

from websockets.sync.client import ClientConnection, connect

from sdkrelay.domain.nostr.event import Event
from tests.support.live import aside
from tests.support.nostr import real_events
from tests.support.nostr_clients import PATIENCE, AloneTestCase, in_node
from tests.support.nostr_relay import ALICE, BOB

OPENING = "6100000200"
NOTE, WRAP = ALICE.event(content="hello"), BOB.event(1059, tags=(("p", ALICE.pubkey),))
KEYS = ("id", "pubkey", "created_at", "kind", "tags", "content", "sig")


def told(event: Event, **changed: Any) -> dict[str, Any]:
    """An event as it is sent, with other members."""
    return {**json.loads(event.encoded()), **changed}


#: What a client says that does all it may, and more; each is answered by one frame, but for what is said twice or more.
PUBLISHING = [["EVENT", one] for one in (
    told(NOTE), told(NOTE), told(WRAP), told(NOTE, content="bye"), told(NOTE, kind=-1), told(ALICE.event(tags=(("-",),))),
    told(ALICE.event(20001)), told(ALICE.event(22242)), {"id": NOTE.id}, {}, 5,
)]  # fmt: skip
ASKING: list[list[Any]] = [
    *(["REQ", *rest] for rest in ((), ("x",), ("x", {"ids": ["a"]}), ("x", {"#word": []}), ("x" * 65, {}), ("", {}), (5,))),
    ["REQ", "wraps", {"kinds": [1059]}], ["COUNT", "wraps", {"kinds": [1059]}], ["NEG-OPEN", "wraps", {"kinds": [1059]}, OPENING],
    ["COUNT", "notes", {"kinds": [1]}], ["COUNT", "tags", {"#p": [ALICE.pubkey]}], ["COUNT", "x", {"limit": -1}],
    ["NEG-OPEN", "all", {"kinds": [1]}, OPENING], ["NEG-MSG", "other", OPENING], ["NEG-OPEN", "all", {"kinds": [1]}, "zz"],
    ["AUTH", told(ALICE.event(22242))], ["AUTH", 5], ["WHAT"], [], [1], ["x" * 200_000],
]  # fmt: skip


def answers(client: ClientConnection, message: list[Any], count: int = 1) -> list[Any]:
    """So many frames after a message."""
    client.send(json.dumps(message))
    return [json.loads(client.recv(PATIENCE)) for _ in range(count)]


def conversation(url: str) -> list[Any]:
    """Every kind of frame."""
    with connect(url) as client:
        frames = answers(client, ["CLOSE", "nothing"])
        frames += [frame for message in PUBLISHING for frame in answers(client, message)]
        frames += answers(client, ["REQ", "stored", {"ids": [NOTE.id]}], 2)
        return frames + [frame for message in ASKING for frame in answers(client, message)]


def information(url: str) -> Any:
    """The NIP-11 document."""
    request = Request(url.replace("ws:", "http:"), headers={"Accept": "application/nostr+json"})
    with urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def published(client: ClientConnection, events: tuple[dict[str, Any], ...]) -> Counter[str]:
    """How many events were answered in each way."""
    for event in events:
        client.send(json.dumps(["EVENT", event], ensure_ascii=False))
    found: Counter[str] = Counter()
    while found.total() < len(events):
        frame = json.loads(client.recv(PATIENCE))
        found.update([f"{frame[2]} {frame[3]}"] if frame[0] == "OK" else [])
    return found


def expires(event: dict[str, Any]) -> bool:
    """Whether it was to be seen for a time only: years ago, for all of them that say so."""
    return any(tag[0] == "expiration" for tag in event["tags"])


def served(client: ClientConnection, ids: list[str]) -> list[dict[str, Any]]:
    """The events of these ids."""
    client.send(json.dumps(["REQ", "all", {"ids": ids}]))
    found: list[dict[str, Any]] = []
    while (frame := json.loads(client.recv(PATIENCE)))[0] != "EOSE":
        found += frame[2:]
    return found


class FrameTests(AloneTestCase):
    """The relay's words."""

    async def test_every_kind_of_frame_is_as_the_schemata_want_it(self) -> None:
        """And so is the information document."""
        frames = await aside(conversation, self.relay.ws_url)
        kinds = {"OK", "EVENT", "EOSE", "CLOSED", "NOTICE", "COUNT", "AUTH", "NEG-MSG", "NEG-ERR"}
        self.assertEqual({frame[0] for frame in frames}, kinds)
        given = {"frames": frames, "information": await aside(information, self.relay.ws_url)}
        self.assertEqual(await aside(in_node, "check.cjs", given=json.dumps(given)), [])

    async def test_the_schemata_refuse_what_is_wrong(self) -> None:
        """So that they have agreed means something; an EOSE of three elements (NIP-67), which is off, is among it."""
        frames = [["EOSE", "x", "finish"], ["OK", "x", True, ""], ["CLOSED", "x", "no prefix"], ["HELLO"]]
        given = {"frames": frames, "information": {"name": 5}}
        found = await aside(in_node, "check.cjs", given=json.dumps(given))
        self.assertEqual(len(found), 5, found)

    async def test_real_events_are_taken_and_come_back(self) -> None:
        """Each of them, with the values it was published with and nothing else; but those that have expired since (NIP-40)."""
        lasting = {one["id"]: {key: one[key] for key in KEYS} for one in real_events() if not expires(one)}
        expected = {"True ": len(lasting), "False invalid: the event has expired": len(real_events()) - len(lasting)}
        with connect(self.relay.ws_url, max_size=None) as client:
            found = await aside(published, client, real_events())
            ids = [one["id"] for one in real_events()]
            back = [one for start in range(0, len(ids), 400) for one in served(client, ids[start : start + 400])]
        self.assertEqual((found, {one["id"]: one for one in back}), (expected, lasting))
