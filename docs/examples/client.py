"""Register a wallet and print what is paid to it, each payment once, also after a restart.

Usage: client.py STATE_FILE SPEND_PUBLIC_KEY ws://127.0.0.1:8090 [wss://backup.example.com:8090 …]
"""

import os
import sys

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from sdkrelay.client import Client, FileState


async def main(reactor, state_file, spend_public_key, relay, *backups):
    client = Client(relay, backups=backups, state=FileState(state_file), reactor=reactor)
    await client.connect()
    scan_private_key = os.environ["SCAN_PRIVATE_KEY"]  # finds payments, cannot spend them; never on the command line
    wallet = await client.register_wallet(scan_private_key, spend_public_key, birthday=0)
    print("watching", wallet["address"], flush=True)
    async for notification in client.notifications():
        if notification.get("notification_type") in ("payment_detected", "payment_confirmed"):
            data = notification["data"]
            print(notification["notification_type"], data["amount"], "BTC", data["txid"], flush=True)


react(lambda reactor: Deferred.fromCoroutine(main(reactor, *sys.argv[1:])))
