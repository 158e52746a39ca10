"""A full disk, a lock, damage found late: said clearly, nothing half written, reading goes on, and writing again by itself."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError, OperationalError
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from sdkrelay.io.storage import DatabaseStore
from sdkrelay.io.storage.schema import token
from sdkrelay.ports import Unavailable, WalletChange
from tests.support.stores import block, block_notice, chain, now, opened, output, pragma, sealed_wallet, tip_of

LATE = 1 << 40


def fill(store: DatabaseStore, size: int = 1134) -> str:
    """Append big blocks until the disk is full; what is said then."""
    for _ in range(2000):
        tip = tip_of(store)
        try:
            now(store.index.append_block(block(tip, size), [block_notice(tip)]))
        except Unavailable as full:
            return str(full)
    raise AssertionError("the disk never was full")


class FullDiskTests(SynchronousTestCase):
    """SQLite's own bound on pages stands for the disk."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()
        self.store = now(opened(f"sqlite:///{self.path}"))
        self.addCleanup(lambda: now(self.store.close()))
        now(self.store.index.append_blocks(chain(3)))
        pragma(self.store, "max_page_count=120")

    def test_says_so_and_goes_on_reading(self) -> None:
        """Unavailable with what to do; the condition says the same; all that was acknowledged is read."""
        self.assertIsNone(self.store.condition())
        said = fill(self.store)
        self.assertIn("the disk is full: make room", said)
        self.assertIn(self.path.name, said)
        self.assertEqual(self.store.condition(), said)
        tip = tip_of(self.store)
        self.assertEqual(len(now(self.store.index.rows(0, LATE))), tip.height - 99)

    def test_nothing_is_half_written(self) -> None:
        """Block, totals and log stand together as before the write that failed."""
        fill(self.store)
        tip, last = tip_of(self.store), now(self.store.log.last_number())
        rows = now(self.store.index.rows(0, LATE))
        self.assertEqual((tip.height, last), (rows[-1].height, len(rows) - 3))
        self.assertEqual(now(self.store.index.totals()), (len(rows), sum(row.count for row in rows)))

    def test_writes_again_once_there_is_room(self) -> None:
        """The same write succeeds, with the next number, and the condition is well again."""
        fill(self.store)
        last = now(self.store.log.last_number())
        pragma(self.store, "max_page_count=100000")
        tip = tip_of(self.store)
        entries = now(self.store.index.append_block(block(tip, 1134), [block_notice(tip)]))
        self.assertEqual([entry.number for entry in entries], [last + 1])
        self.assertIsNone(self.store.condition())

    def test_a_settlement_is_whole_or_not_at_all(self) -> None:
        """Outputs, cursor and entries of a settlement that found no room are all absent."""
        now(self.store.wallets.register(sealed_wallet(1), b"token"))
        fill(self.store, 20)
        change = WalletChange(sealed_wallet(1).wallet_id, tuple(output(n) for n in range(2000)), tip_of(self.store))
        self.assertRaises(Unavailable, now, self.store.wallets.settle([change], [block_notice(tip_of(self.store))]))
        self.assertEqual(now(self.store.wallets.outputs(sealed_wallet(1).wallet_id)), [])
        self.assertEqual(now(self.store.wallets.wallets()), [sealed_wallet(1)])

    def test_removing_needs_no_new_page(self) -> None:
        """While no page can be had, the tip can still be disconnected."""
        fill(self.store)
        now(self.store.index.disconnect_tip(tip_of(self.store), [], []))
        self.assertIsNone(self.store.condition())


class FullFileSystemTests(SynchronousTestCase):
    """A small file system that is really full."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        if os.geteuid() != 0:
            raise SkipTest("only root can mount a small file system")
        mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(self.folder)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            raise SkipTest("no small file system can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.folder)], check=True)

    def test_is_told_and_got_over(self) -> None:
        """The disk fills up while blocks are stored; with a file removed, the relay goes on where it was."""
        (self.folder / "other").write_bytes(bytes(2_000_000))
        store = now(opened(f"sqlite:///{self.folder}/relay.sqlite"))
        self.addCleanup(lambda: now(store.close()))
        now(store.index.append_blocks(chain(3)))
        self.assertIn("the disk is full", fill(store))
        tip, last = tip_of(store), now(store.log.last_number())
        self.assertEqual(len(now(store.index.rows(0, LATE))), last + 3)
        (self.folder / "other").unlink()
        [entry] = now(store.index.append_block(block(tip), [block_notice(tip)]))
        self.assertEqual((entry.number, store.condition()), (last + 1, None))

    def test_a_full_disk_at_the_start_may_pass(self) -> None:
        """Opening where there is no room is Unavailable, not a database to be given up."""
        self.assertRaises(OSError, (self.folder / "other").write_bytes, bytes(8_000_000))
        url = f"sqlite:///{self.folder}/relay.sqlite"
        self.assertRaises(Unavailable, now, opened(url))
        (self.folder / "other").unlink()
        now(now(opened(url)).close())


class OtherFaultTests(SynchronousTestCase):
    """What else befalls an open database."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()
        self.store = now(opened(f"sqlite:///{self.path}"))
        self.addCleanup(lambda: now(self.store.close()))
        now(self.store.index.append_blocks(chain(30, count=100)))

    def test_a_lock_held_by_another_program(self) -> None:
        """Somebody's open transaction is waited for, then told; when it ends, writing goes on."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            pragma(self.store, "busy_timeout=10")
            error = self.assertRaises(Unavailable, now, self.store.set_meta("a", "b"))
            self.assertIn("locked by another program", str(error))
            other.execute("ROLLBACK")
        now(self.store.set_meta("a", "b"))
        self.assertIsNone(self.store.condition())

    def test_damage_found_while_running(self) -> None:
        """Reading a damaged page is Unavailable with what to do, not a crash."""
        now(self.store.close())
        whole = bytearray(self.path.read_bytes())
        whole[len(whole) // 2 :] = b"\xa5" * (len(whole) - len(whole) // 2)
        self.path.write_bytes(whole)
        self.store = now(opened(f"sqlite:///{self.path}"))
        self.assertIn("damaged", str(self.assertRaises(Unavailable, now, self.store.index.rows(0, LATE))))

    def test_our_own_mistakes_are_not_called_unavailable(self) -> None:
        """A statement that is wrong raises as itself and leaves the condition well."""
        broken = self.store._runner.write(lambda connection: connection.exec_driver_sql("SELECT nonsense"))
        self.assertRaises(OperationalError, now, broken)
        self.assertIsNone(self.store.condition())

    def test_errors_show_no_values(self) -> None:
        """What the database says of a failing statement names the statement, never what was to be stored."""
        row = {"token_hash": b"canary", "wallet_id": "nobody"}
        error = self.assertRaises(
            IntegrityError, now, self.store._runner.write(lambda connection: connection.execute(insert(token), row))
        )
        self.assertNotIn("canary", str(error) + repr(error))
