"""The topics and names of the bus that have a meaning of their own, written once for both ends."""

from __future__ import annotations

#: Told every half second by a server that answers ``autoconnect``; the only message without an envelope.
HEARTBEAT = "greathall::heartbeat"
#: The server ends in order: do not come back.
GAME_OVER = "gameover"
SHUTDOWN = "greathall::shutdown"
LOADED = "greathall::loaded"
#: The whole registry, in place of the one a client has.
COMMANDS_REGISTRY = "greathall::bus.commands.registry"
#: Notices about the server's own upstream.
RECONNECT = "greathall::bus.reconnect"
TOKEN_CHANGED = "greathall::bus.token.changed"
ORC_NAME_CHANGED = "greathall::bus.orcname.changed"
#: Why a connection was refused: ``{code, message}`` instead of an envelope.
REJECT = "xcraft::axon/reject"
CERTIFICATE_REJECTED = "XCRAFT_AXON_CLIENT_CERTIFICATE_REJECT"
#: The command that makes a client known, and whom it speaks for until then.
AUTOCONNECT = "autoconnect"
GREATHALL = "greathall"
#: The token of who has none yet.
NO_TOKEN = "invalid"
#: The code of an answer to a command that nobody has.
NOT_AVAILABLE = "CMD_NOT_AVAILABLE"
#: The code of a failed command that told none.
COMMAND_FAILED = "XCRAFT_CMD_ERROR"
#: How this transport calls itself in ``router`` and ``originRouter``.
AXON = "axon"
