"""Register a wallet with a relay and print what it is told. Usage: watch_wallet.py ws://127.0.0.1:8090 SPEND_PUBLIC_KEY"""

import os
import sys

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from sdkrelay.client import connect


async def main(reactor, url, spend_public_key):
    relay = await connect(reactor, url, capabilities=["silent_payments"])
    scan_private_key = os.environ["SCAN_PRIVATE_KEY"]  # finds payments, cannot spend them; never on the command line
    wallet = await relay.request(
        "register_wallet", scan_private_key=scan_private_key, spend_public_key=spend_public_key, birthday=0
    )
    print("watching", wallet["address"], flush=True)
    while True:
        message = await relay.next()
        if message["type"] == "notification" and message["notification_type"].startswith("payment_"):
            data = message["data"]
            print(message["notification_type"], data["amount"], "BTC", data["txid"], message["position"], flush=True)


react(lambda reactor: Deferred.fromCoroutine(main(reactor, *sys.argv[1:])))
