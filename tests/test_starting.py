"""What hinders a relay from starting ends its process with a sentence and status 1, whatever was begun before."""

from __future__ import annotations

import socket
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from .support.certificates import Authority
from .test_tap import twistd

LOCAL = ("--network=regtest", "--http=127.0.0.1:0")


class StartingTests(SynchronousTestCase):
    """As processes; each has 60 seconds to end."""

    def test_a_broken_certificate_is_told(self) -> None:
        """With its key and its path."""
        certificate, key = Authority(Path(self.mktemp()).absolute()).issue("relay")
        certificate.write_text("broken")
        variables = {"SDKRELAY_TLS__CERTIFICATE": str(certificate), "SDKRELAY_TLS__KEY": str(key)}
        run = twistd(*LOCAL, "--ws=127.0.0.1:0", f"--data-dir={Path(self.mktemp()).absolute()}", **variables)
        self.assertEqual(run.returncode, 1)
        self.assertIn(f"sdkrelay: tls.certificate: {certificate} holds no certificate", run.stdout + run.stderr)

    def test_a_port_that_is_taken_is_told(self) -> None:
        """When the database and its threads are open already."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            run = twistd(*LOCAL, f"--ws=127.0.0.1:{port}", f"--data-dir={Path(self.mktemp()).absolute()}")
        self.assertEqual(run.returncode, 1)
        self.assertIn(f"127.0.0.1:{port}", run.stdout + run.stderr)
