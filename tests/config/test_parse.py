"""Reading settings: every fault at once, each with the name it was written under, and never with a secret."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.fault import ConfigurationError
from sdkrelay.config.model import Config
from sdkrelay.config.parse import KEYS, parse, variable_of
from sdkrelay.domain.chain import Network


def faults(
    text: str = "", environment: dict[str, str] | None = None, options: dict[str, str] | None = None
) -> list[str]:
    """The faults of settings, as shown; none for sound ones."""
    try:
        parse(text, environment or {}, options or {})
    except ConfigurationError as error:
        return [str(fault) for fault in error.faults]
    return []


class LayersTests(SynchronousTestCase):
    """File, variables and options, one over the other."""

    def test_everything_has_a_default(self) -> None:
        """No file, no variable and no option give a whole configuration."""
        self.assertEqual(parse("", {}, {}), Config())

    def test_variables_win_over_the_file(self) -> None:
        """The same key in both is the variable's."""
        config = parse('network = "main"', {"SDKRELAY_NETWORK": "regtest"}, {})
        self.assertIs(config.network, Network.REGTEST)

    def test_options_win_over_variables(self) -> None:
        """The same key in both is the option's."""
        config = parse("", {"SDKRELAY_NETWORK": "regtest"}, {"network": "main"})
        self.assertIs(config.network, Network.MAIN)

    def test_an_empty_variable_sets_nothing(self) -> None:
        """A variable that is there but empty leaves the file's value."""
        self.assertEqual(parse('relay_id = "a"', {"SDKRELAY_RELAY_ID": ""}, {}).relay_id, "a")

    def test_sections_keep_their_other_keys(self) -> None:
        """A variable for one key of a section leaves those of the file."""
        text = '[bitcoin_core]\nuser = "u"\npassword = "p"'
        config = parse(text, {"SDKRELAY_BITCOIN_CORE__URL": "http://node:1"}, {})
        self.assertEqual((config.bitcoin_core.user, config.bitcoin_core.url), ("u", "http://node:1"))

    def test_each_key_has_its_variable(self) -> None:
        """Sections are joined by two underscores, and no two keys share a variable."""
        self.assertEqual(variable_of("bitcoin_core.zmq_url"), "SDKRELAY_BITCOIN_CORE__ZMQ_URL")
        self.assertEqual(len({variable_of(key) for key in KEYS}), len(KEYS))

    def test_variables_of_others_are_left_alone(self) -> None:
        """Those of the tests, the file's name, and all without the prefix."""
        environment = {"SDKRELAY_TEST_VECTORS": "x", "SDKRELAY_CONFIG": "f.toml", "HOME": "/root"}
        self.assertEqual(faults("", environment), [])


class TypesTests(SynchronousTestCase):
    """Each value by the type of its key."""

    def test_variables_are_typed_by_their_key(self) -> None:
        """Numbers, truth values and lists are written as text in a variable."""
        environment = {
            "SDKRELAY_SYNC__START_HEIGHT": "7",
            "SDKRELAY_AUTH__ALLOW_INSECURE_KEYS": "true",
            "SDKRELAY_BITCOIN_CORE__ZMQ_URL": "tcp://a:1, tcp://b:2",
        }
        config = parse("", environment, {})
        self.assertEqual((config.sync.start_height, config.auth.allow_insecure_keys), (7, True))
        self.assertEqual(config.bitcoin_core.zmq_url, ("tcp://a:1", "tcp://b:2"))

    def test_one_zmq_address_or_a_list(self) -> None:
        """The file may have either."""
        one, several = ('[bitcoin_core]\nzmq_url = "tcp://a:1"', '[bitcoin_core]\nzmq_url = ["tcp://a:1"]')
        self.assertEqual(parse(one, {}, {}), parse(several, {}, {}))

    def test_the_short_form_for_logs(self) -> None:
        """``SDKRELAY_LOG`` sets the level and those of single modules."""
        logging = parse("", {"SDKRELAY_LOG": "warn,sdkrelay.io.net=debug"}, {}).logging
        self.assertEqual((logging.level, logging.levels), ("warn", {"sdkrelay.io.net": "debug"}))

    def test_a_text_is_no_number_in_a_file(self) -> None:
        """TOML has types of its own; only variables and options are text."""
        self.assertEqual(faults('[limits]\nhttp_connections = "5"'), ["limits.http_connections: expected int, got str"])

    def test_bounds_are_told(self) -> None:
        """A number out of range names the bound."""
        self.assertEqual(faults("[limits]\nhttp_connections = 0"), ["limits.http_connections: expected int >= 1"])

    def test_choices_are_told(self) -> None:
        """An unknown network lists the known ones."""
        (fault,) = faults('network = "mainnet"')
        self.assertTrue(
            fault.startswith("network: ") and fault.endswith("one of main, test, testnet4, signet, regtest")
        )


class FaultsTests(SynchronousTestCase):
    """What an operator is told."""

    def test_all_faults_are_told_at_once(self) -> None:
        """File, variables and options, unknown names and wrong values together."""
        found = faults('netwrk = "x"\n[limits]\nhttp_connections = "a"', {"SDKRELAY_NONE": "1"}, {"network": "mars"})
        keys = ["netwrk", "SDKRELAY_NONE", "limits.http_connections", "network (option)"]
        self.assertEqual([fault.partition(":")[0] for fault in found], keys)

    def test_the_nearest_right_name_is_suggested(self) -> None:
        """For mistyped keys, sections and variables, and for a key in the wrong section."""
        self.assertIn("did you mean network?", faults("netwrk = 1")[0])
        self.assertIn("did you mean logging?", faults("[loging]\nlevel = 1")[0])
        self.assertIn("did you mean bitcoin_core.cookie_path?", faults('cookie_path = "x"')[0])
        self.assertIn("did you mean SDKRELAY_SYNC__START_HEIGHT?", faults("", {"SDKRELAY_SYNC_START_HEIGHT": "1"})[0])

    def test_a_wrong_variable_is_named(self) -> None:
        """The fault is at the variable, not at the key it stands for."""
        self.assertEqual(
            faults("", {"SDKRELAY_LIMITS__HTTP_CONNECTIONS": "many"}),
            ["SDKRELAY_LIMITS__HTTP_CONNECTIONS: expected int, got str"],
        )

    def test_a_section_must_be_one(self) -> None:
        """A value where a section stands says how to write it."""
        self.assertEqual(faults("limits = 3"), ["limits: a section: write [limits] and its keys below"])

    def test_what_is_no_toml_is_one_fault(self) -> None:
        """Broken, doubled or endlessly nested text is told, not raised."""
        for text in ("a = ", "network = 'main'\nnetwork = 'main'", "a = " + "[" * 100_000, "\0"):
            self.assertEqual(len(faults(text)), 1)

    def test_secrets_are_in_no_fault_and_no_repr(self) -> None:
        """A password, wherever it is written, and one inside an address."""
        secret = "hunter2hunter2"
        text = f'[bitcoin_core]\nuser = 3\npassword = "{secret}"\nurl = "http://u:{secret}@node:1"'
        self.assertNotIn(secret, repr(faults(text)))
        self.assertNotIn(secret, repr(parse(text.replace("user = 3", 'user = "u"'), {}, {})))

    @settings(deadline=None, max_examples=60)
    @given(
        some.text(max_size=80), some.dictionaries(some.sampled_from([variable_of(key) for key in KEYS]), some.text())
    )
    def test_nothing_else_is_ever_raised(self, text: str, environment: dict[str, str]) -> None:
        """Whatever stands in a file or a variable, there are settings or faults."""
        faults(text, environment)
