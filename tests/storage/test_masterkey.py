"""The master key comes from one place, is made once, and is refused where others could read it."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.secp256k1 import is_secret
from sdkrelay.io.masterkey import SIGNING_FILE_NAME, MasterKeyError, master_key, signing_key
from tests.support.stores import CountedEntropy

HEX = "5e" * 32


class MasterKeyTests(SynchronousTestCase):
    """Finding and making it."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.entropy = CountedEntropy()

    def key(self, configured: Path | None = None, **environment: str) -> bytes:
        """The key as the relay gets it."""
        return master_key(self.folder, configured, environment, self.entropy)

    def file(self, content: bytes, mode: int = 0o600, name: str = "key") -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(mode)
        return path

    def refusal(self, configured: Path | None = None, **environment: str) -> str:
        """What the refusal says; never a part of a key."""
        message = str(self.assertRaises(MasterKeyError, self.key, configured, **environment))
        self.assertNotIn("5e5e", message)
        return message

    def test_is_made_once(self) -> None:
        """The first start makes it, 32 bytes, readable by the owner only; later starts find the same."""
        first = self.key()
        self.assertEqual((len(first), self.key(), self.entropy.asked), (32, first, 1))
        self.assertEqual([path.name for path in self.folder.iterdir()], ["master.key"])
        self.assertEqual((self.folder / "master.key").stat().st_mode & 0o777, 0o600)

    def test_mode_does_not_depend_on_the_umask(self) -> None:
        """Also under a careless umask nobody else can read it."""
        self.addCleanup(os.umask, os.umask(0))
        self.key()
        self.assertEqual((self.folder / "master.key").stat().st_mode & 0o777, 0o600)

    def test_is_read_from_the_configured_file(self) -> None:
        """As 64 hexadecimal characters with or without a line end, or as 32 bytes."""
        for content in (HEX.encode(), HEX.upper().encode() + b"\n", b"\x5e" * 32):
            self.assertEqual(self.key(self.file(content)), b"\x5e" * 32)
        self.assertEqual(self.entropy.asked, 0)

    def test_a_configured_file_is_never_made(self) -> None:
        """An absent one is refused: a missing volume must not become a new key."""
        self.assertIn("put the file back", self.refusal(self.folder / "absent"))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_the_configured_file_goes_before_the_credential(self) -> None:
        """systemd's credential is taken when no file is configured, before the data folder's."""
        self.key()
        self.file(HEX.encode(), 0o440, "sdkrelay-master-key")
        self.assertEqual(self.key(CREDENTIALS_DIRECTORY=str(self.folder)), b"\x5e" * 32)
        other = self.file(b"\x01" * 32)
        self.assertEqual(self.key(other, CREDENTIALS_DIRECTORY=str(self.folder)), b"\x01" * 32)

    def test_without_our_credential_the_data_folder_serves(self) -> None:
        """A credentials folder that has only those of others is no matter."""
        self.assertEqual(self.key(CREDENTIALS_DIRECTORY="/nonexistent"), self.key())

    def test_what_others_can_read_is_refused(self) -> None:
        """For group and world, with the command that mends it; a credential is refused for the world."""
        for mode in (0o640, 0o604, 0o660, 0o777):
            self.assertIn("chmod 600", self.refusal(self.file(HEX.encode(), mode)))
        self.file(HEX.encode(), 0o444, "sdkrelay-master-key")
        self.assertIn("others can read", self.refusal(CREDENTIALS_DIRECTORY=str(self.folder)))

    def test_what_is_no_key_is_refused(self) -> None:
        """Empty, short, long, or not hexadecimal: the content is not repeated."""
        for content in (
            b"",
            HEX[2:].encode(),
            HEX.encode() * 2,
            b"\x5e" * 33,
            b"5e5e" * 5 + b"g" * 44,
            "é".encode() * 32,
        ):
            self.assertIn("neither 32 bytes", self.refusal(self.file(content)))

    def test_what_is_no_plain_file_is_refused(self) -> None:
        """A folder, a pipe nobody writes to, and a link to nothing end at once with words."""
        os.mkfifo(self.folder / "pipe")
        (self.folder / "link").symlink_to("nowhere")
        for path in (self.folder, self.folder / "pipe", self.folder / "link"):
            self.assertIn("master key", self.refusal(path))

    def test_a_missing_data_folder_is_refused(self) -> None:
        """It is named, and not made."""
        self.folder.rmdir()
        self.assertIn("check the folder", self.refusal())

    def test_the_signing_key(self) -> None:
        """It is made once, a secret of the curve, for its owner alone; what is none is refused."""
        key = signing_key(self.folder, self.entropy)
        path = self.folder / SIGNING_FILE_NAME
        self.assertTrue(is_secret(key))
        self.assertEqual((signing_key(self.folder, self.entropy), path.stat().st_mode & 0o777), (key, 0o600))
        for bad in (bytes(32), b"\xff" * 32):
            path.write_bytes(bad)
            self.assertRaises(MasterKeyError, signing_key, self.folder, self.entropy)
