"""Settings about who may do what, and about certificates."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.check import check
from sdkrelay.config.fault import ConfigurationError
from sdkrelay.config.model import Auth, Config, Tls
from sdkrelay.config.parse import parse
from sdkrelay.config.resolve import resolve
from sdkrelay.domain.access import Role


def keys(config: Config) -> list[str]:
    """The keys found at fault."""
    return [fault.key for fault in check(config)]


class GuardingTests(SynchronousTestCase):
    """Each rule."""

    def test_people_known_by_certificates_need_an_authority(self) -> None:
        """Without one nobody could ever show a certificate, and nobody would be the operator."""
        people = Auth(users={"machine": Role.OPERATOR})
        self.assertEqual(keys(Config(auth=people)), ["auth.users"])
        self.assertEqual(keys(Config(auth=people, tls=Tls(certificate="c", key="k", client_ca="a"))), [])

    def test_roles_are_words(self) -> None:
        """In the file and in a variable; others are refused with those that would do."""
        expected = {"machine": Role.OPERATOR, "eye": Role.READER}
        config = parse('[auth.users]\nmachine = "operator"\neye = "reader"\n', {}, {})
        self.assertEqual(config.auth.users, expected)
        variables = {"SDKRELAY_AUTH__USERS": "machine=operator,eye=reader"}
        self.assertEqual(parse("", variables, {}).auth.users, expected)
        self.assertRaises(ConfigurationError, parse, '[auth.users]\nmachine = "king"\n', {}, {})

    def test_a_certificate_and_its_key_go_together(self) -> None:
        """One without the other is a fault of the missing one."""
        self.assertEqual(keys(Config(tls=Tls(certificate="c", key="k"))), [])
        self.assertEqual(keys(Config(tls=Tls(certificate="c"))), ["tls.key"])
        self.assertEqual(keys(Config(tls=Tls(key="k"))), ["tls.certificate"])
        self.assertEqual(keys(Config(tls=Tls(client_ca="a"))), ["tls.certificate"])

    def test_origins_are_as_browsers_tell_them(self) -> None:
        """Scheme, host and port in lower case, or a star; a path would never match."""
        for origin in ("*", "https://a.example", "http://localhost:3000", "https://[::1]:8443"):
            self.assertEqual(keys(Config(auth=Auth(cors_origins=(origin,)))), [], origin)
        for origin in (
            "",
            "a.example",
            "https://a.example/",
            "https://A.example",
            "https://*.example/x",
            "https://a:99999",
        ):
            self.assertEqual(keys(Config(auth=Auth(cors_origins=(origin,)))), ["auth.cors_origins"], origin)

    def test_the_home_folder_is_put_in(self) -> None:
        """For each file."""
        tls = resolve(Config(tls=Tls(certificate="~/c", key="/k", client_ca="~/a")), {}, "/h").tls
        self.assertEqual(tls, Tls(certificate="/h/c", key="/k", client_ca="/h/a"))
