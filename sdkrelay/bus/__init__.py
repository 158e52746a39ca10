"""A client of Xcraft buses for Twisted programs: it does what xcraft-core-busclient does for JavaScript ones.

::

    client = BusClient(BusConfig(host="127.0.0.1"))
    await client.connect()
    response = client.new_response("my-module")
    response.events.subscribe("*::status.changed", lambda event: print(event.data))
    print(await response.command.send_async("warehouse.get", {"path": "app.name"}))
    await client.stop()

Names are those of the original in snake_case; where it takes a callback, a coroutine is awaited. Each call ends: with its
answer, CommandError, or Interrupted (a time-out, a lost connection, an abort, a stop). A silent server is left after
``heartbeat_timeout``. The client comes back by itself and keeps its name and its subscriptions; unlike the original it never
ends the process, on whatever host, and what is sent while there is no connection raises NotConnected instead of waiting.

BusClient

=============================== =======================================================================================
connect                         opens both connections, asks at the first heartbeat; ``ee`` is refused, a token is taken
stop                            sends what was written, closes both; calls end with Stopped
new_message, patch_message      an :class:`Envelope` with the token of now
register_events                 one handler for a pattern, in place of others
unregister_events               forgets the handlers of a pattern
is_connected                    false from the moment of a loss
get_token, get_orc_name         the name stays when the client comes back, the token may not
get_commands_registry           :class:`Entry` by name, told at connecting and whenever it changes
get_commands_registry_time      ISO 8601; 0 before
get_commands_names              name to ranking predictions, or True
is_server_side                  true without a name of its own
get_nice                        as configured
destroy_push_socket             cuts the command connection; the client comes back
last_error_reason               why the last connection ended; the code if the server refused the certificate
=============================== =======================================================================================

Command (``client.command``)

=============================== =======================================================================================
send                            awaits the answering :class:`Event`; ``answer=False`` sends only; ``timeout`` a call
retry                           sends an envelope again with the token of now, and awaits
new_message                     an envelope for a command
connected_with                  ``axon``
abort, abort_all                end calls here, RPC or not; the bus has no message to cancel. Of one client, not of all
=============================== =======================================================================================

Events (``client.events``)

=============================== =======================================================================================
subscribe                       handlers get an :class:`Event`; returns what unsubscribes; ValueError without ``::``
unsubscribe_all                 of one pattern
send, heartbeat                 raise BusError, as for every client that is no server
catch_all                       every message with the token of now, and its envelope, before other handlers; not notices
last_perf                       seconds since the last byte came
connected_with                  ``axon``
status                          succeeded 1, failed 2, canceled 3
=============================== =======================================================================================

Resp (``client.new_response(module_name, orc_name)``)

=============================== =======================================================================================
events.subscribe, .catch_all    as above; a topic without ``::`` gets the orc's name
events.unsubscribe_all, .send   likewise
command.send_async              awaits the payload of the answer; run at once
command.send, .nested_send      await the answering Event; run after its like, or at once
command.retry                   as above
on_token_changed                ``callback(configuration)``
on_orcname_changed              ``callback(old, new, configuration)``
on_reconnect                    ``callback("attempt")``, ``callback("done")``
on_commands_registry            ``callback(None, data)``
has_command, get_commands_...   as BusClient
is_connected                    as BusClient
orc_name, log, msg_context      the name given, a :class:`twisted.logger.Logger`, the context of each command
=============================== =======================================================================================

Left out: hordes, tribes, Goblin lines, streams, functions in payloads (refused), Unix sockets, the gatekeeper's web flow.
"""

from __future__ import annotations

from ..messages.bus import Entry, Envelope
from .client import BusClient
from .command import Command
from .config import BusConfig
from .errors import (
    Aborted,
    BusError,
    CallTimeout,
    CommandError,
    Congested,
    ConnectFailed,
    ConnectionLost,
    HeartbeatLost,
    Interrupted,
    NotConnected,
    Rejected,
    ServerEnded,
    Stopped,
)
from .events import Event, Events, Status
from .resp import Resp

__all__ = [
    "Aborted",
    "BusClient",
    "BusConfig",
    "BusError",
    "CallTimeout",
    "Command",
    "CommandError",
    "Congested",
    "ConnectFailed",
    "ConnectionLost",
    "Entry",
    "Envelope",
    "Event",
    "Events",
    "HeartbeatLost",
    "Interrupted",
    "NotConnected",
    "Rejected",
    "Resp",
    "ServerEnded",
    "Status",
    "Stopped",
]
