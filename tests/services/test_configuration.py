"""The operator's hand on the settings: who may, what is shown, and that a change is whole, kept, and told as it is."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some
from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.build.world import World
from sdkrelay.config.parse import SECTIONS, read_document
from sdkrelay.domain.access import Access
from sdkrelay.domain.problem import Code, Problem
from sdkrelay.io.bitcoind.absent import AbsentNode
from sdkrelay.messages.rest.config import ConfigReport
from sdkrelay.ports import Unavailable
from tests.support.conversation import InlineCompute
from tests.support.stores import CountedEntropy, now
from tests.support.tasks import DrivenTime
from tests.support.tuned import Somebody, Tuned

TEXT = '[bitcoin_core]\nuser = "u"\npassword = "hunter2"\nwallet = "w"\nzmq_url = "tcp://a:1"'
anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(max_size=9),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
keys = some.sampled_from(
    ["sync", "pool", "ws_url", "dev_mode", "cache", "interval", "max_connections", "ttl_seconds", "x"]
)


class ConfigurationTestCase(SynchronousTestCase):
    """A relay's settings."""

    def setUp(self) -> None:
        """In memory."""
        self.time = DrivenTime()
        self.settings = self.tuned(TEXT)

    def tuned(self, text: str = "", **kept: Any) -> Tuned:
        """Settings from a file's text and changes of before."""
        world: Any = World(self.time.reactor, self.time.tasks, self.time, CountedEntropy(), InlineCompute())  # type: ignore[arg-type]
        return Tuned(world, text, **kept)

    def put(self, **document: Any) -> Any:
        """Change settings."""
        return now(self.settings.ask("put_config", settings=document))

    def refused(self, **document: Any) -> dict[str, Any]:
        """The details of a refusal."""
        problem = self.assertRaises(Problem, self.put, **document)
        self.assertIs(problem.code, Code.VALIDATION_ERROR)
        return problem.details


class ShownTests(ConfigurationTestCase):
    """``GET /config``."""

    def show(self, caller: Any = None) -> Any:
        """The report."""
        return now(self.settings.ask("get_config", caller))

    def test_the_documented_shape(self) -> None:
        """All that the sources show, and the relay's own name and key."""
        report = self.show()
        self.assertEqual((report.relay_id, report.identity_key), ("relay-under-test", "an identity key"))
        self.assertEqual((report.network, report.ws_url, report.http_url), ("regtest", "0.0.0.0:8090", "0.0.0.0:8091"))
        self.assertEqual((report.bitcoin_core["wallet"], report.bitcoin_core["zmq_url"]), ("w", "tcp://a:1"))
        self.assertEqual((report.blindbit, report.sync["interval"], report.standalone), ({"url": None}, 30, False))

    def test_no_secret_and_no_path_for_everybody(self) -> None:
        """A secret for nobody, paths and users for operators."""
        self.assertNotIn("hunter2", repr(self.show()))
        public = self.show(Somebody(None))
        self.assertNotIn("/home/relay", repr(public))
        self.assertNotIn("user", public.bitcoin_core)
        self.assertIn("user", self.show().bitcoin_core)

    def test_every_section_is_in_it(self) -> None:
        """A section without a field in the report would not be shown: add it there."""
        self.assertEqual(set(SECTIONS) - {field.name for field in structs.fields(ConfigReport)}, set())


class ChangeTests(ConfigurationTestCase):
    """``PUT /config``."""

    def test_what_changed_is_told(self) -> None:
        """Old and new, and the settings in force are the new ones."""
        reply = self.put(sync={"interval": 60, "health_interval": 120}, dev_mode=True)
        told = {"sync.interval: 30 -> 60", "sync.health_interval: 60 -> 120", "dev_mode: false -> true"}
        self.assertEqual((reply.status, set(reply.changes), reply.restart_required), ("updated", told, False))
        self.assertEqual(self.settings.live.config.sync.interval, 60)

    def test_it_is_kept_before_it_is_answered(self) -> None:
        """The file holds it, and nothing else; the relay that reads it has it."""
        self.put(sync={"interval": 60})
        layer = read_document(tomllib.loads(self.settings.written[-1]))
        kept = {key: setting.value for key, setting in layer.settings.items()}
        self.assertEqual(kept, {"sync.interval": 60})
        self.assertEqual(self.settings.sources.config(kept).sync.interval, 60)

    def test_what_waits_for_a_restart(self) -> None:
        """Is said to, and kept."""
        reply = self.put(bitcoin_core={"url": "http://other:1"})
        self.assertTrue(reply.restart_required)
        self.assertIn("http://other:1", self.settings.written[-1])

    def test_every_fault_is_told_and_nothing_changed(self) -> None:
        """Spelling, type, range, fit, and what cannot be reached, all in one answer."""
        before = self.settings.live.config
        document = {"snc": {}, "dev_mode": "maybe", "sync": {"interval": 0}, "network": "main", "pool": {"max_size": 1}}
        fields = [problem["field"] for problem in self.refused(**document)["problems"]]
        self.assertEqual(set(fields), {"snc", "dev_mode", "sync.interval", "network", "pool.max_size"})
        self.assertEqual((self.settings.live.config, self.settings.written), (before, []))

    def test_null_takes_a_change_back(self) -> None:
        """What the file says holds again."""
        self.put(sync={"interval": 60})
        self.assertEqual(self.put(sync={"interval": None}).changes, ("sync.interval: 60 -> 30",))
        self.assertNotIn("interval", self.settings.written[-1])

    def test_a_secret_can_be_changed_and_is_not_told(self) -> None:
        """Only that it changed."""
        reply = self.put(bitcoin_core={"password": "swordfish"})
        self.assertEqual(reply.changes, ("bitcoin_core.password: changed",))

    def test_what_cannot_be_written_is_not_done(self) -> None:
        """The disk is full: the settings stay what they were."""

        async def fail(text: str) -> None:
            raise Unavailable("no space left")

        service: Any = self.settings.configuration
        service._kept.write = fail
        self.assertRaises(Unavailable, self.put, sync={"interval": 60})
        self.assertEqual(self.settings.live.config.sync.interval, 30)

    def test_changes_of_before_stay(self) -> None:
        """A further change adds to them."""
        self.settings = self.tuned("", **{"sync.interval": 60})
        self.put(dev_mode=True)
        self.assertIn("interval = 60", self.settings.written[-1])

    def test_verbosity_is_taken_at_once(self) -> None:
        """The log hears of it."""
        self.put(dev_mode=True, logging={"level": "error"})
        self.assertEqual([config.dev_mode for config in self.settings.verbose], [True])

    @given(some.dictionaries(keys, anything | some.dictionaries(keys, anything, max_size=3), max_size=4))
    @settings(deadline=None, max_examples=150)
    def test_anything_is_changed_or_refused(self, document: dict[str, Any]) -> None:
        """Whatever comes ends in an answer or in a refusal, and what was kept can be read."""
        try:
            self.put(**document)
        except Problem as problem:
            self.assertTrue(problem.details["problems"])
        else:
            kept = self.settings.written[-1:] or [""]
            self.settings.sources.config(
                {k: s.value for k, s in read_document(tomllib.loads(kept[0])).settings.items()}
            )


class MessageTests(ConfigurationTestCase):
    """The ``*_config`` messages."""

    def test_each_sets_its_section(self) -> None:
        """Its example, sent, is then in force and kept."""
        self.settings.tuning.follow(AbsentNode())
        for name in ("retry", "pool", "cache", "fallback"):
            example = dict(self.settings.catalog._kinds[f"{name}_config"].request.EXAMPLE)
            reply: Any = now(self.settings.ask(kind=example.pop("type"), **example))
            self.assertEqual((reply.config, reply.settings, reply.restart_required), (f"{name}_config", example, False))
            self.assertIn(f"[{name}]", self.settings.written[-1])

    def test_fields_left_out_stay(self) -> None:
        """Only what is named changes."""
        reply: Any = now(self.settings.ask("retry_config", max_attempts=7))
        self.assertEqual(reply.changes, ("retry.max_attempts: 3 -> 7",))
        self.assertEqual(reply.settings["backoff_ms"], 500)

    def test_what_does_not_fit_is_refused(self) -> None:
        """Also with what another message set."""
        now(self.settings.ask("pool_config", min_connections=10))
        self.assertRaises(Problem, now, self.settings.ask("pool_config", max_connections=5))

    def test_all_of_them_are_the_operators(self) -> None:
        """Reading is for those who may read."""
        for request in self.settings.catalog.requests:
            expected = Access.READ if request.wire_name() == "get_config" else Access.OPERATOR
            self.assertIs(request.ACCESS, expected)


class RestartTests(ConfigurationTestCase):
    """``POST /restart``."""

    def test_it_is_answered_first_and_done_once(self) -> None:
        """However often it is asked; the duration is the one measured, in whole seconds."""
        first: Any = now(self.settings.ask("restart"))
        second: Any = now(self.settings.ask("restart"))
        self.assertEqual(self.settings.restarts, [])
        self.time.advance(1)
        self.assertEqual(self.settings.restarts, [first.restart_id])
        self.assertEqual((second, first.status, first.estimated_duration), (first, "restarting", "3s"))
