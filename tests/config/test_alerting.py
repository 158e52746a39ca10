"""The settings of alerts: where they are posted, and what must not be seen."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.alerting import Alerts
from sdkrelay.config.check import check
from sdkrelay.config.model import Config
from sdkrelay.config.parse import parse
from sdkrelay.config.public import public, told_changes
from sdkrelay.config.sources import values

SECRET = "sixteen letters!"


def faults(url: str, secret: str = SECRET) -> list[str]:
    """The keys at fault with this webhook."""
    return [fault.key for fault in check(Config(alerts=Alerts(webhook_url=url, webhook_secret=secret)))]


class WebhookSettingsTests(SynchronousTestCase):
    """``[alerts]``."""

    def test_an_address_with_a_secret_is_fine(self) -> None:
        """With any path; a secret alone does nothing."""
        self.assertEqual(faults("https://alerts.example/hook?a=b") + faults("http://127.0.0.1:1/") + faults(""), [])

    def test_a_webhook_is_signed(self) -> None:
        """Without a secret, or with a short one, nothing starts."""
        self.assertEqual(faults("https://a.example/", ""), ["alerts.webhook_secret"])
        self.assertEqual(faults("https://a.example/", SECRET[:15]), ["alerts.webhook_secret"])

    def test_what_is_no_address(self) -> None:
        """Other schemes, no host, credentials inside."""
        for url in (
            "ftp://a/",
            "alerts.example",
            "https://",
            "http://a:x/",
            "file:///etc/passwd",
            "https://u:p@a.example/",
        ):
            self.assertEqual(faults(url), ["alerts.webhook_url"], url)

    def test_neither_address_nor_secret_are_shown(self) -> None:
        """To nobody: not in /config, not in the list of changes, not in a text of the settings."""
        url = "https://a.example/hunter2"
        config = Config(alerts=Alerts(webhook_url=url, webhook_secret=SECRET))
        changes = told_changes(values(Config()), values(config))
        self.assertEqual(changes, ("alerts.webhook_url: changed", "alerts.webhook_secret: changed"))
        shown = f"{public(config, True)} {changes} {config!r}"
        self.assertNotIn("hunter2", shown)
        self.assertNotIn(SECRET, shown)

    def test_the_secret_may_come_from_the_environment(self) -> None:
        """As any key may."""
        config = parse("", {"SDKRELAY_ALERTS__WEBHOOK_SECRET": SECRET}, {})
        self.assertEqual(config.alerts.webhook_secret, SECRET)
