"""Relays that link over TLS: the certificate of the one that is dialled is verified."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace
from twisted.trial.unittest import TestCase

from sdkrelay.config.guarding import Tls
from tests.support.certificates import Authority

from .meshed import MeshRelay


class TlsTests(TestCase):
    """One relay with a certificate, one that dials it."""

    timeout = 60

    def setUp(self) -> None:
        """The one that is dialled speaks TLS only."""
        self.folder = Path(self.mktemp()).absolute()
        self.authority = Authority(self.folder / "authority")
        certificate, key = self.authority.issue("localhost")
        self.lower = MeshRelay(self.folder, "relay-1")
        tls = Tls(certificate=str(certificate), key=str(key))
        self.lower.config = replace(self.lower.config, tls=tls)
        self.upper = MeshRelay(self.folder, "relay-2", peers=(f"wss://localhost:{self.lower.port}",))

    async def tearDown(self) -> None:
        """Leave nothing in the reactor."""
        await self.lower.stop()
        await self.upper.stop()

    async def test_a_certificate_of_the_authority_is_taken(self) -> None:
        """The one in mesh.ca_file."""
        self.upper.again(ca_file=str(self.authority.path))
        await self.lower.start()
        await self.upper.start()
        link = await self.upper.linked("relay-1")
        self.assertTrue(link.reconciles)

    async def test_certificates_stand_for_the_token(self) -> None:
        """On both sides: none has a token, each shows a certificate that the other knows."""
        authorities = str(self.authority.path)
        tls = replace(self.lower.config.tls, client_ca=authorities)
        self.lower.config = replace(self.lower.config, tls=tls)
        self.lower.again(token="", certificates=("relay-2",))
        certificate, key = self.authority.issue("relay-2", client=True)
        self.upper.config = replace(self.upper.config, tls=Tls(certificate=str(certificate), key=str(key)))
        self.upper.again(token="", ca_file=authorities)
        await self.lower.start()
        await self.upper.start()
        link = await self.upper.linked("relay-1")
        self.assertTrue(link.dialled)

    async def test_any_other_is_refused(self) -> None:
        """As one that cannot be reached, and the reason is shown."""
        await self.lower.start()
        await self.upper.start()
        dialling = self.upper.parts.relations.mesh.roster.dialling
        (peer,) = self.upper.parts.relations.mesh.roster.named
        await self.upper.until(lambda: dialling.standing(peer.id).attempts > 0)
        self.assertIn("certificate", str(dialling.standing(peer.id).error))
        self.assertEqual(self.upper.links.all(), ())
