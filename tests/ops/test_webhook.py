"""Alerts posted over real HTTP, to a receiver that fails in every way there is."""

from __future__ import annotations

import hmac
from hashlib import sha256

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from sdkrelay.domain.measure import WEBHOOK_CALLS
from sdkrelay.io.ops.metrics import RegistryMeter
from sdkrelay.io.ops.webhook import LONGEST_QUEUE, Insistence, Outside, Receiver, Webhook
from sdkrelay.io.world import ReactorTasks, SystemClock
from tests.support.alarmed import Receiving
from tests.support.bitcoind import until
from tests.support.stores import CountedEntropy

SECRET = "a secret of the test"
#: Half a second for an answer: where that there is none is what is tested.
IMPATIENT = Insistence(4, 0.01, 0.05, 0.5)


class WebhookTests(TestCase):
    """One webhook, which is in a hurry."""

    timeout = 60

    def setUp(self) -> None:
        """Its receiver, over a real socket, and what is logged."""
        self.receiving = Receiving()
        self.receiver: Receiver | None = Receiver(self.receiving.listen(reactor), SECRET)
        self.addCleanup(self.port.stopListening)
        self.meter, self.lines = RegistryMeter(), list[str]()
        tasks = ReactorTasks(reactor)  # type: ignore[arg-type]
        outside = Outside(reactor, tasks, SystemClock(), CountedEntropy(), self.meter)
        self.webhook = Webhook(lambda: self.receiver, outside, Insistence(4, 0.01, 0.05, 30.0))
        self.task = tasks.start("webhook", self.webhook.run())
        self.addCleanup(lambda: Deferred.fromCoroutine(self.ended()))
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)

    @property
    def port(self) -> IListeningPort:
        """Where the receiver listens."""
        assert self.receiving.port is not None, "it listens from setUp on"
        return self.receiving.port

    def note(self, event: LogEvent) -> None:
        """Keep a line of the relay's log; the receiver's own is another."""
        if str(event.get("log_namespace")).startswith("sdkrelay."):
            self.lines.append(formatEvent(event))

    async def ended(self) -> None:
        """Cancelled, and at its end."""
        self.task.cancel()
        await self.task.wait()

    async def ends(self, outcome: str, count: int = 1) -> None:
        """Until so many alerts have ended like this."""
        await until(lambda: self.meter.total(WEBHOOK_CALLS, outcome=outcome) == count, f"{count} {outcome}")

    async def test_it_is_signed(self) -> None:
        """Over the time of the attempt and the very bytes of the body."""
        self.webhook.deliver(b'{"type":"alert"}')
        await self.ends("delivered")
        ((headers, body),) = self.receiving.taken
        signed = headers["x-sdkrelay-timestamp"].encode() + b"." + body
        expected = hmac.new(SECRET.encode(), signed, sha256).hexdigest()
        self.assertEqual((body, headers["x-sdkrelay-signature"]), (b'{"type":"alert"}', f"sha256={expected}"))
        self.assertEqual(headers["content-type"], "application/json")

    async def test_it_is_tried_again_until_it_is_taken(self) -> None:
        """After a refusal for now and a dropped connection; with the same name, and the rest behind it in order."""
        self.receiving.statuses = [503, 0, 429]
        for body in (b"1", b"2"):
            self.webhook.deliver(body)
        await self.ends("delivered", 2)
        self.assertEqual([body for _, body in self.receiving.taken], [b"1"] * 4 + [b"2"])
        self.assertEqual(len({headers["x-sdkrelay-delivery"] for headers, _ in self.receiving.taken}), 2)

    async def test_who_never_answers_is_given_up_on(self) -> None:
        """The attempt ends in time, and the next may succeed."""
        self.webhook._insistence = IMPATIENT
        self.receiving.statuses = [-1]
        self.webhook.deliver(b"1")
        await self.ends("delivered")
        self.assertEqual(len(self.receiving.taken), 2)

    async def test_a_refusal_for_good_is_not_tried_again(self) -> None:
        """Nor is a redirection followed."""
        for count, status in enumerate((400, 401, 404, 301, 307), 1):
            self.receiving.statuses = [status]
            self.webhook.deliver(b"1")
            await self.ends("failed", count)
        self.assertEqual(len(self.receiving.taken), 5)

    async def test_after_enough_attempts_it_is_given_up(self) -> None:
        """And the next one gets as many."""
        self.receiving.statuses = [500] * 4
        self.webhook.deliver(b"1")
        self.webhook.deliver(b"2")
        await self.ends("delivered")
        self.assertEqual(self.meter.total(WEBHOOK_CALLS, outcome="failed"), 1)
        self.assertEqual([body for _, body in self.receiving.taken], [b"1"] * 4 + [b"2"])

    async def test_a_receiver_that_is_away_does_not_pile_up_alerts(self) -> None:
        """Beyond the bound the oldest are dropped; the others are told when it is back."""
        self.webhook._insistence = IMPATIENT
        self.receiving.statuses = [-1]
        for number in range(LONGEST_QUEUE + 3):
            self.webhook.deliver(b"%d" % number)
        self.assertEqual(self.meter.total(WEBHOOK_CALLS, outcome="dropped"), 2)
        await self.ends("delivered", LONGEST_QUEUE + 1)
        self.assertEqual(self.receiving.taken[-1][1], b"%d" % (LONGEST_QUEUE + 2))

    async def test_without_a_receiver_nothing_is_kept(self) -> None:
        """What comes while none is set is not posted later."""
        receiver, self.receiver = self.receiver, None
        self.webhook.deliver(b"1")
        self.receiver = receiver
        self.webhook.deliver(b"2")
        await self.ends("delivered")
        self.assertEqual([body for _, body in self.receiving.taken], [b"2"])

    async def test_neither_address_nor_secret_are_in_the_log(self) -> None:
        """Whatever fails."""
        self.receiving.statuses = [500, 0, 400]
        self.webhook.deliver(b"1")
        await self.ends("failed")
        self.assertGreater(len(self.lines), 2)
        self.assert_silent(str(self.lines))
        self.assert_silent(repr(self.receiver))

    def assert_silent(self, text: str) -> None:
        """It holds no secret."""
        for secret in (SECRET, "/hook", str(self.port.getHost().port)):
            self.assertNotIn(secret, text)

    async def test_it_stops_in_the_middle_of_anything(self) -> None:
        """Of an attempt that has no answer; the log tells what is left."""
        self.receiving.statuses = [-1]
        self.webhook.deliver(b"1")
        self.webhook.deliver(b"2")
        await until(lambda: len(self.receiving.taken) == 1, "the attempt")
        self.webhook.stop()
        await self.ended()
        self.assertEqual(self.meter.total(WEBHOOK_CALLS), 0)
        self.assertIn("1 alerts were not posted before the end", self.lines)
