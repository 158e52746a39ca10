"""The migrations lead to exactly the schema that the queries are written for, and keep the data on the way."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.schnorr import xonly
from sdkrelay.io.storage.engine import engine_for
from sdkrelay.io.storage.facts import Counter
from sdkrelay.io.storage.schema import metadata
from sdkrelay.io.storage.upgrade import upgrade
from tests.support.stores import now, opened

#: Rows as the first release wrote them.
FIRST_RELEASE = """
INSERT INTO fact VALUES ('log_id', '0011223344556677'), ('network', 'signet');
UPDATE counter SET value = 1;
INSERT INTO block VALUES (7, x'aa', x'bb', 1600000000, 1, x'cc', x'01', x'02', x'03', x'04', x'05', x'06', x'');
INSERT INTO wallet VALUES ('ab', 1, 'tsp1q', x'00', x'02', '[1,5]', 7, 7, x'aa', 1700000000);
INSERT INTO token VALUES (x'77', 'ab');
INSERT INTO output VALUES
  (1, 'ab', x'99', 546, x'01', 0, NULL, x'02', x'03', 10, 20, 0, 'mempool', NULL, NULL, 1700000000, NULL, NULL, NULL, NULL);
INSERT INTO entry VALUES (1, 'block_mined', 'blocks', NULL, x'7b7d', 1700000000);
"""


#: A message as the release before records kept it.
LEFT = """
INSERT INTO message VALUES ('m', 'user:alice', x'7b2261223a317d', 1700000000, 1700003600, 1);
"""


class SchemaTests(SynchronousTestCase):
    """Migrations and schema.py side by side."""

    def test_no_drift(self) -> None:
        """What alembic would still change after all migrations is nothing."""
        writer, _ = engine_for("sqlite://").open(upgrade)
        self.addCleanup(writer.dispose)
        with writer.begin() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            self.assertEqual(compare_metadata(context, metadata), [])

    def test_drift_would_be_seen(self) -> None:
        """A column too many is found by the same comparison."""
        writer, _ = engine_for("sqlite://").open(upgrade)
        self.addCleanup(writer.dispose)
        with writer.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE block ADD COLUMN colour TEXT")
            self.assertEqual(len(compare_metadata(MigrationContext.configure(connection), metadata)), 1)

    def test_every_counter_has_its_row(self) -> None:
        """A migration brings the row of each counter that the code names."""
        writer, _ = engine_for("sqlite://").open(upgrade)
        self.addCleanup(writer.dispose)
        with writer.begin() as connection:
            names = set(connection.exec_driver_sql("SELECT name FROM counter").scalars())
        self.assertEqual(names, {str(counter) for counter in Counter})


class UpgradeTests(SynchronousTestCase):
    """From the first release to this one."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()
        engine = engine_for(f"sqlite:///{self.path}")
        writer, reader = engine.open(lambda database: upgrade(database, "0001"))
        reader.dispose()
        engine.close(writer)
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(FIRST_RELEASE)

    def test_the_data_of_the_first_release_is_kept(self) -> None:
        """Every table's row is read by this release as it was written by the first."""
        store = now(opened(f"sqlite:///{self.path}"))
        self.addCleanup(lambda: now(store.close()))
        [wallet] = now(store.wallets.wallets())
        self.assertEqual(
            (wallet.labels, wallet.cursor, now(store.wallets.wallet_of_token(b"\x77"))), ((1, 5), (7, b"\xaa"), "ab")
        )
        self.assertEqual([found.value for found in now(store.wallets.outputs("ab"))], [546])
        self.assertEqual([row.tweaks for row in now(store.index.rows(0, 9))], [b"\x02"])
        self.assertEqual((now(store.log.log_id()), now(store.meta("network"))), ("0011223344556677", "signet"))
        self.assertEqual((now(store.log.last_number()), now(store.index.totals())), (1, (1, 1)))

    def test_messages_become_unsigned_records(self) -> None:
        """A message left with the release before waits, with its entry, for its signature; then it is a record like any."""
        path = Path(self.mktemp()).absolute()
        engine = engine_for(f"sqlite:///{path}")
        writer, reader = engine.open(lambda database: upgrade(database, "0004"))
        reader.dispose()
        engine.close(writer)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(LEFT)
        store = now(opened(f"sqlite:///{path}"))
        self.addCleanup(lambda: now(store.close()))
        (old,) = now(store.records.unsigned(9))
        new = evolve(old, origin="r", key=xonly(b"\x07" * 32)).signed(b"\x07" * 32, bytes(32))
        now(store.records.sign([(old, new)]))
        self.assertEqual((now(store.records.unsigned(9)), now(store.records.counting(0))), ([], [new]))
        self.assertEqual((new.made_at, new.expires_at, new.content), (1700000000, 1700003600, b'{"a":1}'))
        self.assertEqual(now(store.records.get([new.record_id])), [new])

    def test_opening_again_changes_nothing(self) -> None:
        """An up-to-date database is not migrated a second time."""
        now(now(opened(f"sqlite:///{self.path}")).close())
        before = self.path.read_bytes()
        now(now(opened(f"sqlite:///{self.path}")).close())
        self.assertEqual(self.path.read_bytes(), before)

    def test_a_failing_migration_leaves_nothing_half(self) -> None:
        """Migrations are part of one transaction."""

        def broken(database: sqlalchemy.Engine) -> None:
            with database.begin() as connection:
                connection.exec_driver_sql("CREATE TABLE half (name TEXT)")
                raise RuntimeError("interrupted")

        engine = engine_for(f"sqlite:///{self.path}")
        self.assertRaises(RuntimeError, engine.open, broken)
        with closing(sqlite3.connect(self.path)) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        self.assertNotIn("half", names)
