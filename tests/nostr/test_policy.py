"""The operator's judge of events: a real program, which accepts, rejects, drops in silence, dies, hangs or writes garbage."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from sdkrelay.domain.nostr.event import Event
from sdkrelay.domain.nostr.refusal import Refusal
from sdkrelay.io.nostr.program import Job, ProgramPolicy
from sdkrelay.io.world import ReactorTasks, SystemClock
from sdkrelay.services.nostr.client import Origin, Source
from tests.support.nostr_relay import ALICE, BOB

#: Answers by the words of the content, as strfry's plugins do; every line it reads is written to a file.
PROGRAM = """
import json, sys, time
for line in sys.stdin:
    open(sys.argv[1], "a").write(line)
    asked = json.loads(line)
    action, _, text = asked["event"]["content"].partition(" ")
    if action == "die":
        sys.exit(3)
    if action == "hang":
        time.sleep(600)
    if action == "garbage":
        print("no JSON"); print('{"id": 1}'); print(json.dumps({"id": "0" * 64, "action": "accept"}))
        print("\\u00e9" * 10)
        action = "accept"
    if action == "endless":
        sys.stdout.write("x" * 1_000_000)
    print(json.dumps({"id": asked["event"]["id"], "action": action, "msg": text}), flush=True)
"""
CLIENT = Source(Origin.CLIENT, "192.0.2.1")


class ProgramTests(TestCase):
    """One program a test; it has 20 seconds for an event unless the test is about that."""

    timeout = 60

    def policy(self, seconds: float = 20, program: str = PROGRAM) -> ProgramPolicy:
        """A judge, not started yet."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        (self.folder / "policy.py").write_text(program, encoding="utf-8")
        command = (sys.executable, str(self.folder / "policy.py"), str(self.folder / "seen"))
        policy = ProgramPolicy(reactor, Job(command, seconds), ReactorTasks(reactor), SystemClock())
        self.addCleanup(policy.stop)
        return policy

    async def judged(self, policy: ProgramPolicy, content: str, source: Source = CLIENT) -> Any:
        """The verdict, or the words of the refusal."""
        try:
            return await policy.judge(ALICE.event(content=content), source)
        except Refusal as refusal:
            return refusal.reason

    def asked(self) -> list[dict[str, Any]]:
        """What the program has read."""
        return [json.loads(line) for line in (self.folder / "seen").read_text(encoding="utf-8").splitlines()]

    async def test_its_three_answers(self) -> None:
        """Accepted, dropped in silence, rejected; the program's own words, with a prefix where it gives none."""
        policy = self.policy()
        answers = [
            await self.judged(policy, content)
            for content in ("accept", "shadowReject", "reject", "reject no", "reject pow: more", "accept")
        ]
        self.assertEqual(answers, [True, False, "blocked: rejected by policy", "blocked: no", "pow: more", True])

    async def test_what_it_is_asked(self) -> None:
        """The event as it is served, when it came and whence: strfry's names."""
        policy = self.policy()
        reader = Source(Origin.CLIENT, "2001:db8::1", frozenset({BOB.pubkey}))
        for source in (CLIENT, reader, Source(Origin.STREAM, "wss://other.example")):
            await self.judged(policy, "accept", source)
        first, second, third = self.asked()
        self.assertEqual(sorted(first), ["event", "receivedAt", "sourceInfo", "sourceType", "type"])
        self.assertEqual((first["type"], first["sourceType"], first["sourceInfo"]), ("new", "IP4", "192.0.2.1"))
        self.assertEqual((second["sourceType"], second["authed"]), ("IP6", BOB.pubkey))
        self.assertEqual((third["sourceType"], third["sourceInfo"]), ("Stream", "wss://other.example"))
        self.assertEqual(sorted(first["event"]), sorted(Event.__struct_fields__))

    async def test_garbage_is_skipped(self) -> None:
        """Lines that are no judgement, and judgements of other events."""
        self.assertEqual(await self.judged(self.policy(), "garbage"), True)

    async def test_a_program_that_dies(self) -> None:
        """What it was asked is refused; it is started again after a pause, and until then nothing is let through."""
        policy = self.policy()
        self.assertEqual(await self.judged(policy, "die"), "error: the write policy did not answer")
        self.assertEqual(await self.judged(policy, "accept"), "error: the write policy is not running")
        policy._not_before = 0.0
        self.assertEqual(await self.judged(policy, "accept"), True)

    async def test_a_program_that_hangs(self) -> None:
        """Is killed once its time is over; those who wait behind are refused at once."""
        policy = self.policy(seconds=1)
        self.assertEqual(await self.judged(policy, "hang"), "error: the write policy did not answer")
        for _ in range(3):
            self.assertEqual(await self.judged(policy, "accept"), "error: the write policy is not running")

    async def test_an_endless_line(self) -> None:
        """Ends the program instead of filling memory."""
        self.assertEqual(await self.judged(self.policy(), "endless"), "error: the write policy did not answer")

    async def test_a_program_that_cannot_be_run(self) -> None:
        """Nothing is let through."""
        job = Job(("/nowhere/policy",), 20)
        policy = ProgramPolicy(reactor, job, ReactorTasks(reactor), SystemClock())
        self.assertEqual((await self.judged(policy, "accept"))[:7], "error: ")
