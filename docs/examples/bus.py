"""Call a command of an Xcraft bus and print the events it causes. Usage: bus.py COMMANDER_PORT NOTIFIER_PORT COMMAND JSON"""

import json
import sys

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from sdkrelay.bus import BusClient, BusConfig, CommandError


async def main(reactor, commander, notifier, command, data):
    client = BusClient(BusConfig(commander_port=int(commander), notifier_port=int(notifier)))
    await client.connect()
    response = client.new_response("example")
    response.events.subscribe("*::*", lambda event: print("event", event.topic, json.dumps(event.data), flush=True))
    print("connected as", client.get_orc_name(), "with", len(client.get_commands_registry()), "commands", flush=True)
    try:
        print("answer", json.dumps(await response.command.send_async(command, json.loads(data))), flush=True)
    except CommandError as error:
        print("failed", error, flush=True)
    await client.stop()


react(lambda reactor: Deferred.fromCoroutine(main(reactor, *sys.argv[1:])))
