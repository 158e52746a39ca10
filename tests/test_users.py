"""``sdkrelay users``: from no user to some and back, beside a running relay and without one."""

from __future__ import annotations

import io
import sqlite3
import sys
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.cli import main
from sdkrelay.crypto.passwords import password_fits
from sdkrelay.io.storage import DatabaseStore
from tests.support.stores import now, opened

PASSWORD = "correct horse"


class UsersTests(SynchronousTestCase):
    """Each subcommand, in this process, on a database of its own."""

    def setUp(self) -> None:
        """Settings in a file."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.database = folder / "relay.sqlite"
        self.settings = folder / "settings.toml"
        self.settings.write_text(f'data_dir = "{folder}"\n[database]\nurl = "sqlite:///{self.database}"\n')

    def said(self, *arguments: str, typed: str = PASSWORD) -> tuple[int | str | None, str, str]:
        """Status, standard output and standard error."""
        stdin, sys.stdin = sys.stdin, io.StringIO(f"{typed}\n")
        try:
            with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
                try:
                    status: int | str | None = main(["users", "--config", str(self.settings), *arguments])
                except SystemExit as end:
                    status = end.code
        finally:
            sys.stdin = stdin
        self.assertNotIn(PASSWORD, out.getvalue() + err.getvalue())
        return status, out.getvalue(), err.getvalue()

    def store(self) -> DatabaseStore:
        """The database as a relay has it, closed at the end of the test."""
        store = now(opened(f"sqlite:///{self.database}"))
        self.addCleanup(lambda: now(store.close()))
        return store

    def test_users_come_and_go(self) -> None:
        """An operator unless said otherwise; listed by name."""
        self.assertEqual(self.said("add", "bob", "--role", "reader")[0], 0)
        self.assertIn("ann is now operator (no relay is running now)", self.said("add", "ann")[1])
        listed = [line.split("\t")[:2] for line in self.said("list")[1].splitlines()]
        self.assertEqual(listed, [["ann", "operator"], ["bob", "reader"]])
        self.assertEqual(self.said("remove", "ann")[0], 0)
        self.assertEqual(len(self.said("list")[1].splitlines()), 1)

    def test_only_a_hash_of_the_password_is_kept(self) -> None:
        """It fits, and nothing of the password stands in the file."""
        self.said("add", "ann")
        user = now(self.store().access.user("ann"))
        assert user is not None
        self.assertTrue(password_fits(PASSWORD, user.password_hash))
        self.assertNotIn(PASSWORD.encode(), self.database.read_bytes())

    def test_a_running_relay_knows_at_once(self) -> None:
        """What is changed beside it is in its next answer, and the command says that it runs."""
        store = self.store()
        self.assertIn("the relay that is running", self.said("add", "ann")[1])
        self.assertEqual([user.name for user in now(store.access.users())], ["ann"])
        before = now(store.access.user("ann"))
        self.assertIn("tokens have ended", self.said("passwd", "ann", typed="another horse")[1])
        self.assertNotEqual(now(store.access.user("ann")), before)
        now(store.set_meta("still", "writable"))

    def test_a_relay_of_another_release_is_left_alone(self) -> None:
        """Its database is not changed under it."""
        self.store()
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        status, _, told = self.said("add", "ann")
        self.assertEqual(status, 1)
        self.assertIn("another release", told)

    def test_what_cannot_be_is_told(self) -> None:
        """With status 1, and without a change."""
        self.said("add", "ann")
        for arguments in (
            ("add", "ann"),
            ("remove", "eve"),
            ("passwd", "eve"),
            ("add", ""),
            ("add", "a:b"),
            ("add", "a\nb"),
        ):
            self.assertEqual(self.said(*arguments)[0], 1, arguments)
        for typed in ("short", "", "x" * 1025):
            self.assertEqual(self.said("add", "eve", typed=typed)[0], 1)
        self.assertEqual(len(self.said("list")[1].splitlines()), 1)

    def test_a_password_is_no_argument(self) -> None:
        """Those can be read in the list of processes."""
        self.assertEqual(self.said("add", "ann", "typed password")[0], 2)

    def test_a_database_in_memory_has_no_users_of_its_own(self) -> None:
        """It is gone when the command ends."""
        self.settings.write_text('[database]\nurl = "sqlite://"\n')
        status, _, told = self.said("add", "ann")
        self.assertEqual((status, "in memory" in told), (1, True))

    def test_faults_of_the_settings_are_told(self) -> None:
        """As everywhere."""
        self.settings.write_text("netwrk = 1\n")
        self.assertIn("netwrk: no such key", self.said("list")[2])
