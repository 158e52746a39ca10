"""Databases that cannot be used are refused with words that say what to do."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from sdkrelay.io.storage import StoreError
from tests.support.stores import block_notice, chain, now, opened

NOBODY = 65534


class OpeningTests(SynchronousTestCase):
    """Opening a file."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()

    def refusal(self, url: str | None = None) -> str:
        """What the refusal says."""
        return str(self.assertRaises(StoreError, now, opened(url or f"sqlite:///{self.path}")))

    def filled(self) -> None:
        """Make a database with some blocks."""
        store = now(opened(f"sqlite:///{self.path}"))
        now(store.index.append_blocks(chain(200, count=20)))
        now(store.close())

    def test_keeps_what_was_written(self) -> None:
        """Reopened, the same log goes on."""
        self.filled()
        store = now(opened(f"sqlite:///{self.path}"))
        first = (
            now(store.log.log_id()),
            now(store.index.totals()),
            now(store.wallets.settle([], [block_notice(chain(1)[0].id)])),
        )
        now(store.close())
        store = now(opened(f"sqlite:///{self.path}"))
        self.addCleanup(lambda: now(store.close()))
        told = now(store.log.read(0, frozenset({first[2][0].topic}), frozenset(), 9))
        self.assertEqual((now(store.log.log_id()), now(store.index.totals()), told), first)

    def test_every_database_has_a_log_of_its_own(self) -> None:
        """The log's name comes from entropy when the database is made."""
        store = now(opened("sqlite://"))
        self.addCleanup(lambda: now(store.close()))
        self.assertRegex(now(store.log.log_id()), "^[0-9a-f]{16}$")

    def test_only_its_owner_can_read_it(self) -> None:
        """Database, journal and lock are made with mode 0600."""
        store = now(opened(f"sqlite:///{self.path}"))
        self.addCleanup(lambda: now(store.close()))
        files = sorted(self.path.parent.glob(self.path.name + "*"))
        self.assertEqual({file.stat().st_mode & 0o777 for file in files}, {0o600})
        self.assertEqual(len(files), 4)

    def test_nothing_acknowledged_waits_for_the_disk(self) -> None:
        """The writer's connection synchronises fully, writes ahead, and enforces references."""
        store = now(opened(f"sqlite:///{self.path}"))
        self.addCleanup(lambda: now(store.close()))
        wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}

        def pragmas(connection: object) -> dict[str, object]:
            return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}  # type: ignore[attr-defined]

        self.assertEqual(now(store._runner.write(pragmas)), wanted)

    def test_other_urls_are_refused_without_their_secrets(self) -> None:
        """The message names the kind and what to write instead, never a password."""
        for url in (
            "postgresql://me:secret@host/db",
            "sqlite://host/db",
            "sqlite:///file?mode=ro",
            "nonsense:secret",
            "",
        ):
            message = self.refusal(url or " ")
            self.assertIn("sqlite:///path", message)
            self.assertNotIn("secret", message)

    def test_a_missing_folder(self) -> None:
        """It is named, and not made."""
        self.assertIn("make that folder", self.refusal(f"sqlite:///{self.path}/deeper/relay.sqlite"))
        self.assertFalse(self.path.exists())

    def test_a_folder_in_its_place(self) -> None:
        """A folder is no database."""
        self.path.mkdir()
        self.assertIn("cannot be opened", self.refusal())

    def test_a_file_that_is_no_database(self) -> None:
        """A text file is left as it is."""
        self.path.write_text("These are the notes of somebody else.\n" * 1000)
        self.assertIn("not a SQLite database", self.refusal())
        self.assertIn("somebody else", self.path.read_text())

    def test_a_database_of_another_program(self) -> None:
        """Foreign tables are left as they are."""
        with sqlite3.connect(self.path) as connection:
            connection.execute("CREATE TABLE recipe (name)")
        connection.close()
        self.assertIn("another program", self.refusal())

    def test_a_database_of_a_newer_release(self) -> None:
        """A schema revision not known here is refused, not guessed at."""
        self.filled()
        with sqlite3.connect(self.path) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.close()
        self.assertIn("newer release (schema 9999)", self.refusal())

    def test_a_damaged_database(self) -> None:
        """A file cut short, or overwritten behind its header, is named as damaged."""
        self.filled()
        whole = self.path.read_bytes()
        for damaged in (whole[:20_000], whole[:200] + b"\xa5" * (len(whole) - 200)):
            self.path.write_bytes(damaged)
            self.assertRegex(self.refusal(), "damaged|not a SQLite database")

    def test_a_refused_database_is_given_free(self) -> None:
        """After a refusal the file can be put right and opened by the same process."""
        self.path.write_text("no database" * 100)
        self.refusal()
        self.path.unlink()
        self.filled()

    def test_a_file_that_cannot_be_written(self) -> None:
        """Read-only for the relay's user: what to look at is said."""
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            self.path = Path(folder) / "relay.sqlite"
            self.filled()
            for file in Path(folder).iterdir():
                file.chmod(0o444)
            if os.geteuid() == 0:
                self.addCleanup(os.seteuid, 0)
                os.seteuid(NOBODY)
            message = self.refusal()
            os.seteuid(os.getuid())
        self.assertIn("owner and mode", message)


class LockTests(SynchronousTestCase):
    """One relay a file."""

    def test_a_second_store_on_the_file_is_refused(self) -> None:
        """Whether in this process or another, with the holder's process id; closed, it is free."""
        url = f"sqlite:///{Path(self.mktemp()).absolute()}"
        store = now(opened(url))
        self.assertIn(f"process {os.getpid()}", str(self.assertRaises(StoreError, now, opened(url))))
        self.assertIn(f"process {os.getpid()}", _open_elsewhere(url))
        now(store.close())
        self.assertEqual(_open_elsewhere(url), "opened")

    def test_a_killed_process_holds_nothing(self) -> None:
        """After kill -9 the file opens at once."""
        url = f"sqlite:///{Path(self.mktemp()).absolute()}"
        holder = _elsewhere(url, "import time; print('opened', flush=True); time.sleep(60)")
        if holder.stdout is None:
            raise SkipTest("no pipe to the other process")
        self.assertEqual(holder.stdout.readline().strip(), b"opened")
        self.assertRaises(StoreError, now, opened(url))
        holder.kill()
        holder.communicate()
        now(now(opened(url)).close())


def _elsewhere(url: str, then: str) -> subprocess.Popen[bytes]:
    code = f"from tests.support.stores import now, opened; store = now(opened({url!r})); {then}"
    return subprocess.Popen([sys.executable, "-c", code], cwd=_root(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _open_elsewhere(url: str) -> str:
    output, errors = _elsewhere(url, "print('opened')").communicate()
    return (output or errors).decode().strip()


def _root() -> Path:
    return Path(__file__).resolve().parents[2]
