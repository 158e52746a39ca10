"""kill -9 in the midst of publishing: whatever a Nostr client was told to be stored is served afterwards."""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.demo.relay import RelayProcess
from sdkrelay.domain.nostr.event import Event
from tests.support.nostr_relay import ALICE, BOB, CAROL
from tests.support.source import ROOT
from tests.support.websocket import TEXT, UPGRADE, Frames, frame

#: How often the relay is killed, and how many events are on their way at a time.
ROUNDS, WINDOW = 3, 48
PLENTY = "1000000"
SETTINGS = {
    "PYTHONPATH": str(ROOT),
    "SDKRELAY_STANDALONE": "true",
    "SDKRELAY_NOSTR__EVENTS_PER_MINUTE": PLENTY,
    "SDKRELAY_NOSTR__KEY_EVENTS_PER_MINUTE": PLENTY,
}


class Client:
    """One connection, blocking."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._frames = Frames()
        self._socket.sendall(UPGRADE + b"\r\n")
        while not self._frames.head:
            list(self._frames.feed(self._received()))

    def send(self, *messages: bytes) -> None:
        """Frames, in one write."""
        self._socket.sendall(b"".join(map(frame, messages)))

    def heard(self) -> Iterator[Any]:
        """What the relay says, until it is gone."""
        while data := self._received():
            for opcode, payload in self._frames.feed(data):
                if opcode == TEXT:
                    yield json.loads(payload)

    def close(self) -> None:
        """Go."""
        self._socket.close()

    def _received(self) -> bytes:
        try:
            return self._socket.recv(65_536)
        except ConnectionError:
            return b""


class CrashTests(SynchronousTestCase):
    """One relay and one folder."""

    def setUp(self) -> None:
        """A relay without a bitcoind."""
        folder = tempfile.TemporaryDirectory(prefix="sdkrelay-crash-")
        self.addCleanup(folder.cleanup)
        self.relay = RelayProcess(Path(folder.name) / "relay", None, (), SETTINGS)
        self.addCleanup(self.relay.kill)

    def test_what_was_acknowledged_is_served(self) -> None:
        """After each of several deaths, at random moments, with events of all classes."""
        random, events, stored = Random(7), _events(), set[str]()
        for _ in range(ROUNDS):
            self.relay.start()
            stored |= self.publish(events, random.randrange(40, 400))
            self.assertEqual(stored - self.served(stored), set())

    def publish(self, events: Iterator[Event], count: int) -> set[str]:
        """Publish until so many were acknowledged, and kill the relay then; the ids of all that were."""
        client, stored = Client(self.relay.ws_port), set[str]()
        client.send(*(_published(event) for event in islice(events, WINDOW)))
        for message in client.heard():
            if message[0] != "OK":
                continue
            self.assertTrue(message[2], message)
            stored.add(message[1])
            if len(stored) == count:
                self.relay.kill()
            elif len(stored) < count:
                client.send(_published(next(events)))
        client.close()
        return stored

    def served(self, ids: set[str]) -> set[str]:
        """Those that a relay which has started again gives."""
        self.relay.start()
        client, found, wanted = Client(self.relay.ws_port), set[str](), sorted(ids)
        parts = [wanted[start : start + 500] for start in range(0, len(wanted), 500)]
        client.send(*(json.dumps(["REQ", str(number), {"ids": part}]).encode() for number, part in enumerate(parts)))
        ended = 0
        for message in client.heard():
            if message[0] == "EVENT":
                found.add(message[2]["id"])
            ended += message[0] == "EOSE"
            if ended == len(parts):
                break
        client.close()
        self.relay.kill()
        return found


def _events() -> Iterator[Event]:
    """Fresh ones without end: notes, addressable events, reactions."""
    number = 0
    while True:
        number += 1
        person, kind = (ALICE, BOB, CAROL)[number % 3], (1, 30_023, 7)[number % 3]
        tags = (("d", str(number)), ("t", f"tag{number % 9}"))
        yield person.event(kind, f"event {number}", tags)


def _published(event: Event) -> bytes:
    return b'["EVENT",' + event.encoded() + b"]"
