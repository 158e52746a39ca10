"""Secrets that are easy to find, in a relay that logs everything and is provoked to err: they are found nowhere.

A scan key, a wallet's token and the node's password are looked for in every file the relay writes, in what the system
shows of its process, and in every answer it gives, in all the forms that a secret may leak in.
"""

from __future__ import annotations

import base64
import hmac
import json
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from sdkrelay.demo.relay import RelayProcess
from sdkrelay.io.bitcoind.process import Options
from tests.support.live import LiveTestCase, Stage, aside, indexed
from tests.support.websocket import UPGRADE, frame

from .listener import Listener, Owner

#: The canaries: random looking, so that no other bytes are taken for them.
SCAN_SECRET = bytes.fromhex("5ca9ca9a417d0c3b96e2f1a8d47b60935e1f8ac26d94b7031f6ea5c8d2937b41")
PASSWORD = "Kanarienvogel-7f3a91c05be2d864"
SALT = "0badc0de0badc0de"


def forms(secret: bytes) -> list[bytes]:
    """How 32 bytes may be written, cut to a part that none would be left without."""
    text = secret.hex().encode()
    return [
        secret[4:20],
        secret[::-1][4:20],
        text[8:40],
        text[8:40].upper(),
        *(base64.b64encode(bytes(shift) + secret)[8:28] for shift in range(3)),
        *(base64.urlsafe_b64encode(bytes(shift) + secret)[8:28] for shift in range(3)),
        base64.b64encode(text)[8:40],
        str(int.from_bytes(secret, "big")).encode()[4:40],
        ", ".join(str(one) for one in secret[4:12]).encode(),
        repr(secret[4:12])[2:-1].encode(),
    ]


def leaks(needles: Iterable[bytes], hay: dict[str, bytes]) -> list[str]:
    """Where a needle was found."""
    wanted = list(needles)
    return [place for place, content in hay.items() if any(needle in content for needle in wanted)]


class CanaryTests(LiveTestCase):
    """One relay at the most talkative level, with wallets, errors and restarts."""

    options = Options(
        extra=(f"-rpcauth=canary:{SALT}${hmac.new(SALT.encode(), PASSWORD.encode(), 'sha256').hexdigest()}",)
    )
    relay: ClassVar[RelayProcess]

    @classmethod
    def furnish(cls, stage: Stage) -> None:
        """The password is in a file that only the relay's user reads."""
        super().furnish(stage)
        settings = stage.folder / "settings.toml"
        settings.touch(0o600)
        settings.write_text(f'[bitcoin_core]\nuser = "canary"\npassword = "{PASSWORD}"\n')
        options = ["--bitcoin-cookie=", f"--config={settings}"]
        cls.relay = stage.relay(cls.node, options=options, environment={"SDKRELAY_LOG": "debug"})
        cls.relay.start()

    async def setUp(self) -> None:  # type: ignore[override]
        """A wallet whose scan key is the canary, paid and spent."""
        super().setUp()
        await indexed(self.relay)
        self.owner = Owner(SCAN_SECRET, b"\3" * 32)
        self.listener = Listener(self.relay)
        self.addCleanup(self.listener.go)
        await self.listener.come()
        wallet = await self.listener.register(self.owner, labels=[1, 2])
        self.token = wallet["wallet_token"]

    def needles(self) -> list[bytes]:
        """All secrets in all forms."""
        token = self.token.encode()
        raw = base64.urlsafe_b64decode(token + b"=")
        return [
            *forms(SCAN_SECRET),
            token[4:30],
            *forms(raw),
            PASSWORD.encode(),
            base64.b64encode(PASSWORD.encode())[:-4],
        ]

    async def live(self) -> None:
        """What a relay does in a day."""
        txid = await self.pay((self.owner.address, 100_000), (self.owner.labelled(2), 100_000))
        await self.mine()
        paid = await self.listener.hear("payment_confirmed", txid=txid, vout=1)
        await aside(self.payer.spend, self.owner.coin(paid))
        await self.mine()
        await indexed(self.relay)
        await self.listener.scan(1, 100, scan_keys=[self.owner.keys])
        self.relay.get("/wallets", {"X-Wallet-Token": self.token})

    async def test_nothing_is_found(self) -> None:
        """Neither in files nor in the process list, while it runs, after it was killed, and in no answer."""
        await self.live()
        answers = await aside(provoke, self.relay, self.token)
        await aside(self.node.stop)
        answers["away"] = await aside(provoke_over_http, self.relay, self.token)
        self.node.start()
        await indexed(self.relay)
        self.assertEqual(leaks(self.needles(), answers), [])
        self.assertEqual(leaks(self.needles(), written(self.relay) | shown(self.relay)), [])
        self.relay.kill()
        await self.listener.gone()
        self.relay.start()
        await self.listener.come()
        self.assertEqual(leaks(self.needles(), written(self.relay)), [])
        told = {"told": json.dumps([*self.listener.told, *self.listener.others]).encode()}
        self.assertEqual(leaks(self.needles(), told), [])

    async def test_the_search_would_find_them(self) -> None:
        """Each form of each secret; and the places that are searched are those where things are."""
        for needle in self.needles():
            self.assertEqual(leaks(self.needles(), {"a": b"-" + needle + b"-", "b": b"nothing"}), ["a"])
        files = written(self.relay)
        self.assertTrue({"relay.log", "sdkrelay.sqlite", "sdkrelay.sqlite-wal", "master.key"} <= files.keys())
        self.assertIn(self.owner.address.encode(), b"".join(files.values()))
        process = shown(self.relay)
        self.assertIn(b"--data-dir=", process["cmdline"])
        self.assertIn(b"SDKRELAY_LOG=debug", process["environ"])


def written(relay: RelayProcess) -> dict[str, bytes]:
    """Every file of the data folder, with all the relay printed."""
    return {
        str(path.relative_to(relay.folder)): path.read_bytes() for path in relay.folder.rglob("*") if path.is_file()
    }


def shown(relay: RelayProcess) -> dict[str, bytes]:
    """What the system shows of the running process."""
    return {name: Path(f"/proc/{relay.pid}/{name}").read_bytes() for name in ("cmdline", "environ")}


def provoke(relay: RelayProcess, token: str) -> dict[str, bytes]:
    """Send what is refused, with the secrets in it; all that was answered. Blocks."""
    answers = {str(number): frames(relay, [payload]) for number, payload in enumerate(hostile(token))}
    answers["many"] = frames(relay, [b'{"type":"ping"', SCAN_SECRET.hex().encode(), *hostile(token)])
    return answers | {"http": provoke_over_http(relay, token)}


def hostile(token: str) -> Iterator[bytes]:
    """Messages with secrets where they belong, and something wrong with each."""
    key, good = SCAN_SECRET.hex(), {"spend_public_key": "02" + "11" * 32}
    for wrong in (key[:-1], key + "00", [key], {"key": key}, f" {key}", key.upper() + "\n", int(key, 16)):
        yield message("register_wallet", scan_private_key=wrong, **good)
        yield message("scan_request", from_block=0, to_block=1, scan_keys=[{"scan_private_key": wrong, **good}])
    yield message("register_wallet", scan_private_key=key, spend_public_key="02" + "ff" * 32)
    yield message("register_wallet", scan_private_key=key, **good, labels=[0], birthday="x")
    yield message("register_wallet", scan_private_key=key, **good)[:-1]
    yield (
        message("register_wallet", scan_private_key=key, **good)[:-1] + b',"scan_private_key":"' + key.encode() + b'"}'
    )
    yield message("handshake", wallet_tokens=[token + "!"])
    yield message("handshake", wallet_tokens=token)
    yield message("authenticate", wallet_tokens=[token, token[:-1]])
    yield message("authenticate", wallet_tokens=[{"token": token}])[:-1]


def message(kind: str, **fields: Any) -> bytes:
    """A native message."""
    return json.dumps({"type": kind, **fields}).encode()


def frames(relay: RelayProcess, payloads: Sequence[bytes]) -> bytes:
    """What a new connection answers, once before a handshake and once after."""
    sent = [*payloads, message("handshake"), *payloads, message("ping", timestamp=4711)]
    with socket.create_connection(("127.0.0.1", relay.ws_port), 10) as connection:
        connection.sendall(UPGRADE + b"\r\n")
        read_until(connection, b"\r\n\r\n")
        connection.sendall(b"".join(frame(payload) for payload in sent))
        return read_until(connection, b"4711", b"malformed messages")


def read_until(connection: socket.socket, *ends: bytes) -> bytes:
    """All bytes up to one of these, or to the end of the connection."""
    received = b""
    while not any(end in received for end in ends):
        more = connection.recv(65536)
        if not more:
            break
        received += more
    return received


def provoke_over_http(relay: RelayProcess, token: str) -> bytes:
    """Requests with the token in its header, whole and broken; the bodies of all answers."""
    asked = [relay.get(path, {"X-Wallet-Token": token}) for path in ("/wallets", "/wallets?limit=x", "/bitcoin/info")]
    asked.append(relay.get("/wallets", {"X-Wallet-Token": token + "!"}))
    return json.dumps(asked).encode()
