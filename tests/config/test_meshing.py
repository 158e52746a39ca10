"""The settings about other relays, and the file of the token."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.check import check
from sdkrelay.config.meshing import Mesh
from sdkrelay.config.model import Config, Limits
from sdkrelay.config.public import public
from sdkrelay.mesh_token import TokenFileError, read_token
from sdkrelay.preflight import _mesh

TOKEN = "a token of more than thirty-two characters"


def faults(**mesh: object) -> list[str]:
    """The keys of what is wrong."""
    return [fault.key for fault in check(Config(mesh=Mesh(**mesh)))]  # type: ignore[arg-type]


class MeshTests(SynchronousTestCase):
    """What is wrong on any machine."""

    def test_peers_need_a_token(self) -> None:
        """And addresses that are some."""
        self.assertEqual(faults(peers=("b",)), ["mesh.token_file"])
        self.assertEqual(faults(peers=("b",), token=TOKEN), [])
        self.assertEqual(faults(peers=("http://b/",), token=TOKEN), ["mesh.peers"])

    def test_a_token_is_long_and_in_one_place(self) -> None:
        """Whoever is dialled sees what is made with it."""
        self.assertEqual(faults(token="short"), ["mesh.token"])
        self.assertEqual(faults(token=TOKEN, token_file="/x"), ["mesh.token"])
        self.assertEqual(faults(backoff_ms=2000, max_backoff_ms=1000), ["mesh.max_backoff_ms"])
        self.assertEqual(faults(certificates=("b",)), ["mesh.certificates"])

    def test_messages_of_relays_have_to_fit(self) -> None:
        """Who is in no mesh may take smaller ones."""
        small = Limits(websocket_message_bytes=100_000)
        self.assertEqual(check(Config(limits=small)), [])
        (fault,) = check(Config(limits=small, mesh=Mesh(token=TOKEN)))
        self.assertEqual(fault.key, "limits.websocket_message_bytes")

    def test_the_token_is_never_shown(self) -> None:
        """Not in what is printed, nor to an operator."""
        config = Config(mesh=Mesh(token=TOKEN))
        self.assertNotIn(TOKEN, repr(config))
        self.assertNotIn(TOKEN, str(public(config, True)))


class TokenFileTests(SynchronousTestCase):
    """A file that only its owner reads."""

    def setUp(self) -> None:
        """A good one."""
        self.path = Path(self.mktemp())
        self.path.write_text(f"{TOKEN}\n")
        self.path.chmod(0o600)

    def told(self) -> str:
        """What ``--check`` says of it."""
        return " ".join(fault.message for fault in _mesh(Config(mesh=Mesh(token_file=str(self.path)))))

    def test_it_is_read_without_white_space(self) -> None:
        """And nothing is wrong with it."""
        self.assertEqual((read_token(self.path), self.told()), (TOKEN.encode(), ""))

    def test_what_others_can_read_is_refused(self) -> None:
        """With the way to mend it."""
        self.path.chmod(0o640)
        self.assertRaises(TokenFileError, read_token, self.path)
        self.assertIn("chmod 600", self.told())

    def test_what_is_missing_or_short_is_told(self) -> None:
        """And nothing of what is in it."""
        self.path.write_text("secret-but-few")
        self.assertIn("openssl rand", self.told())
        self.assertNotIn("secret-but-few", self.told())
        self.path.unlink()
        self.assertIn("cannot be read", self.told())
