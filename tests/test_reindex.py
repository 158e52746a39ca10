"""``sdkrelay reindex``: the index goes, what cannot be made again stays."""

from __future__ import annotations

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.cli import main
from sdkrelay.domain.chain import BlockId
from sdkrelay.domain.notification import Topic
from sdkrelay.io.storage import DatabaseStore
from sdkrelay.ports import WalletChange
from tests.support.stores import block, block_notice, chain, now, opened, output, payment_notice, sealed_wallet


class Keyboard(io.StringIO):
    """Somebody at a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


class ReindexTests(SynchronousTestCase):
    """The command on a database with three blocks, and a wallet at the last that was paid in the second."""

    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.file, self.database = folder / "sdkrelay.toml", folder / "relay.sqlite"
        self.file.write_text(f'data_dir = "{folder}"\n[database]\nurl = "sqlite:///{self.database}"\n')
        self.blocks, self.wallet = chain(3), sealed_wallet(1, birthday=101)
        store = now(opened(f"sqlite:///{self.database}"))
        now(store.index.append_blocks(self.blocks))
        now(store.wallets.register(self.wallet, b"token"))
        self.paid = output(1, block=self.blocks[1].id)
        change = WalletChange(self.wallet.wallet_id, (self.paid,), self.blocks[2].id)
        self.told = now(store.wallets.settle([change], [payment_notice(self.wallet.wallet_id)]))
        now(store.close())

    def said(self, *arguments: str, typed: io.StringIO | None = None) -> tuple[int, str, str]:
        """Status, standard output and standard error of a command line."""
        sys.stdin, before = typed or io.StringIO(), sys.stdin
        self.addCleanup(setattr, sys, "stdin", before)
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            status = main(["reindex", "--config", str(self.file), *arguments])
        return status, out.getvalue(), err.getvalue()

    def store(self) -> DatabaseStore:
        """The database, opened again."""
        store = now(opened(f"sqlite:///{self.database}"))
        self.addCleanup(lambda: now(store.close()))
        return store

    def held(self, store: DatabaseStore) -> list[Any]:
        """Of the index: tip and totals; of the wallet: where it is."""
        (wallet,) = now(store.wallets.wallets())
        return [now(store.index.tip()), now(store.index.totals()), wallet.cursor]

    def test_the_index_goes(self) -> None:
        """The wallet begins again at its birthday; what is done and what comes next is said."""
        status, out, err = self.said("--yes")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("Forgot 3 blocks with 6 tweaks; wallets that begin again: 1.", out)
        self.assertIn("At its next start", out)
        self.assertEqual(self.held(self.store()), [None, (0, 0), BlockId(100, b"")])

    def test_what_cannot_be_made_again_stays(self) -> None:
        """Wallet, token, outputs and log are as before, and the log goes on."""
        self.said("--yes")
        store, wallet_id = self.store(), self.wallet.wallet_id
        (wallet,) = now(store.wallets.wallets())
        self.assertEqual(wallet.sealed_scan_secret, self.wallet.sealed_scan_secret)
        self.assertEqual(now(store.wallets.wallet_of_token(b"token")), wallet_id)
        self.assertEqual(now(store.wallets.outputs(wallet_id)), [self.paid])
        self.assertEqual(now(store.log.read(0, frozenset(Topic), frozenset({wallet_id}), 9)), self.told)
        [entry] = now(
            store.index.append_block(block(BlockId(7, self.blocks[0].hash)), [block_notice(self.blocks[0].id)])
        )
        self.assertEqual(entry.number, 2)

    def test_it_asks_at_a_terminal(self) -> None:
        """Whatever is not yes is no."""
        for answer in ("", "\n", "n\n", "maybe\n"):
            status, out, err = self.said(typed=Keyboard(answer))
            self.assertEqual((status, err), (1, "sdkrelay: nothing was changed\n"), answer)
            self.assertIn("[y/N]", out)
        self.assertEqual(self.said(typed=Keyboard("y\n"))[0], 0)
        self.assertIsNone(self.held(self.store())[0])

    def test_nobody_can_confirm_where_there_is_no_terminal(self) -> None:
        """A script says --yes."""
        status, _, err = self.said(typed=io.StringIO("y\n"))
        self.assertEqual(status, 1)
        self.assertIn("--yes", err)
        self.assertEqual(self.held(self.store())[0], self.blocks[2].id)

    def test_a_running_relay_keeps_its_index(self) -> None:
        """It is named, and nothing changes."""
        store = self.store()
        status, out, err = self.said("--yes")
        self.assertEqual((status, out), (1, ""))
        self.assertIn(f"in use by another relay (process {os.getpid()}): stop that one first", err)
        self.assertEqual(self.held(store)[0], self.blocks[2].id)

    def test_no_database_is_made(self) -> None:
        """Neither for a wrong path nor for one in memory."""
        for url in (f"sqlite:///{self.database}.wrong", "sqlite://"):
            self.file.write_text(f'[database]\nurl = "{url}"\n')
            status, _, err = self.said("--yes")
            self.assertEqual(status, 1)
            self.assertIn("there is no database at", err)
        self.assertFalse(Path(f"{self.database}.wrong").exists())

    def test_wrong_settings_are_told(self) -> None:
        """As ``sdkrelay check`` does."""
        self.file.write_text("netwrk = 1\n")
        status, _, err = self.said("--yes")
        self.assertEqual((status, len(err.splitlines())), (1, 1))
